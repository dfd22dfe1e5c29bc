//! Every write of the API leaves its trail: who, what, how it was before and how it is since. And none is done on what
//! somebody else has changed, or twice where it is sent again.

use serde_json::{Value, json};

use crate::client::{Account, text};
use crate::clients::{endpoint, issue, name};
use crate::described::{Operation, operations};
use crate::desk::{account_id, admin, auditor, id, with_role};
use crate::jws::Signer;
use crate::support::admin::Admin;
use crate::support::crossing::Crossing;

#[test]
fn every_write_leaves_an_entry_with_who_and_what_and_before_and_after() {
    let api = with_role("administrator");
    let operations = operations(&api);
    let writes = operations.iter().filter(|operation| !operation.reads());
    let mut tried = 0;
    for operation in writes {
        if operation.actions.is_empty() {
            leaves_an_entry(&api, operation, None);
        }
        for action in &operation.actions {
            leaves_an_entry(&api, operation, Some(action));
        }
        tried += operation.actions.len().max(1);
    }
    assert!(tried >= 40, "{tried}");
}

fn leaves_an_entry(api: &Admin, operation: &Operation, bulk: Option<&str>) {
    let named = format!("{} {bulk:?}", operation.id);
    let who = api.get("/whoami").expect(200).json()["who"].clone();
    let collection = operation.path.split('/').nth(1).expect("a collection");
    let said = action(operation, bulk);
    let creates = said == "create";
    let thing = if creates { name("made") } else { thing(collection, said) };
    let (before, earlier) = (if creates { Value::Null } else { shown(collection, &thing) }, entries(&who));
    let body = match bulk {
        Some(action) => json!({"action": action, "items": [thing]}),
        None => body(operation, &thing),
    };
    let (path, key) = (operation.path_of(&thing), name("key"));
    let send = |header: &[(&str, &str)]| api.send(&operation.method, &path, header, Some(&body));
    if let Some((_, required)) = operation.header.iter().find(|(name, _)| name == "If-Match") {
        // Somebody else was faster: nothing is done, and nothing is said.
        send(&[("If-Match", "\"999\"")]).expect_refusal(412, "changed");
        if *required {
            send(&[]).expect_refusal(428, "preconditionRequired");
        }
    }
    let answer = send(&[("If-Match", "*"), ("Idempotency-Key", &key)]);
    assert!((200..300).contains(&answer.status), "{named}: {}", answer.said());
    if bulk.is_some() {
        assert_eq!(answer.json()["results"][0]["status"], 200, "{named}: {}", answer.said());
    }
    if creates && operation.id != "apply" {
        assert!(operation.header.iter().any(|(name, _)| name == "Idempotency-Key"), "{named} can be sent again");
        let again = send(&[("Idempotency-Key", &key)]).expect(201);
        assert_eq!((again.json(), again.header("Idempotency-Replayed")), (answer.json(), Some("true")), "{named}");
    }
    let (collection, thing) = match collection {
        "apply" => ("raProfiles", thing),
        _ if creates => (collection, id(answer.location())),
        _ => (collection, thing),
    };
    let later = entries(&who);
    let new = &later[earlier.len()..];
    // With an intermediate, its root was made.
    assert_eq!(new.len(), if operation.id == "createAuthority" { 2 } else { 1 }, "{named}: {new:?}");
    let entry = new.last().expect("an entry");
    let word = collection
        .strip_suffix("ies")
        .map_or_else(|| collection.trim_end_matches('s').into(), |stem| format!("{stem}y"));
    assert_eq!(entry["object"], format!("{word}/{thing}"), "{named}");
    assert_eq!((&entry["who"], &entry["action"]), (&who, &json!(said)), "{named}");
    assert_eq!(lasting(collection, entry["before"].clone()), before, "{named}, before");
    let after = if said == "delete" { Value::Null } else { shown(collection, &thing) };
    assert_eq!(lasting(collection, entry["after"].clone()), after, "{named}, after");
    assert_ne!(before, after, "{named} changes something");
}

/// The entries of the log by this operator, the oldest first.
fn entries(who: &Value) -> Vec<Value> {
    let who = who.as_str().expect("a name").replace(' ', "%20");
    let page = auditor().get(&format!("/audit?who={who}&sort=created&limit=1000")).expect(200).json();
    page["items"].as_array().expect("a page has items").clone()
}

/// What the log calls it.
fn action<'a>(operation: &'a Operation, bulk: Option<&'a str>) -> &'a str {
    match (operation.method.as_str(), bulk, operation.path.rsplit('/').next()) {
        (_, Some(action), _) => action,
        ("PATCH", ..) => "update",
        ("DELETE", ..) => "delete",
        ("POST", _, Some(verb)) if operation.path.contains('{') => verb,
        ("POST", ..) => "create",
        other => panic!("what is {other:?}?"),
    }
}

/// With what it is asked for.
fn body(operation: &Operation, thing: &str) -> Value {
    match operation.id.as_str() {
        "createToken" => json!({"name": thing, "role": "auditor"}),
        "createAuthority" => json!({"name": thing, "rootName": format!("Root of {thing}"), "algorithm": "p256"}),
        "createEabCredential" => json!({}),
        "apply" => json!({"raProfiles": {thing: {}}}),
        "activateRaProfile" => json!({"acmeProfile": "default"}),
        "addChain" => json!({"certificates": crossed(thing)}),
        "removeChain" => json!({"id": shown("authorities", thing)["chains"][0]["id"]}),
        _ if action(operation, None) == "create" => json!({"name": thing}),
        _ if operation.method == "PATCH" => json!({"description": "changed"}),
        _ => json!({}),
    }
}

/// The id of something new to which that can be done.
fn thing(collection: &str, action: &str) -> String {
    let api = admin();
    let made = |body: Value, member: &str| {
        text(&api.post(&format!("/{collection}"), &body).expect(201).json(), member).to_owned()
    };
    let thing = match collection {
        "acmeProfiles" | "raProfiles" => made(json!({"name": name("trail")}), "name"),
        "eabCredentials" => made(json!({}), "keyId"),
        "tokens" => made(json!({"name": "trail", "role": "auditor"}), "id"),
        "authorities" => made(json!({"name": name("trail"), "rootName": name("root"), "algorithm": "p256"}), "id"),
        _ => {
            let endpoint = endpoint("default");
            // Who has agreed to nothing yet.
            let (signer, url) = (Signer::new("ES256"), endpoint.url("newAccount"));
            let made = endpoint.post(url, signer.with_jwk(url).payload(&json!({}))).expect(201);
            let account = Account { endpoint: &endpoint, kid: made.location().to_owned(), signer };
            of_client(&account, collection)
        }
    };
    let first = match action {
        "enable" => "disable",
        "deactivate" => "activate",
        "removeChain" => "addChain",
        _ => return thing,
    };
    let body = match first {
        "activate" => json!({"acmeProfile": "default"}),
        "addChain" => json!({"certificates": crossed(&thing)}),
        _ => json!({}),
    };
    api.post(&format!("/{collection}/{thing}/{first}"), &body).expect(200);
    thing
}

/// A certificate of an authority by another root, PEM.
fn crossed(authority: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let certificate = shown("authorities", authority)["certificate"].clone();
    Crossing::new(folder.path(), "Old Root", certificate.as_str().expect("PEM"), 20).crossed
}

/// What only clients make.
fn of_client(account: &Account<'_>, collection: &str) -> String {
    match collection {
        "acmeAccounts" => account_id(account),
        "orders" => id(&account.order(&[&name("trail")]).0),
        "authorizations" => id(account.order(&[&name("trail")]).1["authorizations"][0].as_str().expect("a URL")),
        "certificates" => {
            issue(account, &[&name("trail")]);
            let issued = auditor().get(&format!("/certificates?account={}", account_id(account))).expect(200).json();
            text(&issued["items"][0], "id").to_owned()
        }
        other => panic!("nobody knows how to make one of {other}"),
    }
}

/// How something is shown now, as far as the log says it too.
fn shown(collection: &str, thing: &str) -> Value {
    lasting(collection, auditor().get(&format!("/{collection}/{thing}")).expect(200).json())
}

/// Without what only the store knows, what is looked up beside the object, and what follows later.
fn lasting(collection: &str, mut view: Value) -> Value {
    let Some(members) = view.as_object_mut() else { return view };
    members.remove("revision");
    let beside: &[&str] = match collection {
        "acmeAccounts" => &["lastSeen", "ordersByStatus"],
        "authorities" => &["raProfiles"],
        "authorizations" => &["challenges", "orders"],
        "certificates" => &["pem"],
        _ => &[],
    };
    for member in beside {
        members.remove(*member);
    }
    if let Some(revoked) = members.get_mut("revoked").and_then(Value::as_object_mut) {
        revoked.remove("published");
    }
    assert!(members.len() > 3, "{view}");
    view
}
