//! `/audit`.

use serde_json::{Value, json};

use crate::client::text;
use crate::clients::endpoint;
use crate::desk::{account_id, admin, all, auditor, log_of, refuses_field, with_role};

#[test]
fn the_log_says_who_did_what() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let id = account_id(&account);
    let operator = with_role("operator");
    operator.post(&format!("/acmeAccounts/{id}/disable"), &json!({})).expect(200);
    operator.post(&format!("/acmeAccounts/{id}/enable"), &json!({})).expect(200);
    let object = format!("acmeAccount/{id}");
    let [disabled, enabled] = &log_of(&object)[..] else { panic!("two things were done") };
    assert!(text(disabled, "who").ends_with("desk operator"), "{disabled}");
    assert_eq!(disabled["action"], "disable");
    let one = auditor().get(&format!("/audit/{}", disabled["number"])).expect(200).json();
    assert_eq!(&one, disabled);
    auditor().get("/audit/0").expect_refusal(404, "absent");
    auditor().get("/audit/none").expect_refusal(404, "absent");

    let listed = |query: &str| all(&format!("/audit?object={object}&{query}"), "number", 1);
    let (first, second) = (disabled["number"].to_string(), enabled["number"].to_string());
    assert_eq!(listed("sort=-created"), [second.as_str(), first.as_str()]);
    assert_eq!(listed("action=enable"), [second.as_str()]);
    assert!(listed("action=delete").is_empty());
    let who = text(disabled, "who").replace(' ', "%20");
    assert_eq!(listed(&format!("who={who}")).len(), 2);
    assert_eq!(all(&format!("/audit?who={who}"), "number", 100).len(), 2);
    assert!(listed("who=system").is_empty());
    assert_eq!(listed(&format!("from={}", text(disabled, "at"))).len(), 2);
    assert!(listed(&format!("to={}", text(disabled, "at"))).is_empty());
    let since = all(&format!("/audit?from={}", text(disabled, "at")), "number", 1000);
    assert!(since.contains(&first) && since.contains(&second));
    refuses_field(auditor().get("/audit?from=then"), "from");
    refuses_field(auditor().get("/audit?to=then"), "to");
    auditor().get("/audit?actor=system").expect_refusal(422, "invalid");
}

#[test]
fn the_log_is_whole_and_a_note_proves_that_it_stays_so() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let disable = format!("/acmeAccounts/{}/disable", account_id(&account));
    let verify = |query: &str| auditor().get(&format!("/audit/verify{query}")).expect(200).json();
    let noted = verify("");
    assert_eq!(
        (&noted["intact"], &noted["first"], &noted["broken"]),
        (&json!(true), &json!(1), &Value::Null),
        "{noted}"
    );
    let (number, digest) = (noted["last"].as_u64().expect("a number"), text(&noted, "digest"));
    let expect = |number: u64, digest: &str| verify(&format!("?expectNumber={number}&expectDigest={digest}"));
    assert_eq!(expect(number, digest)["intact"], true);
    admin().post(&disable, &json!({})).expect(200);
    // It is still there below what came since.
    let later = expect(number, digest);
    assert_eq!(later["intact"], true, "{later}");
    assert!(later["last"].as_u64() > Some(number) && text(&later, "digest") != digest);
    let other = "00".repeat(32);
    let rewritten = expect(number, &other);
    assert_eq!(rewritten["intact"], false);
    assert!(text(&rewritten, "broken").contains("another digest"), "{rewritten}");
    let cut = expect(1_000_000_000, digest);
    assert_eq!(cut["intact"], false);
    assert!(text(&cut, "broken").contains("missing"), "{cut}");

    refuses_field(auditor().get("/audit/verify?expectNumber=1"), "expectDigest");
    refuses_field(auditor().get(&format!("/audit/verify?expectDigest={digest}")), "expectNumber");
    refuses_field(auditor().get(&format!("/audit/verify?expectNumber=0&expectDigest={digest}")), "expectNumber");
    refuses_field(auditor().get("/audit/verify?expectNumber=1&expectDigest=zz"), "expectDigest");
}
