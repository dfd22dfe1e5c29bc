//! Profiles as they are declared.

use serde_json::{Value, json};

use crate::house::{House, deeds, text};

fn changes(answer: &Value) -> Vec<String> {
    let changes = answer["changes"].as_array().expect("changes").iter();
    changes.map(|change| format!("{} {}", text(&change["action"]), text(&change["object"]))).collect()
}

#[test]
fn a_declared_set_is_made_so_in_one_go() {
    let house = House::open();
    let admin = house.admin();
    let mut declared = json!({
        "acmeProfiles": {"web": {"defaultRaProfile": "web", "orderValidity": "1h"}},
        "raProfiles": {"web": {"acmeProfile": "web", "allow": ["**.corp.example"]}},
        "dryRun": true,
    });
    let planned = admin.post("/apply", &declared).expect(200).json();
    assert_eq!(changes(&planned), ["create raProfile/web", "create acmeProfile/web"]);
    assert_eq!(planned["changes"][0]["before"], Value::Null);
    assert_eq!(planned["changes"][1]["after"]["orderValidity"], 3600);
    admin.get("/acmeProfiles/web").expect_refusal(404, "absent");
    assert!(deeds(&admin).is_empty(), "a dry run leaves no trace");

    declared["dryRun"] = json!(false);
    assert_eq!(changes(&admin.post("/apply", &declared).expect(200).json()), changes(&planned));
    assert_eq!(admin.get("/acmeProfiles/web").expect(200).json(), planned["changes"][1]["after"]);
    let again = admin.post("/apply", &declared).expect(200).json();
    assert_eq!(changes(&again), ["unchanged raProfile/web", "unchanged acmeProfile/web"]);

    // What is left out has its default, whatever it was before.
    declared["acmeProfiles"]["web"] = json!({"defaultRaProfile": "web"});
    let changed = admin.post("/apply", &declared).expect(200).json();
    assert_eq!(changes(&changed), ["unchanged raProfile/web", "update acmeProfile/web"]);
    assert_eq!(changed["changes"][1]["before"]["orderValidity"], 3600);
    assert_eq!(changed["changes"][1]["after"]["orderValidity"], 36_000);
    assert_eq!(deeds(&admin), ["create raProfile/web", "create acmeProfile/web", "update acmeProfile/web"]);
}

#[test]
fn one_fault_and_nothing_is_done() {
    let house = House::open();
    let admin = house.admin();
    let field = |body: &Value| {
        let refused = admin.post("/apply", body).expect_refusal(422, "invalid").json();
        text(&refused["errors"][0]["field"]).to_owned()
    };
    let good = json!({"good": {}});
    assert_eq!(
        field(&json!({"acmeProfiles": {"web": {"challenges": ["x"]}}, "raProfiles": good})),
        "acmeProfiles.web.challenges[0]"
    );
    assert_eq!(
        field(&json!({"acmeProfiles": {"web": {"defaultRaProfile": "none"}}, "raProfiles": good})),
        "acmeProfiles.web.defaultRaProfile"
    );
    assert_eq!(field(&json!({"raProfiles": {"a b": {}, "good": {}}})), "raProfiles.a b");
    // What is removed at the same time cannot be named any more.
    let pruned = json!({"acmeProfiles": {"web": {"defaultRaProfile": "default"}}, "prune": true});
    assert_eq!(field(&pruned), "acmeProfiles.web.defaultRaProfile");
    admin.post("/apply", &json!({"profiles": {}})).expect_refusal(422, "invalid");
    assert!(deeds(&admin).is_empty());
}

#[test]
fn what_is_not_declared_is_removed_if_that_is_asked_for_and_nothing_but_profiles_depends_on_it() {
    let house = House::open();
    let admin = house.admin();
    let credential = admin.post("/eabCredentials", &json!({"raProfiles": ["default"]})).expect(201).json();
    let mut declared =
        json!({"acmeProfiles": {"web": {"defaultRaProfile": "web"}}, "raProfiles": {"web": {}}, "prune": true});
    let refused = admin.post("/apply", &declared).expect_refusal(409, "inUse").json();
    assert_eq!(refused["dependents"], json!([format!("eabCredential/{}", text(&credential["keyId"]))]));
    admin.get("/acmeProfiles/web").expect_refusal(404, "absent");

    declared["force"] = json!(true);
    let done = admin.post("/apply", &declared).expect(200).json();
    let expected =
        ["create raProfile/web", "create acmeProfile/web", "delete acmeProfile/default", "delete raProfile/default"];
    assert_eq!(changes(&done), expected);
    assert_eq!(done["changes"][2]["after"], Value::Null);
    admin.get("/raProfiles/default").expect_refusal(404, "absent");
    assert_eq!(deeds(&admin)[1..], expected);
}

#[test]
fn what_was_shown_is_done_or_nothing() {
    let house = House::open();
    let admin = house.admin();
    let mut declared = json!({"acmeProfiles": {"web": {"website": "https://mine.example/"}}, "dryRun": true});
    declared["basis"] = admin.post("/apply", &declared).expect(200).json()["basis"].clone();
    declared["dryRun"] = json!(false);
    // Somebody else is faster.
    admin.post("/acmeProfiles", &json!({"name": "web", "website": "https://theirs.example/"})).expect(201);
    admin.post("/apply", &declared).expect_refusal(412, "changed");
    assert_eq!(admin.get("/acmeProfiles/web").expect(200).json()["website"], "https://theirs.example/");

    declared["dryRun"] = json!(true);
    declared.as_object_mut().expect("an object").remove("basis");
    declared["basis"] = admin.post("/apply", &declared).expect(200).json()["basis"].clone();
    declared["dryRun"] = json!(false);
    admin.post("/apply", &declared).expect(200);
    assert_eq!(admin.get("/acmeProfiles/web").expect(200).json()["website"], "https://mine.example/");
}
