//! `/certificates` and `/authorities`.

use serde_json::{Value, json};

use crate::client::text;
use crate::clients::{csr, endpoint, finalize, house, issue, moment, name, prove, ready};
use crate::desk::{account_id, admin, auditor, id, ids, log_of, refuses_field};
use crate::support::certificate::Chain;
use crate::support::process::{command, run};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fingerprint(chain: &Chain) -> String {
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, chain.der()).as_ref())
}

fn found(chain: &Chain) -> Value {
    let page = auditor().get(&format!("/certificates?fingerprint={}", fingerprint(chain))).expect(200).json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{page}");
    page["items"][0].clone()
}

#[test]
fn a_certificate_is_shown_and_downloaded_as_it_was_issued() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let subject = name("shown");
    let (chain, _) = issue(&account, &[&subject]);
    let view = found(&chain);
    assert_eq!((&view["status"], &view["account"]), (&json!("valid"), &json!(account_id(&account))));
    assert_eq!(view["subjects"], json!([subject]));
    assert_eq!(view["serial"], hex(&chain.serial()));
    assert_eq!(view["fingerprint"], fingerprint(&chain));
    assert_eq!(view["keyAlgorithm"], "p256");
    assert_eq!((&view["acmeProfile"]["name"], &view["raProfile"]["name"]), (&json!("default"), &json!("default")));
    assert_eq!(view["revoked"], Value::Null);
    let order = auditor().get(&format!("/orders/{}", text(&view, "order"))).expect(200).json();
    assert_eq!(order["certificate"], view["id"]);
    let authority = auditor().get(&format!("/authorities/{}", text(&view["authority"], "id"))).expect(200).json();
    assert_eq!(authority["name"], view["authority"]["name"]);

    let path = format!("/certificates/{}", text(&view, "id"));
    let detail = auditor().get(&path).expect(200);
    let pem = detail.json()["pem"].as_str().expect("a text").to_owned();
    let plain = auditor().get(&format!("{path}/certificate.pem")).expect(200);
    assert_eq!((plain.text(), plain.header("Content-Type")), (pem.as_str(), Some("application/x-pem-file")));
    let der = auditor().get(&format!("{path}/certificate.der")).expect(200);
    assert_eq!((der.body.as_slice(), der.header("Content-Type")), (chain.der(), Some("application/pkix-cert")));
    let whole = auditor().get(&format!("{path}/chain.pem")).expect(200);
    assert!(whole.text().starts_with(&pem) && whole.text().len() > pem.len());
    let all = Chain::write(house().file("pem"), whole.body);
    all.assert_sound(&house().root(), &[&subject]);

    let file = auditor().get(&format!("{path}/chain.p7b")).expect(200);
    assert_eq!(file.header("Content-Type"), Some("application/pkcs7-mime; smime-type=certs-only"));
    let stored = house().file("p7b");
    std::fs::write(&stored, file.body).expect("it can be written");
    let printed = run(command("openssl").args(["pkcs7", "-inform", "DER", "-print_certs", "-in"]).arg(&stored));
    let printed = Chain::write(house().file("pem"), printed);
    let sorted = |chain: &Chain| chain.ders().map(<[u8]>::to_vec).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(sorted(&printed), sorted(&all));
}

#[test]
fn certificates_are_found_by_every_filter() {
    let (default, plain) = (endpoint("default"), endpoint("plain"));
    let (account, other) = (default.register("ES256"), plain.register("ES256"));
    let subject = name("found");
    let (chain, _) = issue(&account, &[&subject, &name("beside")]);
    let (theirs, _) = issue(&other, &[&name("theirs")]);
    let (mine, theirs) = (found(&chain), found(&theirs));
    let (only, elsewhere) = ([text(&mine, "id").to_owned()], text(&theirs, "id").to_owned());
    let serial = text(&mine, "serial");
    let colons = serial
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair).to_uppercase())
        .collect::<Vec<_>>()
        .join(":");
    for query in [
        format!("account={}", account_id(&account)),
        format!("order={}", text(&mine, "order")),
        format!("name={subject}"),
        format!("serial={serial}"),
        format!("serial={colons}"),
        format!("account={}&status=valid&raProfile=default", account_id(&account)),
        format!("account={}&authority={}", account_id(&account), text(&mine["authority"], "id")),
        format!("account={}&authority={}", account_id(&account), text(&mine["authority"], "name").replace(' ', "%20")),
        format!(
            "account={}&expiresFrom={}&expiresTo=2999-01-01T00:00:00Z",
            account_id(&account),
            text(&mine, "notAfter")
        ),
    ] {
        assert_eq!(ids(&format!("/certificates?{query}")), only, "{query}");
    }
    for query in
        ["status=revoked".to_owned(), format!("expiresTo={}", text(&mine, "notBefore")), "raProfile=plain".to_owned()]
    {
        assert!(!ids(&format!("/certificates?{query}")).contains(&only[0]), "{query}");
    }
    assert!(ids("/certificates?raProfile=plain").contains(&elsewhere));
    for sort in ["created", "-created", "expires", "-expires"] {
        let page = auditor().get(&format!("/certificates?sort={sort}&limit=1000")).expect(200).json();
        let member = if sort.ends_with("created") { "issued" } else { "notAfter" };
        let times: Vec<_> = page["items"].as_array().expect("a list").iter().map(|one| text(one, member)).collect();
        let sorted = if sort.starts_with('-') { times.is_sorted_by(|a, b| a >= b) } else { times.is_sorted() };
        assert!(sorted && times.len() >= 2, "{sort}: {times:?}");
    }
    for (query, field) in [
        ("serial=xyz", "serial"),
        ("fingerprint=00", "fingerprint"),
        ("authority=nobody", "authority"),
        ("order=1", "order"),
        ("expiresFrom=1", "expiresFrom"),
        ("expiresTo=1", "expiresTo"),
    ] {
        refuses_field(auditor().get(&format!("/certificates?{query}")), field);
    }
}

#[test]
fn certificates_are_revoked_one_by_one_and_many_at_once() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (one, two, three) =
        (issue(&account, &[&name("one")]).0, issue(&account, &[&name("two")]).0, issue(&account, &[&name("three")]).0);
    let path = format!("/certificates/{}", text(&found(&one), "id"));
    let api = admin();
    auditor().post(&format!("{path}/revoke"), &json!({})).expect_refusal(403, "forbidden");
    refuses_field(api.post(&format!("{path}/revoke"), &json!({"reason": "cACompromise"})), "reason");
    let revoked = api.post(&format!("{path}/revoke"), &json!({"reason": "superseded"})).expect(200).json();
    assert_eq!((&revoked["status"], &revoked["revoked"]["reason"]), (&json!("revoked"), &json!("superseded")));
    one.assert_revoked(&house().root());
    api.post(&format!("{path}/revoke"), &json!({})).expect_refusal(409, "refused");
    let log = log_of(&path[1..].replacen("certificates", "certificate", 1));
    assert_eq!((log.len(), &log[0]["after"]["status"]), (1, &json!("revoked")));

    let items = [&two, &one, &three].map(|chain| found(chain)["id"].clone());
    let bulk = json!({"action": "revoke", "items": items, "reason": "keyCompromise"});
    let results = api.post("/certificates/bulk", &bulk).expect(200).json();
    let statuses: Vec<_> = (0..3).map(|place| results["results"][place]["status"].clone()).collect();
    assert_eq!(statuses, [json!(200), json!(409), json!(200)], "{results}");
    two.assert_revoked(&house().root());
    three.assert_revoked(&house().root());
    assert_eq!(found(&two)["revoked"]["reason"], "keyCompromise");
}

/// Whoever sends what another action is told expects something that would not happen.
#[test]
fn an_action_on_many_certificates_is_not_told_what_belongs_to_another() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let certificate = found(&issue(&account, &[&name("stray")]).0);
    let (api, items) = (admin(), json!([certificate["id"]]));
    for (body, field) in [
        (json!({"action": "revoke", "items": items, "within": "1d"}), "within"),
        (json!({"action": "revoke", "items": items, "cancel": true}), "cancel"),
        (json!({"action": "renew", "items": items, "reason": "superseded"}), "reason"),
    ] {
        refuses_field(api.post("/certificates/bulk", &body), field);
    }
    let after = api.get(&format!("/certificates/{}", text(&certificate, "id"))).expect(200).json();
    assert_eq!((&after["status"], &after["revision"]), (&json!("valid"), &certificate["revision"]));
}

#[test]
fn authorities_are_made_used_and_removed_by_administrators() {
    let api = admin();
    let operator = crate::desk::with_role("operator");
    let (label, root) = (format!("Issuing {}", name("ca")), format!("Root {}", name("ca")));
    let new = json!({"name": label, "rootName": root, "algorithm": "p256"});
    operator.post("/authorities", &new).expect_refusal(403, "forbidden");
    refuses_field(api.post("/authorities", &json!({"name": "", "rootName": root})), "name");
    refuses_field(api.post("/authorities", &json!({"name": label})), "parent");
    let made = api.post("/authorities", &new).expect(201);
    let view = made.json();
    let path = format!("/authorities/{}", text(&view, "id"));
    assert!(made.location().ends_with(&path));
    assert_eq!((&view["kind"], &view["enabled"], &view["name"]), (&json!("intermediate"), &json!(true), &json!(label)));
    assert_eq!(auditor().get(&path).expect(200).json()["parent"], view["parent"]);
    let parent = format!("/authorities/{}", text(&view, "parent"));
    assert_eq!(auditor().get(&parent).expect(200).json()["name"], root);
    let listed = crate::desk::all("/authorities?sort=created", "name", 1);
    let place = |wanted: &str| listed.iter().position(|found| found == wanted).expect("it is listed");
    let first = place("Chancery Root CA").max(place("Chancery Intermediate CA"));
    assert!(first < place(&root).min(place(&label)), "{listed:?}");

    let disabled = api.post(&format!("{path}/disable"), &json!({})).expect(200).json();
    assert_eq!(disabled["enabled"], false);
    let barred = crate::desk::all("/authorities?enabled=false", "name", 10);
    assert!(barred.contains(&label) && !barred.contains(&root), "{barred:?}");
    api.post(&format!("{path}/enable"), &json!({})).expect(200);
    operator.delete(&path, "*").expect_refusal(403, "forbidden");
    api.delete(&parent, "*").expect_refusal(409, "inUse");
    api.delete(&path, "\"1\"").expect_refusal(412, "changed");
    api.send("DELETE", &path, &[], None).expect_refusal(428, "preconditionRequired");
    api.delete(&path, "*").expect(204);
    api.delete(&parent, "*").expect(204);
    api.get(&path).expect_refusal(404, "absent");
}

#[test]
fn an_authority_that_is_asked_for_again_is_made_once() {
    let api = admin();
    let (key, new) = (name("key"), json!({"name": name("once"), "rootName": name("root"), "algorithm": "p256"}));
    let send = |body: &Value| api.send("POST", "/authorities", &[("Idempotency-Key", &key)], Some(body));
    let answers = std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| send(&new).expect(201)));
        both.map(|one| one.join().expect("an answer"))
    });
    let replayed = answers.iter().filter(|answer| answer.header("Idempotency-Replayed") == Some("true")).count();
    assert_eq!((answers[0].json(), replayed), (answers[1].json(), 1));
    let again = send(&new).expect(201);
    assert_eq!((again.json(), again.location(), again.etag()), (answers[0].json(), answers[0].location(), "\"1\""));
    for other in [json!({"name": name("other"), "rootName": name("root")}), json!({"name": new["name"], "parent": "x"})]
    {
        send(&other).expect_refusal(409, "keyReused");
    }
    assert_eq!(log_of(&format!("authority/{}", text(&again.json(), "id"))).len(), 1);
}

#[test]
fn an_open_order_holds_the_authority_under_which_it_was_placed() {
    let api = admin();
    let (profile, label) = (name("moved"), name("left"));
    let new = json!({"name": label, "rootName": name("root"), "algorithm": "p256"});
    let path = format!("/authorities/{}", text(&api.post("/authorities", &new).expect(201).json(), "id"));
    api.post("/raProfiles", &json!({"name": profile, "authority": label})).expect(201);
    let mut settings = house().network();
    (settings["name"], settings["defaultRaProfile"]) = (json!(profile), json!(profile));
    api.post("/acmeProfiles", &settings).expect(201);
    let endpoint = endpoint(&profile);
    let account = endpoint.register("ES256");
    let open = [account.order(&[&name("open")]).0, ready(&account, &[&name("ready")]).0].map(|url| id(&url));

    let default = api.get("/raProfiles/default").expect(200).json();
    api.patch(&format!("/raProfiles/{profile}"), "*", &json!({"authority": default["authority"]})).expect(200);
    for order in open {
        let refused = api.delete(&format!("{path}?force=true"), "*").expect_refusal(409, "inUse").json();
        let dependents = refused["dependents"].as_array().expect("a list");
        assert!(dependents.len() == 1 && dependents[0].to_string().contains(&order), "{refused}");
        api.post(&format!("/orders/{order}/cancel"), &json!({})).expect(200);
    }
    // What is placed now is another authority's.
    account.order(&[&name("open")]);
    api.delete(&path, "*").expect(204);
}

/// What is renewed automatically is signed by it for as long, whatever profiles say by then.
#[test]
fn an_order_that_is_renewed_automatically_holds_the_authority_that_signs_it() {
    let api = admin();
    let (profile, label) = (name("renewed"), name("signs"));
    let new = json!({"name": label, "rootName": name("root"), "algorithm": "p256"});
    let path = format!("/authorities/{}", text(&api.post("/authorities", &new).expect(201).json(), "id"));
    api.post("/raProfiles", &json!({"name": profile, "authority": label})).expect(201);
    let mut settings = house().network();
    (settings["name"], settings["defaultRaProfile"]) = (json!(profile), json!(profile));
    settings["autoRenewal"] = json!({"minLifetime": "1h"});
    api.post("/acmeProfiles", &settings).expect(201);
    let endpoint = endpoint(&profile);
    let account = endpoint.register("ES256");
    let host = name("star");
    let renewal = json!({"end-date": moment(80_000), "lifetime": 3600});
    let payload = json!({"identifiers": [{"type": "dns", "value": host}], "auto-renewal": renewal});
    let placed = account.post(endpoint.url("newOrder"), &payload).expect(201);
    prove(&account, placed.json()["authorizations"][0].as_str().expect("a URL"), "http-01");
    let ready = account.await_status(placed.location(), "ready");
    let key = rcgen::KeyPair::generate().expect("a key is made");
    finalize(&account, placed.location(), &ready, &csr(&[&host], &key));

    let default = api.get("/raProfiles/default").expect(200).json();
    api.patch(&format!("/raProfiles/{profile}"), "*", &json!({"authority": default["authority"]})).expect(200);
    let dependents = || {
        let refused = api.delete(&format!("{path}?force=true"), "*").expect_refusal(409, "inUse").json();
        refused["dependents"].to_string()
    };
    let order = id(placed.location());
    let before = dependents();
    assert!(before.contains(&format!("order/{order}, which is renewed automatically until")), "{before}");
    api.post(&format!("/orders/{order}/cancel"), &json!({})).expect(200);
    let after = dependents();
    assert!(!after.contains(&order) && after.contains("a certificate that is valid until"), "{after}");
}
