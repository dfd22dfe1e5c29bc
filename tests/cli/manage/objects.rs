//! `account`, `eab`, `order`, `authorization`, `certificate`, `authority` and `audit`, of what a real client did.

use std::fs;

use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use serde_json::{Value, json};

use super::{Desk, rows};
use crate::client::{Account, Endpoint, challenge, text as member};
use crate::jws::encode;
use crate::support::process::{command, finish, run};
use crate::text;

/// A name for which nothing has to be proven.
const LAB: &str = "www.lab.example";

impl Desk {
    fn endpoint(&self) -> Endpoint {
        Endpoint::open(self.server.directory(), &self.server.root())
    }

    /// The id of the newest of a list.
    fn newest(&self, room: &str) -> String {
        self.json(&[room, "list", "--limit", "1"])["items"][0]["id"].as_str().expect("an id").to_owned()
    }
}

/// A desk whose default profile issues for the lab without challenges, and without CAA records, as nobody answers for it here.
fn lab() -> Desk {
    let desk = Desk::open();
    desk.says(&["ra-profile", "update", "default", "--without-challenge", "lab.example:subdomain"]);
    desk.says(&["profile", "update", "default", "--set", "caa=off"]);
    desk
}

fn issue(account: &Account<'_>) -> Value {
    let key = KeyPair::generate().expect("a key is made");
    let mut params = CertificateParams::new([LAB.to_owned()]).expect("a name");
    params.distinguished_name = DistinguishedName::new();
    let csr = encode(params.serialize_request(&key).expect("the CSR is made").der());
    let (url, order) = account.order(&[LAB]);
    account.post(member(&order, "finalize"), &json!({ "csr": csr })).expect(200);
    account.await_status(&url, "valid")
}

#[test]
fn accounts_are_listed_disabled_and_revoked_with_their_certificates() {
    let desk = lab();
    let endpoint = desk.endpoint();
    let account = endpoint.register("ES256");
    issue(&account);
    let id = desk.newest("account");
    assert_eq!(id.len(), 22, "ids in full");
    assert!(desk.says(&["account", "list", "--status", "valid", "--acme-profile", "default"]).contains(&id));
    let shown = desk.says(&["account", "show", &id]);
    assert!(shown.contains("orders-by-status.valid.count") && shown.contains("thumbprint"), "{shown}");

    assert_eq!(desk.says(&["account", "disable", &id]), format!("disabled account {id}\n"));
    assert_eq!(desk.json(&["account", "list", "--enabled", "false"])["items"][0]["id"], id.as_str());
    account.post(endpoint.url("newOrder"), &json!({"identifiers": []})).expect_problem(403, "unauthorized");
    desk.says(&["account", "enable", &id]);
    desk.says(&["account", "agree-terms", &id]);

    desk.fails(2, &["account", "revoke", &id, "--reason", "superseded"]);
    desk.says(&["account", "revoke", &id, "--certificates", "--reason", "superseded"]);
    assert_eq!(desk.json(&["account", "show", &id])["status"], "revoked");
    let said = desk.fails(1, &["account", "enable", &id, "AAAAAAAAAAAAAAAAAAAAAA"]);
    assert!(said.contains("of 2 failed"), "{said}");
}

#[test]
fn certificates_are_found_downloaded_and_revoked() {
    let desk = lab();
    let endpoint = desk.endpoint();
    issue(&endpoint.register("ES256"));
    let list = desk.json(&["certificate", "list", "--name", LAB, "--sort", "-expires"]);
    let id = list["items"][0]["id"].as_str().expect("an id");
    let account = list["items"][0]["account"].as_str().expect("an account");
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    for (filter, value) in
        [("--account", account), ("--serial", list["items"][0]["serial"].as_str().expect("a serial"))]
    {
        assert!(desk.says(&["certificate", "list", filter, value]).contains(id), "{filter}");
    }
    let none = desk.says(&["certificate", "list", "--expires-to", "2026-01-01"]);
    assert_eq!(none.lines().count(), 1, "the headings alone: {none}");

    let pem = desk.says(&["certificate", "show", id, "--pem"]);
    assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), 1);
    assert!(desk.says(&["certificate", "show", id]).ends_with(&pem), "a record ends with the certificate");
    let chain = desk.path().join("chain.pem").display().to_string();
    assert_eq!(desk.says(&["certificate", "download", id, "--out", &chain]), "");
    let chain = fs::read_to_string(chain).expect("it was written");
    assert!(chain.starts_with(&pem) && chain.matches("BEGIN CERTIFICATE").count() == 2);
    assert_eq!(desk.says(&["certificate", "download", id]), chain);
    let file = desk.file("one.pem", &pem);
    let root = desk.server.root();
    let above = desk.file("above.pem", &chain[pem.len()..]);
    let mut verify = command("openssl");
    verify.args(["verify", "-untrusted", &above, "-CAfile"]).arg(root).arg(file);
    run(&mut verify);

    desk.says(&["certificate", "revoke", id, "--reason", "key-compromise"]);
    let shown = desk.json(&["certificate", "show", id]);
    assert_eq!((&shown["status"], &shown["revoked"]["reason"]), (&json!("revoked"), &json!("keyCompromise")));
}

#[test]
fn orders_and_authorizations_are_read_and_ended() {
    let desk = Desk::open();
    let endpoint = desk.endpoint();
    let account = endpoint.register("ES256");
    let (url, order) = account.order(&["a.test"]);
    let id = desk.newest("order");
    assert!(url.ends_with(&id));
    let table = desk.says(&["order", "list", "--status", "pending", "--name", "a.test"]);
    assert_eq!(rows(&table)[1][..2], [id.as_str(), "pending"]);
    assert!(rows(&table)[1].contains(&"a.test"), "{table}");
    let shown = desk.json(&["order", "show", &id]);
    assert_eq!(shown["raProfile"], json!({"name": "default", "revision": 1}), "the revision it was placed under");
    assert_eq!(desk.says(&["order", "cancel", &id]), format!("cancelled order {id}\n"));
    assert_eq!(account.read(&url).json()["status"], "invalid");

    // Another one, whose validation fails: nobody listens at that port.
    let (_, second) = account.order(&["localhost"]);
    let authorization = second["authorizations"][0].as_str().expect("a URL");
    let object = account.read(authorization).json();
    account.post(member(&challenge(&object, "http-01"), "url"), &json!({})).expect(200);
    account.await_status(authorization, "invalid");
    let id = desk.newest("authorization");
    let shown = desk.says(&["authorization", "show", &id]);
    assert!(shown.contains("challenges[0].transcript.steps[0]"), "{shown}");
    let listed = desk.json(&["authorization", "list", "--status", "invalid", "--name", "localhost"]);
    assert_eq!(listed["items"][0]["id"], id.as_str());
    drop(order);
}

#[test]
fn a_credential_is_shown_once_with_a_line_for_certbot() {
    let desk = Desk::open();
    let flags = ["--acme-profile", "default", "--name", "**.corp.example", "--accounts", "1", "--expires", "30d"];
    let said = desk.says(&[&["eab", "create", "--description", "web team"], &flags[..]].concat());
    let line = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {said}"));
        line.split_whitespace().next().unwrap_or_default().to_owned()
    };
    let (key_id, hmac_key) = (line("key id:"), line("HMAC key:"));
    let certbot = said.lines().find(|line| line.starts_with("certbot:")).expect("a line for certbot");
    // With "=": a key may begin with a hyphen.
    let key = format!("--eab-hmac-key={hmac_key}");
    for word in
        [&key_id, &key, desk.server.directory(), &format!("REQUESTS_CA_BUNDLE={}", desk.server.root().display())]
    {
        assert!(certbot.contains(word), "{word} in {certbot}");
    }
    let shown = desk.json(&["eab", "show", &key_id]);
    assert_eq!((&shown["accounts"], &shown["names"]), (&json!(1), &json!(["**.corp.example"])));
    assert!(!shown.to_string().contains(&hmac_key) && !desk.says(&["eab", "list"]).contains(&hmac_key));
    let changed = desk.json(&["eab", "update", &key_id, "--accounts", "5", "--unset", "expires"]);
    assert_eq!((&changed["accounts"], &changed["expires"]), (&json!(5), &Value::Null));
    desk.says(&["eab", "revoke", &key_id]);
    assert_eq!(desk.json(&["eab", "list", "--status", "revoked"])["items"][0]["keyId"], key_id.as_str());
    desk.says(&["eab", "delete", &key_id]);
    desk.fails(1, &["eab", "show", &key_id]);

    // Without a profile of its own, it is shown for an endpoint that asks for one.
    desk.says(&["profile", "create", "bound", "--ra-profile", "default", "--external-account-required"]);
    let said = desk.says(&["eab", "create"]);
    assert!(said.contains("/acme/bound/directory"), "{said}");
}

#[test]
fn an_authority_is_made_used_disabled_and_deleted() {
    let desk = Desk::open();
    let made = desk.json(&["authority", "create", "Lab CA", "--root-name", "Lab Root CA", "--algorithm", "p256"]);
    let id = made["id"].as_str().expect("an id");
    let table = desk.says(&["authority", "list"]);
    assert!(table.contains("Lab Root CA") && table.contains("root") && table.contains("intermediate"), "{table}");
    desk.says(&["ra-profile", "create", "lab", "--authority", id]);
    assert!(desk.says(&["apply", "--export"]).contains("authority = \"Lab CA\""), "by its name, as there is a choice");
    assert!(desk.fails(1, &["authority", "delete", id]).contains("raProfile/lab"));
    desk.says(&["authority", "disable", id]);
    assert_eq!(desk.json(&["authority", "show", id])["enabled"], false);
    desk.says(&["ra-profile", "delete", "lab"]);
    desk.says(&["authority", "delete", id]);
    desk.fails(2, &["authority", "create", "No Root"]);
}

#[test]
fn the_log_is_listed_and_proven_whole() {
    let desk = Desk::open();
    desk.says(&["profile", "create", "web"]);
    desk.says(&["profile", "disable", "web"]);
    let table = desk.says(&["audit", "list", "--object", "acmeProfile/web"]);
    let rows = rows(&table);
    assert_eq!(rows.len(), 3, "{table}");
    assert!(rows[1].contains(&"disable") && rows[2].contains(&"create"), "{table}");
    let shown = desk.says(&["audit", "show", rows[1][0]]);
    assert!(shown.contains("before.enabled") && shown.contains("after.enabled"), "{shown}");

    let noted = desk.says(&["audit", "verify"]);
    assert_eq!(desk.says(&["audit", "verify", "--expect", noted.trim()]), noted);
    desk.says(&["profile", "enable", "web"]);
    let later = desk.says(&["audit", "verify", "--expect", noted.trim()]);
    assert_ne!(later, noted, "the log went on");
    let (number, _) = noted.split_once(':').expect("a number and a digest");
    let other = format!("{number}:{}", "0".repeat(64));
    let said = desk.fails(1, &["audit", "verify", "--expect", &other]);
    assert!(said.contains("broken") && said.contains(number), "{said}");
    let output = finish(&mut desk.command(&["audit", "verify", "--expect", &other, "--output", "json"]));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &answer["intact"]), (Some(1), &json!(false)), "{}", text(&output.stderr));
    desk.fails(2, &["audit", "verify", "--expect", "42"]);
}
