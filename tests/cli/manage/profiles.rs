//! `profile` and `ra-profile`.

use serde_json::{Value, json};

use super::{Desk, rows};
use crate::support::process::{finish, run};
use crate::text;

#[test]
fn a_profile_is_created_changed_listed_and_deleted() {
    let desk = Desk::open();
    let flags = ["--ra-profile", "default", "--challenge", "http-01", "--contact-required", "--order-validity", "2h"];
    let said = desk.says(&[&["profile", "create", "web"], &flags[..]].concat());
    assert_eq!(said, "created ACME Profile web\n");
    let made = desk.json(&["profile", "show", "web"]);
    assert_eq!((&made["defaultRaProfile"], &made["challenges"]), (&json!("default"), &json!(["http-01"])));
    assert_eq!((&made["contactRequired"], &made["orderValidity"]), (&json!(true), &json!(7200)));

    let said = desk.says(&["profile", "update", "web", "--contact-required=false", "--set", "retry-pauses=2s,1m"]);
    assert_eq!(said, "updated ACME Profile web (revision 2)\n");
    let changed = desk.json(&["profile", "show", "web"]);
    assert_eq!((&changed["contactRequired"], &changed["retryPauses"]), (&json!(false), &json!([2, 60])));
    assert_eq!(changed["orderValidity"], 7200, "what is not said stays");
    let back = desk.json(&["profile", "update", "web", "--unset", "order_validity"]);
    assert_eq!(back["orderValidity"], 36_000, "the answer of the API");

    let table = desk.says(&["profile", "list"]);
    let rows = rows(&table);
    assert_eq!(rows[0][..2], ["NAME", "ENABLED"]);
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), ["NAME", "default", "web"]);
    assert!(table.lines().all(|line| line == line.trim_end()) && !table.contains('\u{1b}'), "{table}");
    let record = desk.says(&["profile", "show", "web"]);
    assert!(record.starts_with("name ") && record.contains("order-validity  "), "{record}");
    assert!(record.contains("10h") && record.contains("2s, 1m"), "{record}");

    assert_eq!(desk.says(&["profile", "disable", "web"]), "disabled ACME Profile web\n");
    assert_eq!(rows_of(&desk, &["profile", "list", "--enabled", "false"]), ["web"]);
    assert_eq!(rows_of(&desk, &["profile", "list", "--ra-profile", "default"]), ["default", "web"]);
    assert_eq!(desk.says(&["profile", "delete", "web"]), "deleted ACME Profile web\n");
    assert!(desk.fails(1, &["profile", "show", "web"]).contains("there is no"));
    assert_eq!(rows_of(&desk, &["profile", "list"]), ["default"]);
}

#[test]
fn an_ra_profile_is_created_activated_and_deactivated() {
    let desk = Desk::open();
    let flags = ["--allow", "**.corp.example", "--deny", "a.corp.example", "--no-wildcards", "--key", "p256"];
    let more = ["--without-challenge", "lab.example:subdomain:wildcard", "--set", "subject=CN={name}"];
    desk.says(&[&["ra-profile", "create", "web", "--validity", "30d"], &flags[..], &more].concat());
    let made = desk.json(&["ra-profile", "show", "web"]);
    assert_eq!((&made["allow"], &made["deny"]), (&json!(["**.corp.example"]), &json!(["a.corp.example"])));
    assert_eq!((&made["wildcards"], &made["keys"]), (&json!(false), &json!(["p256"])));
    assert_eq!((&made["validity"], &made["subject"]), (&json!(2_592_000), &json!("CN={name}")));
    assert_eq!(made["withoutChallenge"], json!([{"name": "lab.example", "match": "subdomain", "wildcard": true}]));

    assert_eq!(desk.says(&["ra-profile", "activate", "web", "default"]), "activated RA Profile web\n");
    assert_eq!(rows_of(&desk, &["ra-profile", "list", "--acme-profile", "default"]), ["web"]);
    desk.says(&["ra-profile", "deactivate", "web"]);
    assert_eq!(desk.json(&["ra-profile", "show", "web"])["acmeProfile"], Value::Null);
    assert_eq!(desk.json(&["ra-profile", "update", "web", "--wildcards"])["wildcards"], true);
}

#[test]
fn many_are_answered_for_one_by_one() {
    let desk = Desk::open();
    desk.says(&["profile", "create", "a"]);
    desk.says(&["profile", "create", "b"]);
    let output = finish(&mut desk.command(&["profile", "disable", "a", "nobody", "b"]));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "disabled ACME Profile a\ndisabled ACME Profile b\n");
    let said = text(&output.stderr);
    assert!(said.contains("nobody: there is no") && said.contains("1 of 3 failed"), "{said}");

    let results = finish(&mut desk.command(&["profile", "enable", "a", "nobody", "-o", "json"]));
    let results: Value = serde_json::from_slice(&results.stdout).expect("JSON");
    assert_eq!(results["results"][0]["item"], "a");
    assert_eq!(results["results"][1]["status"], 404);
    assert!(desk.fails(2, &["profile", "enable", "a", "b", "--if-match", "\"1\""]).contains("--if-match"));

    let names = desk.file("names", "a\n\n  b\n");
    let mut delete = desk.command(&["profile", "delete", "-"]);
    delete.stdin(std::fs::File::open(names).expect("the file is there"));
    assert_eq!(text(&run(&mut delete)), "deleted ACME Profile a\ndeleted ACME Profile b\n");
    assert!(desk.fails(2, &["profile", "delete", "-"]).contains("standard input"));
}

#[test]
fn lists_come_in_pages_and_as_a_stream() {
    let desk = Desk::open();
    for name in ["a", "b", "c"] {
        desk.says(&["ra-profile", "create", name]);
    }
    let page = desk.json(&["ra-profile", "list", "--limit", "3"]);
    assert_eq!(page["items"].as_array().map(Vec::len), Some(3));
    let next = page["next"].as_str().expect("there are more");
    let rest = desk.json(&["ra-profile", "list", "--cursor", next]);
    assert_eq!((&rest["items"][0]["name"], &rest["next"]), (&json!("default"), &Value::Null));

    let output = finish(&mut desk.command(&["ra-profile", "list", "--limit", "1"]));
    assert!(text(&output.stderr).contains("--cursor"), "{}", text(&output.stderr));
    let all = desk.says(&["ra-profile", "list", "--all", "--output", "json"]);
    let names: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).expect("JSON in each line")).collect();
    assert_eq!(names.iter().map(|item| item["name"].clone()).collect::<Vec<_>>(), ["a", "b", "c", "default"]);
    assert!(desk.fails(2, &["ra-profile", "list", "--all", "--limit", "1"]).contains("--limit"));
}

#[test]
fn refusals_say_which_field_and_what_to_do() {
    let desk = Desk::open();
    let said = desk.fails(1, &["profile", "create", "web", "--set", "http-port=0"]);
    assert!(said.contains("\n  http-port: "), "{said}");
    let said = desk.fails(1, &["profile", "create", "web", "--set", "htp-port=80"]);
    assert!(said.contains("htpPort") || said.contains("htp-port"), "{said}");
    let said = desk.fails(1, &["profile", "update", "default", "--if-match", "\"99\"", "--description", "x"]);
    assert!(said.contains("somebody else changed it"), "{said}");
    desk.says(&["profile", "update", "default", "--if-match", "*", "--description", "x"]);
    assert!(desk.fails(2, &["profile", "update", "default"]).contains("nothing to change"));
    assert!(desk.fails(1, &["profile", "create", "default"]).contains("already"));
    assert!(desk.fails(1, &["profile", "show", ".."]).contains(".."));
    assert!(desk.fails(2, &["profile", "update", "default", "--set", "x"]).contains("NAME=VALUE"));
    let said = desk.fails(1, &["ra-profile", "delete", "default"]);
    assert!(said.contains("\n  acmeProfile/default"), "{said}");
    assert_eq!(desk.says(&["ra-profile", "delete", "default", "--force"]), "deleted RA Profile default\n");
}

#[test]
fn a_create_that_is_repeated_with_its_key_makes_one() {
    let desk = Desk::open();
    let create = ["profile", "create", "web", "--idempotency-key", "once"];
    assert_eq!(desk.says(&create), desk.says(&create));
    assert!(desk.fails(1, &[&create[..], &["--description", "x"]].concat()).contains("Idempotency-Key"));
}

fn rows_of(desk: &Desk, list: &[&str]) -> Vec<String> {
    rows(&desk.says(list)).iter().skip(1).map(|row| row[0].to_owned()).collect()
}
