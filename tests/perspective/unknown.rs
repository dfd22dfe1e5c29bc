//! Perspectives that profiles name and the configuration does not have.

use std::fs;

use serde_json::json;

use crate::house::{access, house};
use crate::site::{chancery, credentials};
use crate::support::process::run_refused;

#[test]
fn a_profile_begins_to_name_only_perspectives_that_the_configuration_has() {
    let admin = house().admin();
    let change = json!({"perspectives": ["north", "nowhere"]});
    for refused in [
        admin.patch("/acmeProfiles/alone", "*", &change),
        admin.post("/acmeProfiles", &json!({"name": "new", "perspectives": ["north", "nowhere"]})),
    ] {
        let said = refused.expect_refusal(422, "invalid").json();
        assert_eq!(said["errors"][0]["field"], "perspectives[1]", "{said}");
        let detail = said["errors"][0]["detail"].as_str().expect("words");
        assert!(detail.contains("[perspectives.nowhere]") && detail.contains("north, "), "{detail}");
    }
    let refused =
        run_refused(house().command().args(["profile", "update", "alone", "--set", "perspectives=north,nowhere"]));
    assert!(refused.contains("perspectives[1]") && refused.contains("[perspectives.nowhere]"), "{refused}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("profiles.toml");
    fs::write(&file, "[acme_profiles.new]\nperspectives = [\"nowhere\"]\n").expect("it can be written");
    let refused = run_refused(house().command().args(["apply", "--yes", "--file"]).arg(&file));
    assert!(refused.contains("new") && refused.contains("[perspectives.nowhere]"), "{refused}");
    admin.get("/acmeProfiles/new").expect_refusal(404, "absent");
}

/// Else a section could not be taken out before the profiles that name it are changed, nor anything else of them.
#[test]
fn what_a_profile_named_already_may_stay_and_may_go() {
    let admin = house().admin();
    let before = admin.get("/acmeProfiles/none-left").expect(200).json()["perspectives"].clone();
    let changed = admin.patch("/acmeProfiles/none-left", "*", &json!({"retryInterval": "31s"})).expect(200).json();
    assert_eq!(changed["perspectives"], before, "{changed}");
    // In another profile it is new.
    admin.patch("/acmeProfiles/alone", "*", &json!({"perspectives": ["unknown"]})).expect_refusal(422, "invalid");
}

#[test]
fn a_server_does_not_start_with_a_declared_profile_that_names_what_its_configuration_lacks() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("chancery.toml");
    credentials(folder.path(), "north", "127.0.0.2");
    let known = access(folder.path(), "north", "127.0.0.2:9");
    let profile = "[acme_profiles.default]\nperspectives = [\"nroth\"]\n";
    fs::write(&config, format!("{known}{profile}")).expect("it can be written");
    let mut serve = chancery();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(&config);
    let refused = run_refused(serve.arg("--data").arg(folder.path().join("data")));
    assert!(refused.contains("[perspectives.nroth]") && refused.contains("it has: north"), "{refused}");
}
