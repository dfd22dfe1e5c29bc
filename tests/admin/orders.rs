//! `/orders` and `/authorizations`.

use serde_json::{Value, json};

use crate::client::{challenge, text};
use crate::clients::{csr, endpoint, finalize, house, name, ready};
use crate::desk::{account_id, admin, auditor, id, ids, log_of, refuses_field};

#[test]
fn an_order_is_shown_as_it_is() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (one, two) = (name("shown"), format!("*.{}", name("shown")));
    let (url, object) = account.order(&[&two, &one]);
    let answer = auditor().get(&format!("/orders/{}", id(&url))).expect(200);
    let view = answer.json();
    assert_eq!(answer.etag(), format!("\"{}\"", view["revision"]));
    assert_eq!((&view["status"], &view["account"]), (&json!("pending"), &json!(account_id(&account))));
    let profiles = admin().get("/acmeProfiles/default").expect(200).json();
    assert_eq!(view["acmeProfile"], json!({"name": "default", "revision": profiles["revision"]}));
    assert_eq!(view["raProfile"]["name"], "default");
    let mut names: Vec<_> =
        view["identifiers"].as_array().expect("a list").iter().map(|name| text(name, "value")).collect();
    names.sort_unstable();
    assert_eq!(names, [two.as_str(), one.as_str()]);
    let authorizations: Vec<Value> = object["authorizations"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|url| id(url.as_str().expect("a URL")).into())
        .collect();
    assert_eq!(view["authorizations"], json!(authorizations));
    assert_eq!(view["expires"], object["expires"]);
    for none in ["notBefore", "notAfter", "error", "certificate"] {
        assert_eq!(view[none], Value::Null, "{none}");
    }
}

#[test]
fn orders_are_found_by_every_filter() {
    let (default, plain) = (endpoint("default"), endpoint("plain"));
    let (account, other) = (default.register("ES256"), plain.register("ES256"));
    let (known, hers) = (name("found"), name("found"));
    let pending = id(&account.order(&[&known, &name("beside")]).0);
    let waiting = id(&ready(&account, &[&name("ready")]).0);
    let elsewhere = id(&other.order(&[&hers]).0);
    let mine = format!("account={}", account_id(&account));
    assert_eq!(ids(&format!("/orders?{mine}")), [waiting.as_str(), pending.as_str()]);
    assert_eq!(ids(&format!("/orders?{mine}&sort=created")), [pending.as_str(), waiting.as_str()]);
    assert_eq!(ids(&format!("/orders?{mine}&status=pending")), [pending.as_str()]);
    assert_eq!(ids(&format!("/orders?{mine}&status=ready")), [waiting.as_str()]);
    assert_eq!(ids(&format!("/orders?name={known}")), [pending.as_str()]);
    assert!(ids(&format!("/orders?name=*.{known}")).is_empty());
    let there = ids("/orders?acmeProfile=plain");
    assert!(there.contains(&elsewhere) && !there.contains(&pending));
    let there = ids("/orders?raProfile=plain");
    assert!(there.contains(&elsewhere) && !there.contains(&pending));
    assert!(ids(&format!("/orders?{mine}&createdTo=2001-01-01T00:00:00Z")).is_empty());
    assert_eq!(ids(&format!("/orders?{mine}&createdFrom=2001-01-01T00:00:00Z")).len(), 2);
    for (query, field) in [
        ("account=me", "account"),
        ("name=a..b", "name"),
        ("acmeProfile=%2F", "acmeProfile"),
        ("raProfile=", "raProfile"),
        ("createdFrom=1", "createdFrom"),
        ("createdTo=1", "createdTo"),
    ] {
        refuses_field(auditor().get(&format!("/orders?{query}")), field);
    }
    auditor().get("/orders?status=done").expect_refusal(422, "invalid");
    auditor().get("/orders?identifier=x").expect_refusal(422, "invalid");
}

#[test]
fn open_orders_are_cancelled_and_others_are_not() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (pending, _) = account.order(&[&name("cancelled")]);
    let (waiting, _) = ready(&account, &[&name("cancelled")]);
    let done = name("done");
    let (valid, object) = ready(&account, &[&done]);
    let key = rcgen::KeyPair::generate().expect("a key is made");
    finalize(&account, &valid, &object, &csr(&[&done], &key));
    let api = admin();
    let path = |url: &str| format!("/orders/{}/cancel", id(url));
    auditor().post(&path(&pending), &json!({})).expect_refusal(403, "forbidden");
    let stale = api.send("POST", &path(&pending), &[("If-Match", "\"77\"")], None);
    stale.expect_refusal(412, "changed");
    let cancelled = api.post(&path(&pending), &json!({})).expect(200).json();
    assert_eq!(cancelled["status"], "invalid");
    assert!(text(&cancelled["error"], "type").starts_with("urn:ietf:params:acme:error:"), "{cancelled}");
    let seen = account.read(&pending).expect(200).json();
    assert_eq!((&seen["status"], &seen["error"]["type"]), (&json!("invalid"), &cancelled["error"]["type"]));

    let items = [id(&waiting), id(&pending), id(&valid)];
    let bulk = json!({"action": "cancel", "items": items});
    let results = api.post("/orders/bulk", &bulk).expect(200).json();
    let statuses: Vec<_> = (0..3).map(|place| results["results"][place]["status"].clone()).collect();
    assert_eq!(statuses, [json!(200), json!(409), json!(409)], "{results}");
    assert!(text(&results["results"][2]["problem"], "detail").contains("valid"), "{results}");
    account
        .post(text(&account.read(&waiting).json(), "finalize"), &json!({"csr": csr(&[&done], &key)}))
        .expect_problem(403, "orderNotReady");
    assert_eq!(account.read(&valid).expect(200).json()["status"], "valid");
    let log = log_of(&format!("order/{}", id(&pending)));
    assert_eq!(log.len(), 1);
    assert_eq!((&log[0]["before"]["status"], &log[0]["after"]["status"]), (&json!("pending"), &json!("invalid")));
}

#[test]
fn transcripts_are_for_operators_and_not_for_clients() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (_, object) = account.order(&[&name("watched")]);
    let url = object["authorizations"][0].as_str().expect("a URL");
    let path = format!("/authorizations/{}", id(url));
    let fresh = auditor().get(&path).expect(200).json();
    assert_eq!(fresh["status"], "pending");
    assert!(
        fresh["challenges"].as_array().is_some_and(|all| all.iter().all(|one| one["transcript"].is_null())),
        "{fresh}"
    );

    // What is found there is not what was asked for.
    let asked = challenge(&account.read(url).json(), "http-01");
    house().serve(&asked, "something of an inner host");
    account.post(text(&asked, "url"), &json!({})).expect(200);
    let seen = account.settle(url);
    assert_eq!(seen["status"], "invalid");
    assert!(!seen.to_string().contains("transcript") && !seen.to_string().contains("127.0.0.1:"), "{seen}");

    let view = auditor().get(&path).expect(200).json();
    assert_eq!(view["status"], "invalid");
    assert_eq!(view["error"]["type"], "urn:ietf:params:acme:error:unauthorized", "{view}");
    let tried = view["challenges"].as_array().and_then(|all| all.iter().find(|one| one["type"] == "http-01"));
    let tried = tried.expect("it was offered");
    assert_eq!(tried["status"], "invalid");
    assert!(tried.get("token").is_none(), "{tried}");
    let steps = tried["transcript"]["steps"].as_array().expect("there was an attempt");
    let kinds: Vec<_> = steps.iter().map(|step| text(step, "kind")).collect();
    for kind in ["resolved", "connected", "answered", "compared"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    let compared = steps.iter().find(|step| step["kind"] == "compared").expect("it was");
    assert!(text(compared, "found").contains("inner host"), "{compared}");
    assert!(text(compared, "at") >= text(&tried["transcript"], "began"), "{tried}");
}

#[test]
fn authorizations_are_found_and_taken_back() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (proven, open) = (name("proven"), name("open"));
    let (order, _) = ready(&account, &[&proven]);
    account.order(&[&open, &format!("*.{open}")]);
    let mine = format!("account={}", account_id(&account));
    assert_eq!(ids(&format!("/authorizations?{mine}")).len(), 3);
    let found = ids(&format!("/authorizations?{mine}&status=valid"));
    assert_eq!(found, ids(&format!("/authorizations?name={proven}")));
    assert_eq!(
        (ids(&format!("/authorizations?name={open}")).len(), ids(&format!("/authorizations?name=*.{open}")).len()),
        (1, 1)
    );
    assert!(ids(&format!("/authorizations?{mine}&createdTo=2001-01-01T00:00:00Z")).is_empty());
    refuses_field(auditor().get("/authorizations?name=.."), "name");

    let path = format!("/authorizations/{}", found[0]);
    auditor().post(&format!("{path}/revoke"), &json!({})).expect_refusal(403, "forbidden");
    let revoked = admin().post(&format!("{path}/revoke"), &json!({})).expect(200).json();
    assert_eq!((&revoked["status"], &revoked["expires"]), (&json!("revoked"), &Value::Null));
    // The order that relied on it fails.
    assert_eq!(account.await_status(&order, "invalid")["error"]["type"], "urn:ietf:params:acme:error:unauthorized");
    admin().post(&format!("{path}/revoke"), &json!({})).expect(200);
    assert_eq!(log_of(&path[1..].replacen("authorizations", "authorization", 1)).len(), 1);
    admin().get("/authorizations/none").expect_refusal(404, "absent");
}
