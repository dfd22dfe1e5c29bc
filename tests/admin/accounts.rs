//! `/acmeAccounts`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::text;
use crate::clients::{endpoint, house, issue, name, ready};
use crate::desk::{account_id, admin, all, auditor, id, ids, log_of, refuses_field, with_role};
use crate::jws::ALGORITHMS;
use crate::support::process::eventually;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn an_account_is_shown_as_it_is() {
    for algorithm in ALGORITHMS {
        let endpoint = endpoint("default");
        let account = endpoint.register(algorithm);
        let answer = admin().get(&format!("/acmeAccounts/{}", account_id(&account))).expect(200);
        let view = answer.json();
        assert_eq!(answer.etag(), format!("\"{}\"", view["revision"]));
        assert_eq!(view["status"], "valid");
        assert_eq!(view["enabled"], true);
        assert_eq!(view["contacts"], json!(["mailto:operator@acme.test"]));
        assert_eq!(view["termsOfServiceAgreed"], true);
        assert!(view["termsOfServiceAgreedAt"].is_string());
        assert_eq!(view["thumbprint"], account.signer.thumbprint());
        assert_eq!(view["algorithm"], algorithm);
        assert_eq!(view["endpoint"], "/acme/default");
        assert_eq!(view["url"], account.kid.as_str());
        assert_eq!((&view["acmeProfile"], &view["raProfile"]), (&json!("default"), &json!("default")));
        assert_eq!(view["externalAccount"], Value::Null);
        assert_eq!(view["ordersByStatus"]["pending"], json!({"count": 0, "orMore": false}));
    }
}

#[test]
fn the_detail_counts_orders_and_says_when_the_account_was_seen() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    account.order(&[&name("waits")]);
    account.order(&[&name("waits")]);
    ready(&account, &[&name("ready")]);
    issue(&account, &[&name("issued")]);
    let view = admin().get(&format!("/acmeAccounts/{}", account_id(&account))).expect(200).json();
    let count = |status: &str| view["ordersByStatus"][status]["count"].clone();
    assert_eq!((count("pending"), count("ready"), count("valid")), (json!(2), json!(1), json!(1)), "{view}");
    assert!(view["lastSeen"].is_string(), "{view}");
    let list = auditor().get(&format!("/acmeAccounts?thumbprint={}", account.signer.thumbprint())).expect(200).json();
    assert!(list["items"][0].get("ordersByStatus").is_none(), "{list}");
}

#[test]
fn accounts_are_found_by_every_filter_and_page_by_page() {
    let (default, plain) = (endpoint("default"), endpoint("plain"));
    let account = default.register("ES256");
    let other = plain.register("EdDSA");
    let (mine, others) = (account_id(&account), account_id(&other));
    let contact = format!("mailto:{}", name("who").replacen('.', "@", 1));
    account.post(&account.kid, &json!({"contact": [contact]})).expect(200);
    assert_eq!(ids(&format!("/acmeAccounts?contact={contact}")), [mine.as_str()]);
    assert_eq!(ids(&format!("/acmeAccounts?thumbprint={}", account.signer.thumbprint())), [mine.as_str()]);
    let listed = ids("/acmeAccounts?acmeProfile=plain");
    assert!(listed.contains(&others) && !listed.contains(&mine));
    assert!(ids("/acmeAccounts?raProfile=plain").is_empty(), "nobody registered under its own URL");

    admin().post(&format!("/acmeAccounts/{mine}/disable"), &json!({})).expect(200);
    assert!(ids("/acmeAccounts?enabled=false").contains(&mine));
    assert!(!ids("/acmeAccounts?enabled=true&acmeProfile=default").contains(&mine));
    other.post(&other.kid, &json!({"status": "deactivated"})).expect(200);
    assert!(ids("/acmeAccounts?status=deactivated").contains(&others));
    assert!(!ids("/acmeAccounts?status=valid&acmeProfile=plain").contains(&others));

    let created = admin().get(&format!("/acmeAccounts/{mine}")).expect(200).json()["created"].clone();
    let created = created.as_str().expect("a time");
    assert!(ids(&format!("/acmeAccounts?createdFrom={created}&createdTo=2999-01-01T00:00:00Z")).contains(&mine));
    assert!(!ids(&format!("/acmeAccounts?createdTo={created}")).contains(&mine));

    // Whoever else registers meanwhile comes at the front, which newest first does not see, or at the end.
    let down = all("/acmeAccounts", "id", 1);
    let up = all("/acmeAccounts?sort=created", "id", 1);
    let place = |list: &[String], id: &str| list.iter().position(|found| found == id).expect("everybody is listed");
    assert!(place(&down, &others) < place(&down, &mine) && place(&up, &mine) < place(&up, &others));
}

#[test]
fn a_filter_that_cannot_be_meant_is_refused() {
    let api = auditor();
    refuses_field(api.get("/acmeAccounts?acmeProfile=a%2Fb"), "acmeProfile");
    refuses_field(api.get("/acmeAccounts?eabCredential=short"), "eabCredential");
    refuses_field(api.get("/acmeAccounts?thumbprint=AAAA"), "thumbprint");
    refuses_field(api.get("/acmeAccounts?createdFrom=yesterday"), "createdFrom");
    for query in ["statsu=valid", "status=happy", "enabled=maybe", "limit=0", "limit=1001", "sort=name"] {
        api.get(&format!("/acmeAccounts?{query}")).expect_refusal(422, "invalid");
    }
    endpoint("default").register("ES256");
    endpoint("default").register("ES256");
    let page = api.get("/acmeAccounts?limit=1").expect(200).json();
    let next = text(&page, "next");
    api.get(&format!("/acmeAccounts?limit=1&cursor={next}")).expect(200);
    // Of another list, of the same one with another filter, and of none.
    for elsewhere in [format!("/orders?cursor={next}"), format!("/acmeAccounts?status=valid&cursor={next}")] {
        api.get(&elsewhere).expect_refusal(400, "cursor");
    }
    api.get("/acmeAccounts?cursor=AAAA").expect_refusal(400, "cursor");
    for path in ["/acmeAccounts/none", "/acmeAccounts/AAAAAAAAAAAAAAAAAAAAAA"] {
        api.get(path).expect_refusal(404, "absent");
    }
}

#[test]
fn a_disabled_account_is_refused_until_it_is_enabled() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let path = format!("/acmeAccounts/{}", account_id(&account));
    let disabled = admin().post(&format!("{path}/disable"), &json!({})).expect(200).json();
    assert_eq!((&disabled["enabled"], &disabled["status"]), (&json!(false), &json!("valid")));
    assert!(disabled["disabledSince"].is_string());
    let refused = account.read(&account.kid).expect_problem(403, "unauthorized");
    assert!(refused.detail().contains("disabled"), "{refused:?}");
    let order = json!({"identifiers": [{"type": "dns", "value": name("refused")}]});
    account.post(endpoint.url("newOrder"), &order).expect_problem(403, "unauthorized");
    // Once more changes nothing.
    let again = admin().post(&format!("{path}/disable"), &json!({})).expect(200).json();
    assert_eq!(again["revision"], disabled["revision"]);

    admin().post(&format!("{path}/enable"), &json!({})).expect(200);
    account.read(&account.kid).expect(200);
    account.post(endpoint.url("newOrder"), &order).expect(201);
    let log = log_of(&path[1..].replacen("Accounts", "Account", 1));
    let actions: Vec<_> = log.iter().map(|entry| entry["action"].as_str().expect("a text")).collect();
    assert_eq!(actions, ["disable", "enable"], "{log:?}");
    assert_eq!((&log[0]["before"]["enabled"], &log[0]["after"]["enabled"]), (&json!(true), &json!(false)));
}

#[test]
fn revoking_ends_what_is_open_and_keeps_certificates() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (chain, _) = issue(&account, &[&name("kept")]);
    let (open, object) = account.order(&[&name("open")]);
    let (path, api) = (format!("/acmeAccounts/{}", account_id(&account)), admin());
    let revoked = api.post(&format!("{path}/revoke"), &json!({})).expect(200).json();
    assert_eq!(revoked["status"], "revoked");
    eventually(PATIENCE, || {
        let order = api.get(&format!("/orders/{}", id(&open))).expect(200).json();
        if order["status"] == "invalid" { Ok(()) } else { Err(order.to_string()) }
    });
    let authorization = id(object["authorizations"][0].as_str().expect("a URL"));
    eventually(PATIENCE, || {
        let authorization = api.get(&format!("/authorizations/{authorization}")).expect(200).json();
        if authorization["status"] == "deactivated" { Ok(()) } else { Err(authorization.to_string()) }
    });
    chain.assert_good(&house().root());
    account.read(&account.kid).expect_problem(401, "unauthorized");

    // Final, and once more does nothing.
    let settled = eventually(PATIENCE, || {
        let first = api.get(&path).expect(200).json()["revision"].clone();
        if first == revoked["revision"] { Err("its work is not ended yet".to_owned()) } else { Ok(first) }
    });
    let again = api.post(&format!("{path}/revoke"), &json!({"revokeCertificates": false})).expect(200).json();
    assert_eq!(again["revision"], settled);
    for action in ["enable", "disable", "agreeTerms"] {
        let refused = api.post(&format!("{path}/{action}"), &json!({})).expect_refusal(409, "refused");
        assert!(refused.detail().contains("revoked"), "{refused:?}");
    }
    // What was asked for now was not done then.
    api.post(&format!("{path}/revoke"), &json!({"revokeCertificates": true})).expect_refusal(409, "refused");
    chain.assert_good(&house().root());
}

#[test]
fn revoking_takes_the_certificates_along_if_that_is_asked_for() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (first, _) = issue(&account, &[&name("first")]);
    let (second, _) = issue(&account, &[&name("second")]);
    let (id, api) = (account_id(&account), admin());
    let revoke = json!({"revokeCertificates": true, "reason": "cessationOfOperation"});
    refuses_field(api.post(&format!("/acmeAccounts/{id}/revoke"), &json!({"reason": "whim"})), "reason");
    refuses_field(
        api.post(&format!("/acmeAccounts/{id}/revoke"), &json!({"revokeCertificate": true})),
        "revokeCertificate",
    );
    api.post(&format!("/acmeAccounts/{id}/revoke"), &revoke).expect(200);
    let revoked = eventually(PATIENCE, || {
        let revoked = auditor().get(&format!("/certificates?account={id}&status=revoked")).expect(200).json();
        if revoked["items"].as_array().is_some_and(|items| items.len() == 2) {
            Ok(revoked)
        } else {
            Err(revoked.to_string())
        }
    });
    for certificate in revoked["items"].as_array().expect("a page has items") {
        assert_eq!(certificate["revoked"]["reason"], "cessationOfOperation", "{certificate}");
    }
    first.assert_revoked(&house().root());
    second.assert_revoked(&house().root());
    // The log says it once, for all of them.
    let log = log_of(&format!("acmeAccount/{id}"));
    let last = log.last().expect("an entry");
    assert_eq!((&last["action"], &last["before"]["certificatesRevoked"]), (&"revoke".into(), &Value::Null));
    assert_eq!(last["after"]["certificatesRevoked"], "cessationOfOperation", "{last}");
}

#[test]
fn what_its_holder_deactivated_is_not_revived_either() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    account.post(&account.kid, &json!({"status": "deactivated"})).expect(200);
    let path = format!("/acmeAccounts/{}", account_id(&account));
    for action in ["enable", "revoke"] {
        let refused = admin().post(&format!("{path}/{action}"), &json!({})).expect_refusal(409, "refused");
        assert!(refused.detail().contains("deactivated"), "{refused:?}");
    }
}

#[test]
fn a_bulk_answers_for_each_and_revives_nobody() {
    let endpoint = endpoint("default");
    let (well, gone) = (endpoint.register("ES256"), endpoint.register("ES256"));
    let (well_id, gone_id, api) = (account_id(&well), account_id(&gone), admin());
    let bulk =
        |action: &str, items: &[&str]| api.post("/acmeAccounts/bulk", &json!({"action": action, "items": items}));
    let results = bulk("disable", &[&well_id, &gone_id]).expect(200).json();
    assert_eq!(results, json!({"results": [{"item": well_id, "status": 200}, {"item": gone_id, "status": 200}]}));
    well.read(&well.kid).expect_problem(403, "unauthorized");
    bulk("revoke", &[&gone_id]).expect(200);

    let unknown = "AAAAAAAAAAAAAAAAAAAAAA";
    let results = bulk("enable", &[&gone_id, &well_id, unknown, &well_id, "?"]).expect(200).json();
    let results = results["results"].as_array().expect("there are results");
    let statuses: Vec<_> = results.iter().map(|result| result["status"].as_u64().expect("a status")).collect();
    assert_eq!(statuses, [409, 200, 404, 200, 404]);
    assert_eq!(results[0]["problem"]["type"], "urn:chancery:problem:refused");
    assert!(results[0]["problem"]["detail"].as_str().is_some_and(|detail| detail.contains("revoked")), "{results:?}");
    well.read(&well.kid).expect(200);
    gone.read(&gone.kid).expect_problem(401, "unauthorized");

    bulk("agreeTerms", &[&well_id]).expect(200);
    let many: Vec<&str> = vec![unknown; 1001];
    refuses_field(bulk("disable", &many), "items");
    refuses_field(bulk("explode", &[]), "action");
    assert_eq!(bulk("enable", &[]).expect(200).json(), json!({"results": []}));
}

#[test]
fn of_two_operators_who_saw_the_same_one_changes_it() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let path = format!("/acmeAccounts/{}", account_id(&account));
    let etag = admin().get(&path).expect(200).etag().to_owned();
    let act = |action: &'static str| {
        let (path, etag) = (format!("{path}/{action}"), etag.clone());
        std::thread::spawn(move || {
            with_role("operator").send("POST", &path, &[("If-Match", &etag)], Some(&json!({}))).status
        })
    };
    let answers = [act("disable"), act("agreeTerms"), act("revoke")].map(|thread| thread.join().expect("it ends"));
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 412).count(), 2, "{answers:?}");
    assert_eq!(log_of(&path[1..].replacen("Accounts", "Account", 1)).len(), 1);
    let stale = admin().send("POST", &format!("{path}/enable"), &[("If-Match", "\"999\"")], Some(&json!({})));
    stale.expect_refusal(412, "changed");
}

#[test]
fn auditors_look_and_change_nothing() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (id, api) = (account_id(&account), auditor());
    api.get(&format!("/acmeAccounts/{id}")).expect(200);
    for action in ["enable", "disable", "agreeTerms", "revoke"] {
        api.post(&format!("/acmeAccounts/{id}/{action}"), &json!({})).expect_refusal(403, "forbidden");
    }
    let bulk = json!({"action": "revoke", "items": [id]});
    api.post("/acmeAccounts/bulk", &bulk).expect_refusal(403, "forbidden");
    account.read(&account.kid).expect(200);
}
