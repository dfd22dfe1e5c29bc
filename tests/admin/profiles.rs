//! ACME Profiles and RA Profiles: made, read, changed, bound to each other and removed.

use serde_json::{Value, json};

use crate::client::Endpoint;
use crate::house::{House, deeds, names, text};

#[test]
fn a_profile_is_made_read_changed_and_removed() {
    let house = House::open();
    let admin = house.admin();
    for (collection, word) in [("/acmeProfiles", "acmeProfile"), ("/raProfiles", "raProfile")] {
        let one = format!("{collection}/web");
        let made = admin.post(collection, &json!({"name": "web", "description": "for the web"})).expect(201);
        assert_eq!(made.location(), format!("/api/v1{one}"));
        assert_eq!(made.etag(), "\"1\"");
        let read = admin.get(&one).expect(200);
        assert_eq!((read.json(), read.etag()), (made.json(), made.etag()));
        assert_eq!(read.header("Cache-Control"), Some("no-store"));
        assert_eq!(read.header("X-Content-Type-Options"), Some("nosniff"));

        let changed = admin.patch(&one, "\"1\"", &json!({"enabled": false})).expect(200);
        assert_eq!(changed.etag(), "\"2\"");
        let shown = changed.json();
        assert_eq!(
            (&shown["enabled"], &shown["description"]),
            (&json!(false), &json!("for the web")),
            "the rest stays"
        );
        // What was read may be sent back whole, and changes nothing.
        assert_eq!(admin.patch(&one, "\"2\"", &shown).expect(200).json(), shown);
        let back = admin.patch(&one, "*", &json!({"enabled": null, "description": null})).expect(200).json();
        assert_eq!((&back["enabled"], &back["description"]), (&json!(true), &json!("")), "null is the default");
        assert_eq!(admin.post(&format!("{one}/disable"), &json!({})).expect(200).json()["enabled"], false);
        let stale = admin.send("POST", &format!("{one}/enable"), &[("If-Match", "\"3\"")], None);
        stale.expect_refusal(412, "changed");
        assert_eq!(
            admin.send("POST", &format!("{one}/enable"), &[("If-Match", "\"4\"")], None).expect(200).etag(),
            "\"5\""
        );

        admin.send("DELETE", &one, &[], None).expect_refusal(428, "preconditionRequired");
        admin.delete(&one, "\"4\"").expect_refusal(412, "changed");
        admin.delete(&one, "\"5\"").expect(204);
        admin.get(&one).expect_refusal(404, "absent");
        admin.delete(&one, "*").expect_refusal(404, "absent");
        let said = deeds(&admin);
        let mine: Vec<_> = said.iter().filter(|deed| deed.ends_with(&format!("{word}/web"))).collect();
        let actions: Vec<_> = mine.iter().filter_map(|deed| deed.split(' ').next()).collect();
        assert_eq!(actions, ["create", "update", "update", "disable", "enable", "delete"]);
        // Orders know revisions by number: a name that comes again does not begin anew.
        let again = admin.post(collection, &json!({"name": "web"})).expect(201);
        assert_eq!(again.etag(), "\"6\"");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let house = House::open();
    let admin = house.admin();
    let field = |body: &Value| {
        let refused = admin.post("/acmeProfiles", body).expect_refusal(422, "invalid").json();
        text(&refused["errors"][0]["field"]).to_owned()
    };
    assert_eq!(field(&json!({})), "name");
    assert_eq!(field(&json!({"name": 1})), "name");
    assert_eq!(field(&json!({"name": "raProfile"})), "name");
    assert_eq!(field(&json!({"name": "web", "challenges": ["http-01", "x"]})), "challenges[1]");
    assert_eq!(field(&json!({"name": "web", "orderValidity": "soon"})), "orderValidity");
    assert_eq!(field(&json!({"name": "web", "defaultRaProfile": "none"})), "defaultRaProfile");
    let unknown = admin.post("/raProfiles", &json!({"name": "web", "colour": "red"})).expect_refusal(422, "invalid");
    assert!(unknown.detail().contains("colour"), "{}", unknown.detail());
    admin.post("/raProfiles", &json!({"name": "web", "authority": "none"})).expect_refusal(422, "invalid");
    admin.post("/acmeProfiles", &json!([])).expect_refusal(400, "malformed");
    admin.post("/acmeProfiles", &json!({"name": "default"})).expect_refusal(409, "exists");
    admin.patch("/acmeProfiles/default", "7", &json!({})).expect_refusal(400, "malformed");
    admin.patch("/acmeProfiles/default", "*", &json!({"name": "other"})).expect_refusal(422, "invalid");
    for (query, field) in [
        ("/acmeProfiles?limit=0", "limit"),
        ("/acmeProfiles?limit=x", "limit"),
        ("/acmeProfiles?enabled=maybe", "enabled"),
        ("/acmeProfiles?stauts=x", "stauts"),
        ("/acmeProfiles?sort=age", "sort"),
        ("/raProfiles?defaultRaProfile=x", "defaultRaProfile"),
        ("/tokens?role=auditor", "role"),
        ("/orders?sort=age", "sort"),
    ] {
        let refused = admin.get(query).expect_refusal(422, "invalid").json();
        assert_eq!(refused["errors"][0]["field"], field, "{query}: {refused}");
    }
    for (path, body, field) in [
        ("/tokens", json!({"name": "x"}), "role"),
        ("/acmeProfiles/bulk", json!({"action": "enable"}), "items"),
        ("/raProfiles/default/activate", json!({}), "acmeProfile"),
        ("/raProfiles/default/activate", json!({"acmeProfile": "x", "profile": "y"}), "profile"),
    ] {
        let refused = admin.post(path, &body).expect_refusal(422, "invalid").json();
        assert_eq!(refused["errors"][0]["field"], field, "{path}: {refused}");
    }
    admin.get("/acmeProfiles?cursor=!").expect_refusal(400, "cursor");
    admin.get("/acmeProfiles/a%20b").expect_refusal(404, "absent");
    assert!(deeds(&admin).is_empty(), "nothing was done");
}

#[test]
fn lists_are_filtered_and_paged_by_name() {
    let house = House::open();
    let admin = house.admin();
    for name in ["a", "b", "c", "bulk"] {
        admin.post("/raProfiles", &json!({"name": name, "enabled": name != "b"})).expect(201);
        admin.post("/acmeProfiles", &json!({"name": name, "defaultRaProfile": "a"})).expect(201);
    }
    admin.post("/raProfiles/c/activate", &json!({"acmeProfile": "a"})).expect(200);
    let list = |query: &str| admin.get(query).expect(200).json();
    assert_eq!(names(&list("/acmeProfiles?defaultRaProfile=a")), ["a", "b", "bulk", "c"]);
    assert_eq!(names(&list("/raProfiles?enabled=false")), ["b"]);
    assert_eq!(names(&list("/raProfiles?acmeProfile=a")), ["c"]);
    let default = admin.get("/raProfiles/default").expect(200).json();
    assert_eq!(names(&list(&format!("/raProfiles?authority={}", text(&default["authority"])))).len(), 5);
    assert!(names(&list("/raProfiles?authority=none")).is_empty());
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("/raProfiles?limit=2&cursor={cursor}"));
        seen.extend(names(&page).into_iter().map(str::to_owned));
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["a", "b", "bulk", "c", "default"]);
    // Also a profile that is called as the bulk form is.
    admin.get("/acmeProfiles/bulk").expect(200);
    admin.delete("/acmeProfiles/bulk", "*").expect(204);
}

#[test]
fn profiles_are_bound_both_ways_and_show_where_they_answer() {
    let house = House::open();
    let admin = house.admin();
    let origin = house.server().directory().strip_suffix("/acme/default/directory").expect("the default directory");
    let default = admin.get("/acmeProfiles/default").expect(200).json();
    assert_eq!(default["directoryUrl"], house.server().directory());
    let alone = admin.post("/raProfiles", &json!({"name": "web"})).expect(201).json();
    assert_eq!(alone["directoryUrl"], Value::Null);

    admin.post("/raProfiles/web/activate", &json!({})).expect_refusal(422, "invalid");
    admin.post("/raProfiles/web/activate", &json!({"acmeProfile": "none"})).expect_refusal(422, "invalid");
    let bound = admin.post("/raProfiles/web/activate", &json!({"acmeProfile": "default"})).expect(200).json();
    assert_eq!(bound["acmeProfile"], "default");
    assert_eq!(bound["directoryUrl"], format!("{origin}/acme/raProfile/web/directory"));
    // The same again is nothing new.
    let again = admin.post("/raProfiles/web/activate", &json!({"acmeProfile": "default"})).expect(200);
    assert_eq!(again.etag(), format!("\"{}\"", bound["revision"]));
    let free = admin.post("/raProfiles/web/deactivate", &json!({})).expect(200).json();
    assert_eq!((&free["acmeProfile"], &free["directoryUrl"]), (&Value::Null, &Value::Null));
    let said = deeds(&admin);
    assert_eq!(said[1..], ["activate raProfile/web", "deactivate raProfile/web"]);
}

#[test]
fn what_something_depends_on_is_removed_only_by_force() {
    let house = House::open();
    let admin = house.admin();
    admin.post("/raProfiles", &json!({"name": "web", "acmeProfile": "default"})).expect(201);
    admin.post("/acmeProfiles", &json!({"name": "intern", "defaultRaProfile": "default"})).expect(201);
    let credential = json!({"acmeProfiles": ["default"], "raProfiles": ["default"]});
    let credential = admin.post("/eabCredentials", &credential).expect(201).json();
    let credential = format!("eabCredential/{}", text(&credential["keyId"]));

    let refused = admin.delete("/acmeProfiles/default", "*").expect_refusal(409, "inUse").json();
    assert_eq!(refused["dependents"], json!(["raProfile/web", credential]));
    let refused = admin.delete("/raProfiles/default", "*").expect_refusal(409, "inUse").json();
    assert_eq!(refused["dependents"], json!(["acmeProfile/default", "acmeProfile/intern", credential]));

    let before = deeds(&admin).len();
    admin.delete("/raProfiles/default?force=true", "*").expect(204);
    for acme in ["default", "intern"] {
        assert_eq!(admin.get(&format!("/acmeProfiles/{acme}")).expect(200).json()["defaultRaProfile"], Value::Null);
    }
    admin.delete("/acmeProfiles/default?force=true", "*").expect(204);
    assert_eq!(admin.get("/raProfiles/web").expect(200).json()["acmeProfile"], Value::Null);
    assert_eq!(
        deeds(&admin)[before..],
        [
            "update acmeProfile/default",
            "update acmeProfile/intern",
            "delete raProfile/default",
            "deactivate raProfile/web",
            "delete acmeProfile/default",
        ]
    );
    // The credential stays what it was: for no others than these.
    let kept = admin.get(&format!("/eabCredentials/{}", &credential["eabCredential/".len()..])).expect(200).json();
    assert_eq!(kept["raProfiles"], json!(["default"]));
}

#[test]
fn accounts_speak_against_removing_their_profile_and_outlive_it() {
    let house = House::open();
    let admin = house.admin();
    let endpoint = Endpoint::open(house.server().directory(), &house.server().root());
    let first = endpoint.register("ES256");
    endpoint.register("ES384");
    let refused = admin.delete("/acmeProfiles/default", "*").expect_refusal(409, "inUse").json();
    assert_eq!(refused["dependents"], json!(["acmeAccounts: 2"]));
    let declared = json!({"raProfiles": {"default": {}}, "prune": true});
    let refused = admin.post("/apply", &declared).expect_refusal(409, "inUse").json();
    assert_eq!(refused["dependents"], json!(["acmeAccounts: 2"]));

    admin.delete("/acmeProfiles/default?force=true", "*").expect(204);
    admin.post("/acmeProfiles", &json!({"name": "default", "defaultRaProfile": "default"})).expect(201);
    let url = endpoint.url("newAccount");
    let existing = json!({"onlyReturnExisting": true});
    let found = endpoint.post(url, first.signer.with_jwk(url).payload(&existing)).expect(200);
    assert_eq!(found.location(), first.kid);
}

#[test]
fn many_are_done_each_by_itself() {
    let house = House::open();
    let admin = house.admin();
    for name in ["a", "b"] {
        admin.post("/acmeProfiles", &json!({"name": name})).expect(201);
    }
    let bulk = |body: &Value| admin.post("/acmeProfiles/bulk", body).expect(200).json();
    let done = bulk(&json!({"action": "disable", "items": ["a", "none", "b"]}));
    let statuses = |done: &Value| -> Vec<Value> {
        done["results"].as_array().expect("results").iter().map(|result| result["status"].clone()).collect()
    };
    assert_eq!(statuses(&done), [200, 404, 200]);
    assert_eq!(done["results"][1]["problem"]["type"], "urn:chancery:problem:absent");
    assert_eq!(names(&admin.get("/acmeProfiles?enabled=false").expect(200).json()), ["a", "b"]);
    let done = bulk(&json!({"action": "enable", "items": ["b"]}));
    assert_eq!(statuses(&done), [200]);
    admin.post("/raProfiles", &json!({"name": "web", "acmeProfile": "a"})).expect(201);
    assert_eq!(statuses(&bulk(&json!({"action": "delete", "items": ["a", "b"]}))), [409, 200]);
    assert_eq!(statuses(&bulk(&json!({"action": "delete", "items": ["a", "a"], "force": true}))), [200, 404]);
    let many: Vec<_> = (0..1001).map(|number| number.to_string()).collect();
    let body = json!({"action": "enable", "items": many});
    admin.post("/acmeProfiles/bulk", &body).expect_refusal(422, "invalid");
    admin.post("/acmeProfiles/bulk", &json!({"action": "paint", "items": []})).expect_refusal(422, "invalid");
}
