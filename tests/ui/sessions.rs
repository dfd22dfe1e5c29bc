//! Sessions and the guard by hand, where a browser would be in the way.

use crate::house::{House, deeds};
use crate::support::https::{Https, Response};

/// A browser of one operator, as far as its cookie goes.
struct Visitor {
    https: Https,
    cookie: String,
}

fn https(house: &House) -> Https {
    Https::new(house.server().directory(), &house.server().root())
}

fn sign_in(house: &House, next: &str) -> Response {
    let https = https(house);
    let token = house.server().token();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("token", &token)
        .append_pair("next", next)
        .finish();
    let form_type = ("Content-Type", "application/x-www-form-urlencoded");
    https.send("POST", &format!("{}/ui/sign-in", https.origin()), &[form_type], form.as_bytes())
}

impl Visitor {
    fn of(house: &House) -> Self {
        let response = sign_in(house, "").expect(303);
        let set = response.header("Set-Cookie").expect("a session begins with a cookie");
        let cookie = set.split(';').next().expect("a cookie has a value").to_owned();
        Self { https: https(house), cookie }
    }

    fn get(&self, path: &str) -> Response {
        self.https.send("GET", &format!("{}{path}", self.https.origin()), &[("Cookie", &self.cookie)], &[])
    }

    /// Whether it is still known here.
    fn is_in(&self) -> bool {
        self.get("/ui/tokens").status == 200
    }
}

#[test]
fn a_session_outlives_a_crash_and_ends_with_its_token() {
    let mut house = House::open();
    let visitor = Visitor::of(&house);
    assert!(visitor.is_in());
    house.kill();
    house.start();
    // On another port: only the connection is new.
    let visitor = Visitor { https: https(&house), ..visitor };
    assert!(visitor.is_in(), "what was answered is stored");
    let admin = house.admin();
    let tokens = admin.get("/tokens").expect(200).json();
    let first = tokens["items"][0]["id"].as_str().expect("an id").to_owned();
    // Another administrator has to be there before the first one can go.
    house.operator("administrator");
    admin.post(&format!("/tokens/{first}/revoke"), &serde_json::json!({})).expect(200);
    assert!(!visitor.is_in());
}

#[test]
fn a_token_has_so_many_sessions_and_the_oldest_makes_room() {
    let house = House::open();
    let visitors: Vec<Visitor> = (0..33).map(|_| Visitor::of(&house)).collect();
    assert!(!visitors[0].is_in(), "the oldest one has ended");
    assert!(visitors[1].is_in() && visitors[32].is_in());
    assert_eq!(deeds(&house.admin()).iter().filter(|deed| deed.starts_with("signIn token/")).count(), 33);
}

#[test]
fn signing_in_leads_nowhere_else() {
    let house = House::open();
    for (next, place) in [
        ("", "/ui"),
        ("/ui/orders?status=valid", "/ui/orders?status=valid"),
        ("/ui/orders?done=canceled&status=valid", "/ui/orders?status=valid"),
        ("/ui/accounts/x?done=disabled", "/ui/accounts/x"),
        ("https://elsewhere.test/", "/ui"),
        ("//elsewhere.test/ui", "/ui"),
        ("/api/v1/tokens", "/ui"),
        ("/uisomething", "/ui"),
        ("/ui/\r\nSet-Cookie: x=y", "/ui"),
    ] {
        let response = sign_in(&house, next).expect(303);
        let location = response.header("Location").expect("it leads somewhere");
        let without = location.split("done=").next().expect("a place").trim_end_matches(['?', '&']);
        assert_eq!(without, place, "{next:?}");
    }
}

#[test]
fn every_answer_has_a_strict_policy_and_none_but_files_is_kept() {
    let house = House::open();
    let visitor = Visitor::of(&house);
    for path in ["/ui", "/ui/sign-in", "/ui/nowhere", "/ui/accounts/nobody", "/ui/assets/0/chancery.css"] {
        let response = visitor.get(path);
        let policy = response.header("Content-Security-Policy").expect("a policy").to_owned();
        for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(response.header("X-Content-Type-Options"), Some("nosniff"), "{path}");
        assert_eq!(response.header("Cache-Control"), Some("no-store"), "{path}");
    }
    let page = visitor.get("/ui").expect(200);
    let css = page.text().split('"').find(|text| text.ends_with("/chancery.css")).expect("the page names its style");
    let file = visitor.get(css).expect(200);
    assert_eq!(file.header("Cache-Control"), Some("public, max-age=31536000, immutable"));
}

#[test]
fn nobody_who_has_not_signed_in_is_shown_or_does_anything() {
    let house = House::open();
    let https = https(&house);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    for (method, path) in [
        ("GET", "/ui"),
        ("GET", "/ui/tokens"),
        ("GET", "/ui/orders/x/live"),
        ("POST", "/ui/tokens"),
        ("POST", "/ui/accounts/bulk"),
        ("POST", "/ui/sign-out"),
        ("DELETE", "/ui/tokens"),
    ] {
        for cookie in ["", "__Host-chancery=", "__Host-chancery=x", "__Host-chancery=chancery_x; other=1"] {
            let url = format!("{}{path}", https.origin());
            let response = https.send(method, &url, &[form, ("Cookie", cookie)], b"name=x&role=administrator");
            if path.ends_with("/live") {
                // Scripts are shown no more of an event stream than its events.
                assert_eq!(response.expect(200).text(), "event: gone\ndata: session\n\n", "{cookie}");
                continue;
            }
            assert!(matches!(response.status, 303 | 401), "{method} {path}: {response:?}");
        }
    }
    let tokens = house.admin().get("/tokens").expect(200).json();
    assert_eq!(tokens["items"].as_array().map(Vec::len), Some(1));
}

/// Somebody else may have changed the thing meanwhile: who does not say what they have looked at, changes nothing.
#[test]
fn a_form_without_a_revision_changes_nothing() {
    let house = House::open();
    let visitor = Visitor::of(&house);
    let page = visitor.get("/ui/acme-profiles/default").expect(200);
    let key = page.text().split("name=\"formKey\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let key = key.expect("the page has a form").to_owned();
    let origin = visitor.https.origin();
    for revision in ["", "&revision=", "&revision=0", "&revision=latest", "&revision=-1"] {
        let form = format!("formKey={key}{revision}");
        let headers = [("Cookie", visitor.cookie.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
        let url = format!("{origin}/ui/acme-profiles/default/disable");
        let answer = visitor.https.send("POST", &url, &headers, form.as_bytes());
        assert_eq!(answer.status, 412, "{revision:?}");
    }
    assert_eq!(house.admin().get("/acmeProfiles/default").expect(200).json()["enabled"], true);
}

#[test]
fn what_there_is_not_is_said_with_what_there_is() {
    let house = House::open();
    let visitor = Visitor::of(&house);
    let send = |method: &str, path: &str| {
        let url = format!("{}{path}", visitor.https.origin());
        visitor.https.send(method, &url, &[("Cookie", &visitor.cookie)], &[])
    };
    assert_eq!(send("HEAD", "/ui").status, 200);
    for method in ["PUT", "DELETE", "PATCH"] {
        let answer = send(method, "/ui/tokens");
        assert_eq!((answer.status, answer.header("Allow")), (405, Some("GET, POST")), "{method}");
    }
    assert_eq!(send("GET", "/ui/nowhere").status, 404);
    // ACME clients are told that there is nothing; browsers are led on.
    assert_eq!(send("GET", "/").status, 404);
    let url = format!("{}/", visitor.https.origin());
    let browser = visitor.https.send("GET", &url, &[("Accept", "text/html,*/*;q=0.8")], &[]);
    assert_eq!((browser.status, browser.header("Location")), (303, Some("/ui")));
    assert_eq!(send("GET", "/ui/orders/AAAAAAAAAAAAAAAAAAAAAA").status, 404);
}
