//! Every role at every operation that the description names, and what stands before them all.

use serde_json::json;

use crate::described::{Operation, operations};
use crate::house::House;
use crate::support::admin::Admin;
use crate::support::https::Https;

/// Nothing is called so: what gets through changes nothing.
const NOTHING: &str = "1";

/// Whether it takes an administrator.
fn high(operation: &Operation) -> bool {
    !operation.reads() && (operation.path.starts_with("/tokens") || operation.path.starts_with("/authorities"))
}

fn send(operation: &Operation, admin: &Admin) -> u16 {
    let (body, path) = (operation.body.then(|| json!({})), operation.path_of(NOTHING));
    let answer = admin.send(&operation.method, &path, &[("If-Match", "*")], body.as_ref());
    assert!(answer.status < 500, "{}: {}", operation.id, answer.said());
    answer.status
}

#[test]
fn every_role_at_every_operation() {
    let house = House::open();
    let admin = house.admin();
    let operations = operations(&admin);
    let (auditor, operator) = (house.operator("auditor"), house.operator("operator"));
    let stranger = Admin::with_token(house.server(), "chancery_stranger");
    let nobody = Https::new(house.server().directory(), &house.server().root());
    for operation in &operations {
        let named = &operation.id;
        let url = format!("{}/api/v1{}", nobody.origin(), operation.path_of(NOTHING));
        assert_eq!(nobody.send(&operation.method, &url, &[], b"").status, 401, "{named} without a token");
        assert_eq!(send(operation, &stranger), 401, "{named} with an unknown token");
        let barred = |status: u16| status == 403;
        assert_eq!(barred(send(operation, &auditor)), !operation.reads(), "{named} as auditor");
        assert_eq!(barred(send(operation, &operator)), high(operation), "{named} as operator");
        assert!(!barred(send(operation, &admin)), "{named} as administrator");
    }
    let denied = auditor.post("/acmeProfiles", &json!({"name": "web"})).expect_refusal(403, "forbidden");
    assert!(denied.detail().contains("operator") && denied.detail().contains("auditor"), "{}", denied.detail());
}

#[test]
fn what_is_not_there_or_not_json_or_too_large_is_said_so() {
    let house = House::open();
    let admin = house.admin();
    admin.get("/nowhere").expect_refusal(404, "absent");
    admin.get("/acmeProfiles/default/nowhere").expect_refusal(404, "absent");
    for (method, path, allowed) in [
        ("PUT", "/acmeProfiles", "GET, POST"),
        ("POST", "/acmeProfiles/default", "GET, PATCH, DELETE"),
        ("GET", "/apply", "POST"),
        ("PUT", "/acmeProfiles/bulk", "POST, GET, PATCH, DELETE"),
        ("DELETE", "/whoami", "GET"),
    ] {
        let refused = admin.send(method, path, &[], None).expect_refusal(405, "method");
        assert_eq!(refused.header("Allow"), Some(allowed), "{method} {path}");
    }
    let https = Https::new(house.server().directory(), &house.server().root());
    let authorization = format!("Bearer {}", house.server().token());
    let send = |media: &str, body: &[u8]| {
        let url = format!("{}/api/v1/acmeProfiles", https.origin());
        https.send("POST", &url, &[("Authorization", &authorization), ("Content-Type", media)], body)
    };
    for media in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        send(media, b"{}").expect_refusal(415, "mediaType");
    }
    send("application/json", b"{").expect_refusal(400, "malformed");
    send("application/json", b"").expect_refusal(400, "malformed");
    send("application/json; charset=utf-8", b"{}").expect_refusal(422, "invalid");
    let large = vec![b' '; (4 << 20) + 1];
    send("application/json", &large).expect_refusal(413, "tooLarge");
    for (scheme, status) in [("Basic YTpi", 401), ("Bearer", 401), ("bearer", 401), ("", 401)] {
        let url = format!("{}/api/v1/whoami", https.origin());
        assert_eq!(https.send("GET", &url, &[("Authorization", scheme)], b"").status, status, "{scheme:?}");
    }
    let small = authorization.replace("Bearer", "bearer");
    let url = format!("{}/api/v1/whoami", https.origin());
    https.send("GET", &url, &[("Authorization", &small)], b"").expect(200);
}

#[test]
fn the_description_and_its_page_are_public_and_run_nothing_foreign() {
    let house = House::open();
    let https = Https::new(house.server().directory(), &house.server().root());
    let get = |path: &str| https.send("GET", &format!("{}/api/v1{path}", https.origin()), &[], b"");
    let description = get("/openapi.json").expect(200).json();
    assert_eq!(description["openapi"], "3.1.0");
    assert_eq!(description["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    for path in ["/docs", "/docs/"] {
        assert_eq!(get(path).expect(308).location(), "/api/v1/docs/index.html");
    }
    let page = get("/docs/index.html").expect(200);
    let policy = page.header("Content-Security-Policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!page.text().contains("<script>"), "the policy lets no inline script run");
    let start = get("/docs/swagger-initializer.js").expect(200);
    assert!(start.text().contains("/api/v1/openapi.json"), "{}", start.text());
    assert_eq!(start.header("X-Content-Type-Options"), Some("nosniff"));
    get("/docs/none.js").expect_refusal(404, "absent");
    let schemas = description["components"]["schemas"].as_object().expect("schemas");
    for name in ["AcmeProfileView", "NewAcmeProfile", "RaProfileView", "NewRaProfile"] {
        let schema = &schemas[name];
        assert_eq!(schema["additionalProperties"], false, "{name} is one closed object");
        assert!(
            schema["properties"]["name"].is_object() && schema["properties"]["description"].is_object(),
            "{schema}"
        );
    }
}
