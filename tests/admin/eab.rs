//! `/eabCredentials`: what an operator does with them. What they mean to clients is tested in `tests/acme`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::client::{Account, Endpoint, text};
use crate::clients::{endpoint, name};
use crate::desk::{account_id, admin, all, auditor, ids, log_of, refuses_field};
use crate::jws::{Signer, encode};

/// Registers an account that is bound with this new credential.
pub(crate) fn bind<'a>(endpoint: &'a Endpoint, credential: &Value) -> Account<'a> {
    let signer = Signer::new("ES256");
    let url = endpoint.url("newAccount");
    let header = json!({"alg": "HS256", "kid": credential["keyId"], "url": url});
    let (protected, payload) = (encode(header.to_string()), encode(signer.jwk().to_string()));
    let key = URL_SAFE_NO_PAD.decode(text(credential, "hmacKey")).expect("the key is base64url");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
    let mac = aws_lc_rs::hmac::sign(&key, format!("{protected}.{payload}").as_bytes());
    let binding = json!({"protected": protected, "payload": payload, "signature": encode(mac)});
    let payload = json!({"termsOfServiceAgreed": true, "externalAccountBinding": binding});
    let made = endpoint.post(url, signer.with_jwk(url).payload(&payload)).expect(201);
    Account { endpoint, kid: made.location().to_owned(), signer }
}

fn create(settings: &Value) -> Value {
    admin().post("/eabCredentials", settings).expect(201).json()
}

#[test]
fn the_key_is_shown_once_and_an_example_with_it() {
    let made =
        admin().post("/eabCredentials", &json!({"description": "team 7", "acmeProfiles": ["plain"]})).expect(201);
    let view = made.json();
    let id = text(&view, "keyId");
    // A path: the API may stand at another address than the ACME endpoints.
    assert_eq!(made.location(), format!("/api/v1/eabCredentials/{id}"));
    assert_eq!(made.etag(), "\"1\"");
    let key = text(&view, "hmacKey");
    assert_eq!(URL_SAFE_NO_PAD.decode(key).expect("base64url").len(), 32);
    assert_eq!(view["algorithm"], "HS256");
    let example = text(&view, "example");
    assert!(example.contains("/acme/plain/directory") && example.contains(id) && example.contains(key), "{example}");
    assert!(made.header("Cache-Control").is_some_and(|value| value.contains("no-store")));

    let read = auditor().get(&format!("/eabCredentials/{id}")).expect(200).json();
    let expected = json!({
        "keyId": id, "revision": 1, "status": "valid", "created": view["created"], "revoked": null, "boundAccounts": 0,
        "placedOrders": 0, "description": "team 7", "acmeProfiles": ["plain"], "raProfiles": [], "names": [],
        "accounts": null, "orders": null, "expires": null,
    });
    assert_eq!(read, expected);
    let log = log_of(&format!("eabCredential/{id}"));
    assert_eq!(log.len(), 1);
    assert!(!json!(log).to_string().contains(key) && log[0]["after"].get("hmacKey").is_none(), "{log:?}");
}

#[test]
fn the_same_request_again_is_the_same_credential() {
    let (api, body) = (admin(), json!({"description": "again"}));
    let unique = name("key");
    let send = |key: &str, body: &Value| api.send("POST", "/eabCredentials", &[("Idempotency-Key", key)], Some(body));
    let first = send(&unique, &body).expect(201);
    let again = send(&unique, &body).expect(201);
    assert_eq!(first.json(), again.json());
    assert_eq!(again.header("Idempotency-Replayed"), Some("true"));
    send(&unique, &json!({"description": "other"})).expect_refusal(409, "keyReused");
    assert_ne!(send(&name("key"), &body).expect(201).json()["keyId"], first.json()["keyId"]);
}

#[test]
fn what_limits_nothing_or_names_nothing_is_refused() {
    let api = admin();
    for (wrong, field) in [
        (json!({"acmeProfiles": ["default", "nobody"]}), "acmeProfiles[1]"),
        (json!({"raProfiles": ["nobody"]}), "raProfiles[0]"),
        (json!({"raProfiles": ["a/b"]}), "raProfiles[0]"),
        (json!({"names": ["*.ok.test", "a..b"]}), "names[1]"),
        (json!({"accounts": 0}), "accounts"),
        (json!({"orders": 0}), "orders"),
        (json!({"expires": "2001-01-01T00:00:00Z"}), "expires"),
        (json!({"expires": "soon"}), "expires"),
        (json!({"description": "a\u{7}"}), "description"),
    ] {
        refuses_field(api.post("/eabCredentials", &wrong), field);
    }
    api.post("/eabCredentials", &json!({"acounts": 1})).expect_refusal(422, "invalid");
    api.post("/eabCredentials", &json!([])).expect_refusal(400, "malformed");
}

#[test]
fn a_change_keeps_what_it_leaves_out() {
    let made = create(&json!({"accounts": 3, "names": ["**.corp.test"], "description": "before"}));
    let (api, path) = (admin(), format!("/eabCredentials/{}", text(&made, "keyId")));
    let change = json!({"description": "after", "accounts": null});
    api.send("PATCH", &path, &[], Some(&change)).expect_refusal(428, "preconditionRequired");
    let changed = api.patch(&path, "\"1\"", &change).expect(200);
    assert_eq!(changed.etag(), "\"2\"");
    let view = changed.json();
    assert_eq!((&view["description"], &view["accounts"]), (&json!("after"), &Value::Null));
    assert_eq!(view["names"], json!(["**.corp.test"]));
    api.patch(&path, "\"1\"", &change).expect_refusal(412, "changed");
    // What an answer shows may be sent back.
    assert_eq!(api.patch(&path, "*", &view).expect(200).json()["revision"], 2);
    refuses_field(api.patch(&path, "*", &json!({"orders": 0})), "orders");

    api.post(&format!("{path}/revoke"), &json!({})).expect(200);
    let revoked = api.post(&format!("{path}/revoke"), &json!({})).expect(200).json();
    assert_eq!((&revoked["status"], &revoked["revision"]), (&json!("revoked"), &json!(3)));
    api.patch(&path, "*", &json!({"description": "late"})).expect_refusal(409, "refused");
    let log = log_of(&path[1..].replacen("Credentials", "Credential", 1));
    let actions: Vec<_> = log.iter().map(|entry| entry["action"].as_str().expect("a text")).collect();
    assert_eq!(actions, ["create", "update", "revoke"]);
    api.delete(&path, "\"3\"").expect(204);
    api.get(&path).expect_refusal(404, "absent");
}

#[test]
fn credentials_are_listed_by_status() {
    let (valid, revoked) = (create(&json!({})), create(&json!({})));
    let (valid, revoked) = (text(&valid, "keyId").to_owned(), text(&revoked, "keyId").to_owned());
    admin().post(&format!("/eabCredentials/{revoked}/revoke"), &json!({})).expect(200);
    let listed = |status: &str| all(&format!("/eabCredentials?status={status}"), "keyId", 2);
    assert!(listed("valid").contains(&valid) && !listed("valid").contains(&revoked));
    assert!(listed("revoked").contains(&revoked) && !listed("revoked").contains(&valid));
    let everything = all("/eabCredentials?sort=created", "keyId", 2);
    let place = |id: &String| everything.iter().position(|found| found == id).expect("everything is listed");
    assert!(place(&valid) < place(&revoked));
}

#[test]
fn bound_accounts_hold_their_credential() {
    let endpoint = endpoint("default");
    let made = create(&json!({"orders": 1}));
    let id = text(&made, "keyId");
    let account = bind(&endpoint, &made);
    let (api, path) = (admin(), format!("/eabCredentials/{id}"));
    assert_eq!(ids(&format!("/acmeAccounts?eabCredential={id}")), [account_id(&account)]);
    let view = api.get(&format!("/acmeAccounts/{}", account_id(&account))).expect(200).json();
    assert_eq!(view["externalAccount"], json!({"keyId": id}));
    account.order(&[&name("bound")]);
    let used = api.get(&path).expect(200).json();
    assert_eq!((&used["boundAccounts"], &used["placedOrders"]), (&json!(1), &json!(1)), "{used}");
    let order = json!({"identifiers": [{"type": "dns", "value": name("bound")}]});
    assert_eq!(account.post(endpoint.url("newOrder"), &order).status / 100, 4, "one order was the quota");
    api.patch(&path, "*", &json!({"orders": 5})).expect(200);
    account.post(endpoint.url("newOrder"), &order).expect(201);

    let refused = api.delete(&path, "*").expect_refusal(409, "inUse").json();
    assert_eq!(refused["dependents"], json!([format!("acmeAccount/{}", account_id(&account))]));
    let results =
        api.post("/eabCredentials/bulk", &json!({"action": "delete", "items": [id, "none"]})).expect(200).json();
    assert_eq!((&results["results"][0]["status"], &results["results"][1]["status"]), (&json!(409), &json!(404)));
    api.post("/eabCredentials/bulk", &json!({"action": "revoke", "items": [id]})).expect(200);
    // Revoked, it goes on to count for those that are bound; deleted, they place no orders any more.
    account.order(&[&name("bound")]);
    let deleted = json!({"action": "delete", "items": [id], "force": true});
    let results = api.post("/eabCredentials/bulk", &deleted).expect(200).json();
    assert_eq!(results["results"][0]["status"], 200, "{results}");
    assert_eq!(account.post(endpoint.url("newOrder"), &order).status, 403);
    account.read(&account.kid).expect(200);
    api.delete(&path, "*").expect_refusal(404, "absent");
}

#[test]
fn auditors_make_no_credentials() {
    let (api, made) = (auditor(), create(&json!({})));
    let path = format!("/eabCredentials/{}", text(&made, "keyId"));
    api.post("/eabCredentials", &json!({})).expect_refusal(403, "forbidden");
    api.patch(&path, "*", &json!({})).expect_refusal(403, "forbidden");
    api.delete(&path, "*").expect_refusal(403, "forbidden");
    api.post(&format!("{path}/revoke"), &json!({})).expect_refusal(403, "forbidden");
    api.post("/eabCredentials/bulk", &json!({"action": "revoke", "items": []})).expect_refusal(403, "forbidden");
}
