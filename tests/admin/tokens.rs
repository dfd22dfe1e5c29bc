//! Tokens: made, shown once, used, expired and revoked; the first one, and the one for when all are lost.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::house::{House, deeds, text};
use crate::support::admin::Admin;
use crate::support::process::{command, eventually, run, run_refused};

#[test]
fn a_secret_is_shown_once_and_lets_in_until_it_is_revoked() {
    let house = House::open();
    let admin = house.admin();
    let made = admin.post("/tokens", &json!({"name": "monitoring", "role": "auditor"})).expect(201);
    let (token, one) = (made.json(), made.location().strip_prefix("/api/v1").expect("a path of the API").to_owned());
    let secret = text(&token["secret"]);
    assert!(secret.starts_with("chancery_"));
    let read = admin.get(&one).expect(200);
    assert_eq!((read.json()["secret"].clone(), read.json()["lastUsed"].clone()), (Value::Null, Value::Null));
    assert!(!read.text().contains(secret) && !admin.get("/tokens").text().contains(secret));

    let monitoring = Admin::with_token(house.server(), secret);
    let who = monitoring.get("/whoami").expect(200).json();
    assert_eq!(who, json!({"who": format!("token:{} monitoring", text(&token["id"])), "role": "auditor"}));
    assert!(admin.get(&one).expect(200).json()["lastUsed"].is_string(), "it was seen");

    let revoked = admin.post(&format!("{one}/revoke"), &json!({})).expect(200).json();
    assert_eq!(revoked["status"], "revoked");
    let refused = monitoring.get("/whoami").expect_refusal(401, "unauthenticated");
    assert_eq!(refused.header("WWW-Authenticate"), Some("Bearer realm=\"chancery\""));
    // Once is enough, and the log does not say it twice.
    admin.post(&format!("{one}/revoke"), &json!({})).expect(200);
    let object = format!("token/{}", text(&token["id"]));
    assert_eq!(deeds(&admin), [format!("create {object}"), format!("revoke {object}")]);
    let entries = admin.get("/audit").expect(200);
    assert!(!entries.text().contains(secret), "the log knows no secret");
}

#[test]
fn a_token_has_a_sound_name_and_an_end_that_is_to_come() {
    let house = House::open();
    let admin = house.admin();
    let field = |body: Value| {
        let refused = admin.post("/tokens", &body).expect_refusal(422, "invalid").json();
        text(&refused["errors"][0]["field"]).to_owned()
    };
    assert_eq!(field(json!({"name": "", "role": "auditor"})), "name");
    assert_eq!(field(json!({"name": "x", "role": "king"})), "role");
    assert_eq!(field(json!({"name": "x", "role": "auditor", "expires": "2020-01-01T00:00:00Z"})), "expires");
    assert_eq!(field(json!({"name": "x", "role": "auditor", "expires": "tomorrow"})), "expires");
    admin.get("/tokens/none").expect_refusal(404, "absent");
    for stranger in ["", "x", "chancery_x"] {
        Admin::with_token(house.server(), stranger).get("/whoami").expect_refusal(401, "unauthenticated");
    }
}

#[test]
fn a_token_that_has_run_out_lets_nobody_in() {
    let house = House::open();
    let admin = house.admin();
    // Far enough to be accepted, and soon enough to be waited for.
    let expires = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() + 10).expect("a time").to_string();
    let made = admin.post("/tokens", &json!({"name": "x", "role": "auditor", "expires": expires})).expect(201).json();
    let holder = Admin::with_token(house.server(), text(&made["secret"]));
    let refused = eventually(Duration::from_secs(60), || {
        let answer = holder.get("/whoami");
        if answer.status == 401 { Ok(answer) } else { Err(answer.said()) }
    });
    assert!(refused.detail().contains("expired"), "{refused:?}");
    assert_eq!(admin.get(&format!("/tokens/{}", text(&made["id"]))).expect(200).json()["status"], "expired");
}

#[test]
fn tokens_are_listed_newest_first() {
    let house = House::open();
    let admin = house.admin();
    for name in ["a", "b", "c"] {
        admin.post("/tokens", &json!({"name": name, "role": "auditor"})).expect(201);
    }
    let first = admin.get("/tokens?limit=3").expect(200).json();
    let second = admin.get(&format!("/tokens?limit=3&cursor={}", text(&first["next"]))).expect(200).json();
    assert_eq!(crate::house::names(&first), ["c", "b", "a"]);
    assert_eq!((crate::house::names(&second), &second["next"]), (vec!["first"], &Value::Null));
}

#[test]
fn a_create_that_is_sent_again_is_answered_again_also_after_a_restart() {
    let mut house = House::open();
    let send =
        |admin: &Admin, key: &str, body: &Value| admin.send("POST", "/tokens", &[("Idempotency-Key", key)], Some(body));
    let body = json!({"name": "deploy", "role": "operator"});
    let first = send(&house.admin(), "one", &body).expect(201);
    assert_eq!(first.header("Idempotency-Replayed"), None);
    let again = send(&house.admin(), "one", &body).expect(201);
    assert_eq!((again.json(), again.header("Idempotency-Replayed")), (first.json(), Some("true")));
    send(&house.admin(), "one", &json!({"name": "other", "role": "operator"})).expect_refusal(409, "keyReused");
    send(&house.admin(), "", &body).expect_refusal(400, "malformed");
    // Another operator's key is another key.
    let other = house.admin().post("/tokens", &json!({"name": "x", "role": "administrator"})).expect(201).json();
    let other = Admin::with_token(house.server(), text(&other["secret"]));
    assert_ne!(send(&other, "one", &body).expect(201).json()["id"], first.json()["id"]);

    house.stop();
    house.start();
    assert_eq!(send(&house.admin(), "one", &body).expect(201).json(), first.json());
    Admin::with_token(house.server(), text(&first.json()["secret"])).get("/whoami").expect(200);
}

#[test]
fn the_first_token_can_go_to_a_file() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("token");
    let house = House::with(&format!("[admin]\nfirst_token_file = {file:?}\n"));
    let mode = std::fs::metadata(&file).expect("it was written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let secret = std::fs::read_to_string(&file).expect("it is text");
    let log = std::fs::read_to_string(house.server().log()).expect("there is a log");
    assert!(!log.contains(secret.trim()), "it is shown nowhere else");
    let who = Admin::with_token(house.server(), secret.trim()).get("/whoami").expect(200).json();
    assert_eq!(who["role"], "administrator");

    // What is there is never written over, and no token is lost for it.
    let config = folder.path().join("other.toml");
    std::fs::write(&config, format!("[admin]\nfirst_token_file = {file:?}\n")).expect("the file can be written");
    let data = folder.path().join("data");
    let said = run_refused(
        chancery().args(["serve", "--listen", "127.0.0.1:0"]).arg("--config").arg(&config).arg("--data").arg(&data),
    );
    assert!(said.contains("admin.first_token_file"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).expect("it is still there"), secret);
}

#[test]
fn a_lost_token_is_made_anew_while_the_server_is_stopped() {
    let mut house = House::open();
    let said = run_refused(chancery().arg("admin-token").arg("--data").arg(house.data()));
    assert!(said.contains("stop the server first"), "{said}");
    let said = run_refused(chancery().arg("admin-token").arg("--data").arg(house.path("nowhere")));
    assert!(said.contains("there is no store"), "{said}");
    house.stop();
    let secret = run(chancery().arg("admin-token").arg("--data").arg(house.data()));
    let secret = String::from_utf8(secret).expect("it is text");
    house.start();
    let admin = Admin::with_token(house.server(), secret.trim());
    assert_eq!(admin.get("/whoami").expect(200).json()["role"], "administrator");
    let entries = crate::house::log(&admin);
    assert!(entries.iter().any(|(who, action, _)| who == "offline" && action == "create"), "{entries:?}");
}

fn chancery() -> Command {
    command(env!("CARGO_BIN_EXE_chancery"))
}

#[test]
fn the_last_administrator_does_not_lock_everybody_out() {
    let house = House::open();
    let admin = house.admin();
    let first = admin.get("/tokens").expect(200).json()["items"][0]["id"].clone();
    let revoke = format!("/tokens/{}/revoke", text(&first));
    admin.post("/tokens", &json!({"name": "nights", "role": "operator"})).expect(201);
    admin.post(&revoke, &json!({})).expect_refusal(409, "refused");
    let other = admin.post("/tokens", &json!({"name": "days", "role": "administrator"})).expect(201).json();
    admin.post(&revoke, &json!({})).expect(200);
    admin.get("/whoami").expect_refusal(401, "unauthenticated");
    let other = Admin::with_token(house.server(), text(&other["secret"]));
    assert_eq!(other.get("/whoami").expect(200).json()["role"], "administrator");
}
