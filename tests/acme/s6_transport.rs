//! RFC 8555 sections 6.1, 6.3, 6.4 and 6.7: HTTPS, methods, URLs and errors.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use serde_json::{Value, json};

use super::endpoint;
use crate::client::{JOSE, text};
use crate::house::{house, name};
use crate::jws::Signer;

#[test]
fn s6_1_cors_preflight_is_answered() {
    let endpoint = endpoint("default");
    let headers = [
        ("Origin", "https://client.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type"),
    ];
    let response = endpoint.send("OPTIONS", endpoint.url("newOrder"), &headers, b"").expect(204);
    assert!(response.header("Access-Control-Allow-Methods").is_some_and(|methods| methods.contains("POST")));
    let allowed = response.header("Access-Control-Allow-Headers").unwrap_or_default().to_ascii_lowercase();
    assert!(allowed.contains("content-type"), "{allowed}");
}

#[test]
fn s6_1_browsers_may_read_the_header_fields_that_acme_needs() {
    let endpoint = endpoint("default");
    let response = endpoint.send("GET", endpoint.url("newNonce"), &[("Origin", "https://client.example")], b"");
    let exposed = response.header("Access-Control-Expose-Headers").unwrap_or_default().to_ascii_lowercase();
    for name in ["replay-nonce", "location", "link", "retry-after"] {
        assert!(exposed.contains(name), "{name} in {exposed}");
    }
}

#[test]
fn s6_1_a_request_without_user_agent_and_language_is_answered() {
    // The client of these tests sends neither.
    let endpoint = endpoint("default");
    endpoint.send("GET", endpoint.directory_url(), &[], b"").expect(200);
}

#[test]
fn s6_1_without_https_nothing_is_answered() {
    let endpoint = endpoint("default");
    let path = endpoint.directory_url().strip_prefix(endpoint.origin()).expect("below the origin");
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, house().server().port())).expect("the server listens");
    write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it is sent");
    let mut received = Vec::new();
    // However it ends, it has not been answered.
    drop(socket.read_to_end(&mut received));
    assert!(!received.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&received));
}

#[test]
fn s6_1_every_resource_answers_a_preflight() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let headers = [("Origin", "https://client.example"), ("Access-Control-Request-Method", "POST")];
    for url in [endpoint.directory_url(), endpoint.url("newNonce"), endpoint.url("newAccount"), &account.kid] {
        endpoint.send("OPTIONS", url, &headers, b"").expect(204);
    }
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let endpoint = endpoint("default");
    endpoint.post_partly(endpoint.url("newOrder"), 100_000, b"{").expect_problem(408, "malformed");
}

#[test]
fn paths_outside_of_every_endpoint_are_answered_with_a_problem_too() {
    let endpoint = endpoint("default");
    for path in ["/", "/acme", "/acme/", "/foo", "//acme/default/new-order", "/acme/raProfile"] {
        for method in ["GET", "POST"] {
            let url = format!("{}{path}", endpoint.origin());
            let response = endpoint.send(method, &url, &[], b"").expect_problem(404, "malformed");
            assert_eq!(response.header("Replay-Nonce").is_some(), method == "POST", "{path}: {response:?}");
        }
    }
}

#[test]
fn s6_2_content_type_other_than_jose_json_is_415() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for url in [endpoint.url("newOrder"), endpoint.url("newAccount"), account.kid.as_str()] {
        for media in ["application/json", "text/plain", "application/jose", "application/jose+jsonx", ""] {
            let body = account.request(url).nonce(&endpoint.nonce()).body();
            endpoint.send("POST", url, &[("Content-Type", media)], &body).expect_problem(415, "malformed");
        }
        let body = account.request(url).nonce(&endpoint.nonce()).body();
        endpoint.send("POST", url, &[], &body).expect_problem(415, "malformed");
    }
}

#[test]
fn s6_2_the_media_type_has_no_case_and_may_have_parameters() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for media in ["Application/JOSE+JSON", "application/jose+json; charset=utf-8", "application/jose+json;"] {
        let body = account.request(&account.kid).nonce(&endpoint.nonce()).body();
        endpoint.send("POST", &account.kid, &[("Content-Type", media)], &body).expect(200);
    }
}

#[test]
fn s6_2_a_body_beyond_all_measure_is_413() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let url = endpoint.url("newOrder");
    let payload = json!({"identifiers": [], "filler": "x".repeat(300 * 1024)});
    let response = account.post(url, &payload);
    response.expect_problem(413, "malformed");
    account.read(&account.kid).expect(200);
}

#[test]
fn s6_2_a_body_that_breaks_the_grammar_of_http_kills_nothing() {
    let endpoint = endpoint("default");
    for body in [&b""[..], b"null", b"[]", b"\"\"", b"{}", b"{", b"\xff\xfe", b"1e999999", &[b'['; 100_000]] {
        let response = endpoint.post_body(endpoint.url("newOrder"), body);
        response.expect_problem(400, "malformed");
    }
}

#[test]
fn s6_3_get_is_405_except_on_directory_and_new_nonce() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let mut urls: Vec<String> = ["newAccount", "newOrder", "revokeCert", "keyChange"]
        .iter()
        .map(|name| endpoint.url(name).to_owned())
        .collect();
    let object = account.read(&account.kid).json();
    urls.push(account.kid.clone());
    urls.push(text(&object, "orders").to_owned());
    let (order_url, order) = account.order(&[&name("get")]);
    let authorization = order["authorizations"][0].as_str().expect("a URL").to_owned();
    let challenge = account.read(&authorization).json()["challenges"][0]["url"].as_str().expect("a URL").to_owned();
    urls.extend([order_url, text(&order, "finalize").to_owned(), authorization, challenge]);
    for url in &urls {
        for method in ["GET", "PUT", "DELETE", "PATCH"] {
            let response = endpoint.send(method, url, &[], b"").expect_problem(405, "malformed");
            assert_eq!(response.header("Allow"), Some("POST"), "{method} {url}");
        }
    }
}

#[test]
fn s6_3_directory_and_new_nonce_take_post_as_get() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let directory = account.read(endpoint.directory_url()).expect(200);
    assert_eq!(&directory.json(), endpoint.directory());
    let nonce = account.read(endpoint.url("newNonce"));
    assert!(nonce.status == 200 || nonce.status == 204, "{nonce:?}");
}

#[test]
fn s6_3_post_as_get_is_authenticated_there_too() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let stranger = Signer::new("ES256");
    for url in [endpoint.directory_url(), endpoint.url("newNonce")] {
        let refused = endpoint.post(url, stranger.with_kid(&account.kid, url));
        assert!(matches!(refused.problem().as_str(), "malformed" | "unauthorized"), "{refused:?}");
        endpoint.post(url, stranger.with_jwk(url)).expect_problem(400, "malformed");
        account.post(url, &json!({})).expect_problem(400, "malformed");
    }
}

#[test]
fn s6_3_post_as_get_has_an_empty_payload_and_not_an_empty_object() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (url, order) = account.order(&[&name("empty")]);
    account.read(&url).expect(200);
    account.post(&url, &json!({})).expect_problem(400, "malformed");
    account.post(text(&account.read(&account.kid).json(), "orders"), &json!({})).expect_problem(400, "malformed");
    // And what needs a payload is no POST-as-GET.
    account.read(endpoint.url("newOrder")).expect_problem(400, "malformed");
    account.read(endpoint.url("keyChange")).expect_problem(400, "malformed");
    account.read(endpoint.url("revokeCert")).expect_problem(400, "malformed");
    account.read(text(&order, "finalize")).expect_problem(400, "malformed");
}

#[test]
fn s6_3_only_the_owner_reads() {
    let endpoint = endpoint("default");
    let (owner, other) = (endpoint.register("ES256"), endpoint.register("ES256"));
    let (url, order) = owner.order(&[&name("owner")]);
    let authorization = order["authorizations"][0].as_str().expect("a URL");
    let challenge = owner.read(authorization).json()["challenges"][0]["url"].as_str().expect("a URL").to_owned();
    let orders = owner.read(&owner.kid).json()["orders"].as_str().expect("a URL").to_owned();
    for url in [&url, authorization, &challenge, &owner.kid, &orders] {
        other.read(url).expect_problem(403, "unauthorized");
    }
    other.post(&challenge, &json!({})).expect_problem(403, "unauthorized");
    other.post(authorization, &json!({"status": "deactivated"})).expect_problem(403, "unauthorized");
    other.post(text(&order, "finalize"), &json!({"csr": "AA"})).expect_problem(403, "unauthorized");
    other.post(&owner.kid, &json!({"status": "deactivated"})).expect_problem(403, "unauthorized");
    assert_eq!(owner.read(&owner.kid).json()["status"], "valid");
    assert_eq!(owner.read(authorization).json()["status"], "pending");
}

#[test]
fn s6_4_a_url_that_is_not_the_request_s_is_unauthorized() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let url = endpoint.url("newOrder");
    let payload = json!({"identifiers": [{"type": "dns", "value": name("url")}]});
    for wrong in [
        endpoint.url("newAccount").to_owned(),
        format!("{url}/"),
        format!("{url}?"),
        format!("{url}#"),
        url.to_uppercase(),
        url.replace("https://", "http://"),
        url.replace("https://localhost", "https://LOCALHOST"),
        url.replace("localhost", "127.0.0.1"),
        url.replace(&format!(":{}/", house().server().port()), "/"),
        url.replace(&format!(":{}/", house().server().port()), ":443/"),
        url.replace("new-order", "new%2Dorder"),
        url.replace("/acme/", "/acme/./"),
        url.replace("/acme/", "//acme/"),
        url.strip_prefix(endpoint.origin()).expect("below the origin").to_owned(),
        String::new(),
    ] {
        let response = endpoint.post(url, account.request(&wrong).payload(&payload));
        assert_eq!(response.problem(), "unauthorized", "{wrong}: {response:?}");
    }
    endpoint.post(url, account.request(url).payload(&payload)).expect(201);
}

#[test]
fn s6_4_the_url_counts_with_its_query() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let orders = account.read(&account.kid).json()["orders"].as_str().expect("a URL").to_owned();
    let paged = format!("{orders}?cursor=x");
    endpoint.post(&paged, account.request(&orders)).expect_problem(403, "unauthorized");
    account.read(&paged).expect_problem(400, "malformed");
}

#[test]
fn s6_4_a_host_header_field_does_not_change_what_the_url_has_to_be() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let evil = account.kid.replace("localhost", "evil.example");
    let body = account.request(&evil).nonce(&endpoint.nonce()).body();
    let headers = [("Content-Type", JOSE), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "http")];
    endpoint.send("POST", &account.kid, &headers, &body).expect_problem(403, "unauthorized");
}

#[test]
fn s6_7_what_is_not_there_is_a_problem_document_with_404() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let base = endpoint.directory_url().trim_end_matches("directory");
    for path in [
        "nothing",
        "order",
        "order/",
        "order/x",
        "order/AAAAAAAAAAAAAAAAAAAAAA",
        "order/%00",
        "order/..%2f..%2fetc",
        "authz/AAAAAAAAAAAAAAAAAAAAAA",
        "chall/AAAAAAAAAAAAAAAAAAAAAA/0",
        "chall/AAAAAAAAAAAAAAAAAAAAAA/-1",
        "chall/AAAAAAAAAAAAAAAAAAAAAA/99999999999999999999",
        "chall/AAAAAAAAAAAAAAAAAAAAAA/x",
        "cert/AAAAAAAAAAAAAAAAAAAAAA",
        "acct/x",
        "order/AAAAAAAAAAAAAAAAAAAAAA/finalise",
    ] {
        account.read(&format!("{base}{path}")).expect_problem(404, "malformed");
    }
    endpoint.send("GET", &format!("{base}nothing"), &[], b"").expect_problem(404, "malformed");
    let (_, order) = account.order(&[&name("place")]);
    let authorization = order["authorizations"][0].as_str().expect("a URL");
    let missing = format!("{}/77", authorization.replace("/authz/", "/chall/"));
    account.read(&missing).expect_problem(404, "malformed");
    account.post(&missing, &json!({})).expect_problem(404, "malformed");
}

#[test]
fn s6_7_a_profile_that_is_not_there_is_a_problem_document_with_404() {
    let endpoint = endpoint("default");
    for name in ["nobody", "raProfile", "raProfile/nobody", "%20", "-", "a/b/c"] {
        let url = format!("{}/acme/{name}/directory", endpoint.origin());
        let response = endpoint.send("GET", &url, &[], b"").expect(404);
        if name != "a/b/c" {
            assert_eq!(response.problem(), "malformed", "{name}: {response:?}");
        }
    }
}

#[test]
fn s6_7_ra_profiles_without_an_activated_acme_profile_serve_nobody() {
    let endpoint = endpoint("default");
    let url = format!("{}/acme/raProfile/idle/directory", endpoint.origin());
    endpoint.send("GET", &url, &[], b"").expect_problem(403, "unauthorized");
}

#[test]
fn s6_7_1_subproblems_name_their_identifiers() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let identifiers = json!([
        {"type": "dns", "value": name("good")},
        {"type": "dns", "value": "under_score.acme.test"},
        {"type": "email", "value": "a@acme.test"},
    ]);
    let response = account.post(endpoint.url("newOrder"), &json!({"identifiers": identifiers}));
    assert_eq!(response.problem(), "compound", "{response:?}");
    let problem = response.json();
    let parts = problem["subproblems"].as_array().expect("a compound problem has parts");
    let types: Vec<&str> = parts.iter().filter_map(|part| part["type"].as_str()).collect();
    assert_eq!(types, ["urn:ietf:params:acme:error:malformed", "urn:ietf:params:acme:error:unsupportedIdentifier"]);
    let named: Vec<&Value> = parts.iter().map(|part| &part["identifier"]).collect();
    assert_eq!(
        named,
        [&json!({"type": "dns", "value": "under_score.acme.test"}), &json!({"type": "email", "value": "a@acme.test"})]
    );
    assert!(parts.iter().all(|part| part["detail"].is_string()), "{problem}");
}
