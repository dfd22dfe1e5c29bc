//! `apply`: a file that declares profiles.

use std::fs::File;

use serde_json::Value;

use super::{Desk, failed};
use crate::support::process::{finish, run};
use crate::{chancery, text};

const DECLARED: &str = "\
[acme_profiles.default]
default_ra_profile = \"default\"
[acme_profiles.web]
default_ra_profile = \"web\"
challenges = [\"dns-01\"]
retry_pauses = [\"1m\"]
[ra_profiles.default]
validity = \"30d\"
[ra_profiles.web]
without_challenge = [{ name = \"lab.example\", match = \"subdomain\" }]
";

#[test]
fn a_file_is_applied_after_its_difference_is_shown() {
    let desk = Desk::open();
    let file = desk.file("profiles.toml", DECLARED);
    let dry = finish(&mut desk.command(&["apply", "-f", &file, "--dry-run"]));
    assert_eq!(dry.status.code(), Some(3), "there are changes: {}", text(&dry.stderr));
    let difference = text(&dry.stdout);
    for line in [
        "+ acmeProfile/web",
        "    challenges: dns-01",
        "    retry_pauses: 1m",
        "+ raProfile/web",
        "~ raProfile/default",
        "    validity: 90d → 30d",
        "2 created, 2 changed, 0 removed",
    ] {
        assert!(difference.lines().any(|found| found == line), "{line} in {difference}");
    }
    assert!(!difference.contains("revision") && !difference.contains("directory_url"), "{difference}");
    assert!(desk.fails(1, &["profile", "show", "web"]).contains("there is no"), "a dry run does nothing");

    assert_eq!(desk.says(&["apply", "-f", &file]), difference);
    assert_eq!(desk.json(&["profile", "show", "web"])["challenges"][0], "dns-01");
    let again = desk.says(&["apply", "-f", &file, "--dry-run"]);
    assert_eq!(again, "= 4 unchanged\n0 created, 0 changed, 0 removed\n");
    assert_eq!(desk.says(&["apply", "-f", &file]), again);
    let changes: Value = desk.json(&["apply", "-f", &file, "--dry-run"]);
    assert_eq!(changes["changes"][0]["action"], "unchanged");
}

#[test]
fn removing_has_to_be_confirmed() {
    let desk = Desk::open();
    desk.says(&["profile", "create", "old"]);
    let file = desk.file("profiles.toml", DECLARED);
    assert!(!desk.says(&["apply", "-f", &file]).contains("- acmeProfile/old"), "what is not declared is left alone");
    // Standard input is no terminal here: nobody can be asked.
    let said = desk.fails(1, &["apply", "-f", &file, "--prune"]);
    assert!(said.contains("--yes"), "{said}");
    desk.says(&["profile", "show", "old"]);
    let said = desk.says(&["apply", "-f", &file, "--prune", "--yes"]);
    assert!(said.contains("- acmeProfile/old") && said.contains("1 removed"), "{said}");
    desk.fails(1, &["profile", "show", "old"]);
}

#[test]
fn what_the_server_has_is_exported_as_it_is_applied() {
    let desk = Desk::open();
    let file = desk.file("profiles.toml", DECLARED);
    desk.says(&["apply", "-f", &file]);
    let exported = desk.says(&["apply", "--export"]);
    assert!(exported.contains("validity = \"30d\"") && exported.contains("match = \"subdomain\""), "{exported}");
    assert!(!exported.contains("http_port = 80") && !exported.contains("authority"), "only what differs: {exported}");
    let exported = desk.file("exported.toml", &exported);
    let mut dry = desk.command(&["apply", "-f", "-", "--dry-run", "--prune"]);
    dry.stdin(File::open(exported).expect("the file is there"));
    assert_eq!(text(&run(&mut dry)), "= 4 unchanged\n0 created, 0 changed, 0 removed\n");
}

#[test]
fn the_example_needs_no_server_and_can_be_applied() {
    let example = text(&run(chancery().args(["apply", "--example"])));
    let desk = Desk::open();
    let file = desk.file("example.toml", &example);
    let said = desk.says(&["apply", "-f", &file]);
    assert!(said.contains("+ acmeProfile/example") && said.contains("2 created"), "{said}");
    let show = |room: &str, name: &str| desk.json(&[room, "show", name]);
    assert_eq!(show("ra-profile", "example")["keys"], show("ra-profile", "default")["keys"]);
}

#[test]
fn faults_are_named_as_they_stand_in_the_file() {
    let desk = Desk::open();
    for (contents, fault) in [
        ("[acme_profiles.\"a.B\"]\nhttp_port = 0\n", "acme_profiles.a.B.http_port: "),
        ("[acme_profiles.web]\nchallenges = [\"x\"]\n", "acme_profiles.web.challenges[0]: "),
        ("[acme_profiles.web]\ndefault_ra_profile = \"nobody\"\n", "acme_profiles.web.default_ra_profile: "),
        ("[profiles.web]\n", "profiles.toml"),
        ("[acme_profiles.web\n", "profiles.toml"),
    ] {
        let said = desk.fails(1, &["apply", "-f", &desk.file("profiles.toml", contents)]);
        assert!(said.contains(fault), "{contents}: {said}");
    }
    assert!(desk.fails(1, &["apply", "-f", "/nowhere.toml"]).contains("/nowhere.toml"));
    assert!(failed(2, chancery().arg("apply")).contains("--file"));
}
