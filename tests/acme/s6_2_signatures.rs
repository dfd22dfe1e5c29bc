//! RFC 8555 section 6.2: the forms that a JWS may have, and who may sign what.

use serde_json::{Value, json};

use super::endpoint;
use crate::client::{Account, Endpoint, Response};
use crate::house::{finalize, house, name, ready};
use crate::jws::{ALGORITHMS, Request, Signer, encode};

/// A request that would place an order if nothing were wrong with it.
fn order_request<'a>(account: &'a Account<'_>) -> Request<'a> {
    let payload = json!({"identifiers": [{"type": "dns", "value": name("jws")}]});
    account.request(account.endpoint.url("newOrder")).payload(&payload)
}

fn post_order(endpoint: &Endpoint, request: Request<'_>) -> Response {
    endpoint.post(endpoint.url("newOrder"), request)
}

#[test]
fn s6_2_a_flattened_jws_is_accepted() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    post_order(&endpoint, order_request(&account)).expect(201);
}

fn whole_order_with(algorithm: &str) {
    let endpoint = endpoint("default");
    let account = endpoint.register(algorithm);
    let host = name("algorithm");
    let (url, order) = ready(&account, &[&host]);
    let key = rcgen::KeyPair::generate().expect("a key is made");
    let order = finalize(&account, &url, &order, &crate::house::csr(&[&host], &key));
    crate::house::download(&account, &order).assert_sound(&house().root(), &[&host]);
}

#[test]
fn s6_2_es256_accounts_get_certificates() {
    whole_order_with("ES256");
}

#[test]
fn s6_2_es384_accounts_get_certificates() {
    whole_order_with("ES384");
}

#[test]
fn s6_2_es512_accounts_get_certificates() {
    whole_order_with("ES512");
}

#[test]
fn s6_2_eddsa_accounts_get_certificates() {
    whole_order_with("EdDSA");
}

#[test]
fn s6_2_rs256_accounts_get_certificates() {
    whole_order_with("RS256");
}

#[test]
fn s6_2_a_jws_with_signatures_or_an_unprotected_header_is_malformed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let part = order_request(&account).nonce(&endpoint.nonce()).jws();
    let general = json!({
        "payload": part["payload"],
        "signatures": [{"protected": part["protected"], "signature": part["signature"]}],
    });
    endpoint.post_body(endpoint.url("newOrder"), general.to_string().as_bytes()).expect_problem(400, "malformed");
    let compact = format!(
        "{}.{}.{}",
        part["protected"].as_str().expect("text"),
        part["payload"].as_str().expect("text"),
        part["signature"].as_str().expect("text")
    );
    endpoint.post_body(endpoint.url("newOrder"), compact.as_bytes()).expect_problem(400, "malformed");
    for (member, value) in [
        ("signatures", json!([])),
        ("header", json!({})),
        ("header", json!({"alg": "ES256"})),
        ("header", json!({"kid": account.kid})),
    ] {
        let request = order_request(&account).tamper(member, value);
        post_order(&endpoint, request).expect_problem(400, "malformed");
    }
}

#[test]
fn s6_2_a_jws_with_a_part_missing_or_of_another_type_is_malformed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for member in ["protected", "payload", "signature"] {
        post_order(&endpoint, order_request(&account).drop_member(member)).expect_problem(400, "malformed");
        for value in [Value::Null, json!(1), json!([]), json!({})] {
            let request = order_request(&account).tamper(member, value);
            post_order(&endpoint, request).expect_problem(400, "malformed");
        }
    }
}

#[test]
fn s6_1_base64url_with_padding_or_foreign_letters_is_malformed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for member in ["protected", "payload", "signature"] {
        for damage in ["=", "==", "+", "/", " ", "\n", "\u{e9}"] {
            let part = order_request(&account).nonce(&endpoint.nonce()).jws()[member].clone();
            let broken = format!("{}{damage}", part.as_str().expect("a part is text"));
            post_order(&endpoint, order_request(&account).tamper(member, broken)).expect_problem(400, "malformed");
        }
    }
}

/// Nothing is wrong with these but the padding: the signature covers the padded text.
#[test]
fn s6_1_padding_is_malformed_though_the_signature_verifies() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let padded = |part: String| format!("{part}{}", "=".repeat((4 - part.len() % 4) % 4));
    for which in ["protected", "payload", "signature"] {
        // One of three lengths needs no padding, and one of these headers has another.
        for filler in ["", "x", "xx"] {
            let request = order_request(&account).set("filler", filler).nonce(&endpoint.nonce());
            let jws = request.jws();
            let part = |member: &str| {
                let text = jws[member].as_str().expect("a part is text").to_owned();
                if member == which { padded(text) } else { text }
            };
            let (protected, payload) = (part("protected"), part("payload"));
            let signature = account.signer.sign(format!("{protected}.{payload}").as_bytes());
            let signature = if which == "signature" { padded(encode(signature)) } else { encode(signature) };
            let sent = json!({"protected": protected, "payload": payload, "signature": signature}).to_string();
            if sent.contains('=') {
                let response = endpoint.post_body(endpoint.url("newOrder"), sent.as_bytes());
                assert!(response.expect_problem(400, "malformed").detail().contains("padding"), "{which}");
            }
        }
    }
}

/// RFC 7515 appendix F: the signature covers the payload that is left out, here the empty one.
#[test]
fn s6_2_a_detached_payload_is_malformed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let request = account.request(&account.kid).drop_member("payload");
    endpoint.post(&account.kid, request).expect_problem(400, "malformed");
}

#[test]
fn s6_2_b64_false_and_crit_are_refused() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    post_order(&endpoint, order_request(&account).set("b64", false)).expect_problem(400, "malformed");
    post_order(&endpoint, order_request(&account).set("b64", false).set("crit", json!(["b64"])))
        .expect_problem(400, "malformed");
    post_order(&endpoint, order_request(&account).set("crit", json!(["exp"]))).expect_problem(400, "malformed");
}

#[test]
fn s6_2_the_protected_header_has_alg_and_url() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for parameter in ["alg", "url"] {
        post_order(&endpoint, order_request(&account).without(parameter)).expect_problem(400, "malformed");
        for value in [Value::Null, json!(7), json!(["ES256"]), json!({})] {
            post_order(&endpoint, order_request(&account).set(parameter, value)).expect_problem(400, "malformed");
        }
    }
    for header in ["", "null", "[]", "{}", "{", "\u{feff}{}", "\"ES256\""] {
        post_order(&endpoint, order_request(&account).protected_bytes(header)).expect_problem(400, "malformed");
    }
}

#[test]
fn s6_2_a_header_parameter_that_stands_twice_is_malformed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let url = endpoint.url("newOrder");
    let header = format!(
        r#"{{"alg":"ES256","kid":"{}","url":"{url}","url":"{url}","nonce":"{}"}}"#,
        account.kid,
        endpoint.nonce()
    );
    post_order(&endpoint, order_request(&account).protected_bytes(header)).expect_problem(400, "malformed");
}

#[test]
fn s6_2_jwk_and_kid_exclude_each_other_and_one_is_needed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let both = order_request(&account).set("jwk", account.signer.jwk());
    post_order(&endpoint, both).expect_problem(400, "malformed");
    post_order(&endpoint, order_request(&account).without("kid")).expect_problem(400, "malformed");
    let url = endpoint.url("newAccount");
    let signer = Signer::new("ES256");
    let both = signer.with_jwk(url).set("kid", account.kid.as_str()).payload(&json!({}));
    endpoint.post(url, both).expect_problem(400, "malformed");
}

#[test]
fn s6_2_jwk_where_an_account_has_to_sign_is_malformed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (order_url, order) = account.order(&[&name("jwk")]);
    let authorization = order["authorizations"][0].as_str().expect("a URL");
    let challenge = account.read(authorization).json()["challenges"][0]["url"].as_str().expect("a URL").to_owned();
    let finalize = order["finalize"].as_str().expect("a URL");
    for url in [
        endpoint.url("newOrder"),
        endpoint.url("keyChange"),
        &account.kid,
        &order_url,
        authorization,
        &challenge,
        finalize,
    ] {
        let request = account.signer.with_jwk(url).payload(&json!({}));
        endpoint.post(url, request).expect_problem(400, "malformed");
    }
}

#[test]
fn s6_2_kid_for_a_new_account_is_malformed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let url = endpoint.url("newAccount");
    endpoint.post(url, account.request(url).payload(&json!({}))).expect_problem(400, "malformed");
}

#[test]
fn s6_2_an_algorithm_that_is_not_supported_is_named_with_those_that_are() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for algorithm in ["none", "None", "HS256", "HS384", "HS512", "PS256", "RS1", "RS512", "ES256K", "es256", ""] {
        let request = order_request(&account).set("alg", algorithm);
        let response = post_order(&endpoint, request).expect_problem(400, "badSignatureAlgorithm");
        let mut listed: Vec<String> =
            serde_json::from_value(response.json()["algorithms"].clone()).expect("the list is there");
        let mut expected = ALGORITHMS.map(str::to_owned).to_vec();
        listed.sort();
        expected.sort();
        assert_eq!(listed, expected, "{algorithm}");
    }
}

#[test]
fn s6_2_a_mac_under_the_public_key_is_no_signature() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let secret = account.signer.jwk().to_string();
    post_order(&endpoint, order_request(&account).set("alg", "HS256").mac(secret.clone()))
        .expect_problem(400, "badSignatureAlgorithm");
    let refused = post_order(&endpoint, order_request(&account).mac(secret));
    assert!(matches!(refused.problem().as_str(), "malformed" | "unauthorized"), "{refused:?}");
}

#[test]
fn s6_2_the_algorithm_has_to_be_the_key_s() {
    let endpoint = endpoint("default");
    for own in ALGORITHMS {
        let account = endpoint.register(own);
        for other in ALGORITHMS.iter().filter(|other| **other != own) {
            post_order(&endpoint, order_request(&account).set("alg", *other)).expect_problem(400, "malformed");
        }
    }
}

#[test]
fn s6_2_a_signature_that_does_not_verify_is_refused() {
    let endpoint = endpoint("default");
    for algorithm in ALGORITHMS {
        let account = endpoint.register(algorithm);
        let stranger = Signer::new(algorithm);
        let message = b"something else";
        let refused = |request: Request<'_>| {
            let response = post_order(&endpoint, request);
            assert!(matches!(response.problem().as_str(), "malformed" | "unauthorized"), "{algorithm}: {response:?}");
        };
        refused(order_request(&account).tamper("signature", encode(account.signer.sign(message))));
        refused(order_request(&account).tamper("signature", encode(stranger.sign(message))));
        refused(order_request(&account).tamper("signature", ""));
        refused(order_request(&account).tamper("signature", encode([0; 64])));
        refused(order_request(&account).tamper("payload", encode(r#"{"identifiers":[]}"#)));
        let forged = stranger.with_kid(&account.kid, endpoint.url("newOrder"));
        refused(forged.payload(&json!({"identifiers": [{"type": "dns", "value": name("forged")}]})));
    }
}

#[test]
fn s6_2_an_ecdsa_signature_in_der_is_refused() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let nonce = endpoint.nonce();
    let jws = order_request(&account).nonce(&nonce).jws();
    let signature = account.signer.sign(
        format!("{}.{}", jws["protected"].as_str().expect("text"), jws["payload"].as_str().expect("text")).as_bytes(),
    );
    let integer = |half: &[u8]| {
        let mut value = vec![0x02, 33, 0];
        value.extend_from_slice(half);
        value
    };
    let body = [integer(&signature[..32]), integer(&signature[32..])].concat();
    let der = [vec![0x30, u8::try_from(body.len()).expect("short")], body].concat();
    let mut sent = jws;
    sent["signature"] = json!(encode(der));
    endpoint.post_body(endpoint.url("newOrder"), sent.to_string().as_bytes()).expect_problem(400, "malformed");
}

#[test]
fn s6_2_a_weak_or_unacceptable_key_is_a_bad_public_key() {
    let endpoint = endpoint("default");
    let url = endpoint.url("newAccount");
    let signer = Signer::new("RS256");
    let ec = Signer::new("ES256");
    let weak = json!({"kty": "RSA", "e": "AQAB", "n": encode([0xc1; 128])});
    let exponent = json!({"kty": "RSA", "e": "AQ", "n": signer.jwk()["n"]});
    let off_curve = json!({"kty": "EC", "crv": "P-256", "x": encode([1; 32]), "y": encode([1; 32])});
    let curve = json!({"kty": "EC", "crv": "secp256k1", "x": ec.jwk()["x"], "y": ec.jwk()["y"]});
    for (signer, jwk, reason) in [
        (&signer, weak, "1024 bits"),
        (&signer, exponent, "exponent"),
        (&ec, off_curve, "not on the curve"),
        (&ec, curve, "secp256k1"),
    ] {
        let request = signer.with_jwk(url).set("jwk", jwk.clone()).payload(&json!({}));
        let response = endpoint.post(url, request).expect_problem(400, "badPublicKey");
        assert!(response.detail().contains(reason), "{jwk}: {response:?}");
    }
    let private = {
        let mut jwk = ec.jwk();
        jwk["d"] = json!(encode([7; 32]));
        jwk
    };
    let response = endpoint.post(url, ec.with_jwk(url).set("jwk", private).payload(&json!({})));
    assert_eq!((response.status, response.problem().as_str()), (400, "badPublicKey"), "{response:?}");
    for unreadable in [json!({}), json!({"kty": "EC"}), json!("key"), Value::Null, json!({"kty": 5})] {
        let response = endpoint.post(url, ec.with_jwk(url).set("jwk", unreadable.clone()).payload(&json!({})));
        assert!(matches!(response.problem().as_str(), "malformed" | "badPublicKey"), "{unreadable}: {response:?}");
    }
}

#[test]
fn s6_2_a_kid_that_names_no_account_is_account_does_not_exist() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let url = endpoint.url("newOrder");
    let base = endpoint.directory_url().trim_end_matches("directory");
    for kid in [
        format!("{base}acct/AAAAAAAAAAAAAAAAAAAAAA"),
        format!("{base}acct/"),
        format!("{}/", account.kid),
        format!("{}?x", account.kid),
        account.kid.replace("localhost", "elsewhere"),
        account.kid.rsplit('/').next().expect("an id").to_owned(),
        "https://example.org/acct/1".to_owned(),
        String::new(),
    ] {
        let request = account.signer.with_kid(&kid, url).payload(&json!({}));
        let response = endpoint.post(url, request);
        assert_eq!((response.status, response.problem().as_str()), (400, "accountDoesNotExist"), "{kid}: {response:?}");
    }
}

#[test]
fn s6_2_a_kid_of_another_endpoint_is_account_does_not_exist() {
    let (here, there) = (endpoint("default"), endpoint("plain"));
    let account = there.register("ES256");
    let url = here.url("newOrder");
    here.post(url, account.request(url).payload(&json!({}))).expect_problem(400, "accountDoesNotExist");
    // Nor does it help to write the account into the URLs of this endpoint.
    let kid = account.kid.replace("/plain/", "/default/");
    here.post(url, account.signer.with_kid(&kid, url).payload(&json!({}))).expect_problem(400, "accountDoesNotExist");
}

#[test]
fn s6_2_a_kid_of_another_account_does_not_verify() {
    let endpoint = endpoint("default");
    let (account, victim) = (endpoint.register("ES256"), endpoint.register("ES256"));
    let request = account.signer.with_kid(&victim.kid, &victim.kid).payload(&json!({"status": "deactivated"}));
    let response = endpoint.post(&victim.kid, request);
    assert!(matches!(response.problem().as_str(), "malformed" | "unauthorized"), "{response:?}");
    assert_eq!(victim.read(&victim.kid).expect(200).json()["status"], "valid");
}

#[test]
fn s6_2_a_payload_that_is_no_json_is_malformed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    for payload in [&b"x"[..], b"[]", b"null", b"7", b"{\"identifiers\":", b"\xff"] {
        post_order(&endpoint, order_request(&account).payload_bytes(payload)).expect_problem(400, "malformed");
    }
}
