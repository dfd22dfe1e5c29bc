//! The description holds: schemathesis asks for everything that it says one can, with what it says one may and with what
//! it says one may not, and looks whether every answer is one that it describes.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::house::House;
use crate::support::process::{command, find, finish};

/// What must be created along the way: a run that is only refused proves nothing.
const CREATED: [&str; 4] =
    ["POST /api/v1/acmeProfiles", "POST /api/v1/raProfiles", "POST /api/v1/tokens", "POST /api/v1/apply"];

#[test]
fn schemathesis_finds_no_answer_that_is_not_described() {
    let Some(schemathesis) = find("schemathesis") else { return };
    let house = House::open();
    let origin = house.server().directory().strip_suffix("/acme/default/directory").expect("the default directory");
    let report = house.path("report.json");
    let mut run = command(schemathesis);
    run.current_dir(house.path("")).arg("run").arg(format!("{origin}/api/v1/openapi.json"));
    run.arg("--tls-verify").arg(house.server().root());
    run.args(["-H", &format!("Authorization: Bearer {}", house.server().token())]);
    // It would revoke the token that it has.
    run.args(["--exclude-operation-id", "revokeToken"]);
    run.args(["--phases", "examples,coverage,fuzzing", "--max-examples", "4", "--seed", "1", "--no-shrink"]);
    // One worker: two threads that parse at once trip over each other in Python 3.11 ("AST constructor recursion depth
    // mismatch").
    run.args(["--continue-on-failure", "--workers", "1", "--request-timeout", "30", "--warnings", "off"]);
    run.args([
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
         response_schema_conformance,negative_data_rejection,unsupported_method",
    ]);
    run.args(["--report", "json", "--report-json-path"]).arg(&report);
    let output = finish(&mut run);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));

    let report = read(&report);
    assert_eq!((&report["complete"], &report["errors"]), (&true.into(), &Value::Array(Vec::new())), "{report}");
    let operations = &report["operations"];
    assert_eq!(operations["tested"], operations["selected"], "{operations}");
    assert!(operations["tested"].as_u64().is_some_and(|tested| tested > 40), "{operations}");
    for operation in CREATED {
        let phases =
            report["valid_rates"][operation].as_object().unwrap_or_else(|| panic!("{operation} was not tried"));
        let accepted: u64 = phases.values().filter_map(|phase| phase["accepted"].as_u64()).sum();
        assert!(accepted > 0, "{operation} was only refused: {phases:?}");
    }
}

fn read(report: &Path) -> Value {
    let text = fs::read_to_string(report).expect("there is a report");
    serde_json::from_str(&text).expect("the report is JSON")
}
