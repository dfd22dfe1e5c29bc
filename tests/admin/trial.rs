//! The tester: what it says of an order is what becomes of the order.

use rcgen::KeyPair;
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::client::Endpoint;
use crate::clients::csr;
use crate::house::{House, text};
use crate::support::admin::Admin;

/// What the trial says.
fn tried(admin: &Admin, side: &str, query: &str) -> Value {
    admin.get(&format!("{side}/trial?{query}")).expect(200).json()
}

/// The types of the reasons, as clients read them.
fn reasons(trial: &Value) -> Vec<&str> {
    let kinds = trial["refusals"].as_array().expect("a list").iter().map(|refusal| text(&refusal["type"]));
    kinds.map(|kind| kind.strip_prefix("urn:ietf:params:acme:error:").expect("a type of RFC 8555")).collect()
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(text).collect()
}

#[test]
fn what_is_tried_out_is_what_becomes_of_orders() {
    let house = House::open();
    let admin = house.admin();
    let rules = json!({
        "name": "web", "allow": ["**.corp.example", "192.0.2.0/24"], "deny": ["secret.corp.example"],
        "withoutChallenge": [{"name": "lab.corp.example", "match": "subdomain"}],
    });
    admin.post("/raProfiles", &rules).expect(201);
    let settings = json!({"name": "web", "defaultRaProfile": "web", "subdomainAuthorization": true});
    admin.post("/acmeProfiles", &settings).expect(201);
    admin.post("/raProfiles/web/activate", &json!({"acmeProfile": "web"})).expect(200);
    for (side, directory) in [("/acmeProfiles/web", "/acme/web/"), ("/raProfiles/web", "/acme/raProfile/web/")] {
        let directory =
            format!("{}{directory}directory", house.server().directory().split("/acme/").next().expect("an origin"));
        let endpoint = Endpoint::open(&directory, &house.server().root());
        let account = endpoint.register("ES256");
        for identifier in [
            "www.corp.example",
            "*.corp.example",
            "*.www.corp.example",
            "192.0.2.7",
            "198.51.100.7",
            "secret.corp.example",
            "example.org",
            "a.lab.corp.example",
            "*.lab.corp.example",
            "a b",
            "xn--a.corp.example",
            "::ffff:192.0.2.7",
        ] {
            let trial =
                tried(&admin, side, &format!("identifier={}", identifier.replace(' ', "%20").replace(':', "%3A")));
            assert_eq!(trial["directoryUrl"], directory.as_str(), "{trial}");
            let kind = text(&trial["identifier"]["type"]);
            let body = json!({"identifiers": [{"type": kind, "value": trial["identifier"]["value"]}]});
            let placed = account.post(endpoint.url("newOrder"), &body);
            assert_eq!(trial["issued"], placed.status == 201, "{side} {identifier}: {trial}");
            if placed.status != 201 {
                let problem = placed.json();
                let refusal = &trial["refusals"][0];
                assert_eq!(
                    (&refusal["type"], &refusal["detail"]),
                    (&problem["type"], &problem["detail"]),
                    "{identifier}"
                );
                assert_eq!(trial["certificate"], Value::Null, "{identifier}");
                continue;
            }
            let authorization = placed.json()["authorizations"][0].clone();
            let authorization = account.read(text(&authorization)).json();
            let offered = authorization["challenges"].as_array().into_iter().flatten();
            let mut offered: Vec<_> = offered.map(|challenge| text(&challenge["type"])).collect();
            let mut told = list(&trial["challenges"]);
            offered.sort_unstable();
            told.sort_unstable();
            assert_eq!(told, offered, "{identifier}");
            assert_eq!(trial["exemption"].is_string(), authorization["status"] == "valid", "{identifier}: {trial}");
            let names = list(&trial["certificate"]["subjectAltNames"]);
            assert_eq!(names, [text(&trial["identifier"]["value"])], "{identifier}");
        }
    }
    let trial = tried(&admin, "/acmeProfiles/web", "identifier=www.corp.example");
    assert_eq!(
        list(&trial["subdomainChallenges"]),
        ["dns-01", "dns-account-01"],
        "only by DNS, and no issuer is named"
    );
}

#[test]
fn the_certificate_that_is_told_is_the_one_that_is_issued() {
    let house = House::open();
    let admin = house.admin();
    let rules = json!({
        "name": "lab", "validity": "7d", "backdate": "10m", "subject": "CN={name},O=Lab",
        "extendedKeyUsages": ["clientAuth", "1.2.3"],
        "keyUsages": ["digitalSignature", "keyAgreement"], "policies": ["1.3.6.1.4.1.32473.1"],
        "crlUrl": "http://crl.example/lab.crl",
        "ocspUrl": "http://ocsp.example", "withoutChallenge": [{"name": "lab.example", "match": "subdomain"}],
    });
    admin.post("/raProfiles", &rules).expect(201);
    admin.post("/acmeProfiles", &json!({"name": "lab", "defaultRaProfile": "lab", "caa": "off"})).expect(201);
    let told = tried(&admin, "/acmeProfiles/lab", "identifier=a.lab.example&key=p256")["certificate"].clone();

    let origin = house.server().directory().split("/acme/").next().expect("an origin");
    let endpoint = Endpoint::open(&format!("{origin}/acme/lab/directory"), &house.server().root());
    let account = endpoint.register("ES256");
    let (url, order) = account.order(&["a.lab.example"]);
    let key = KeyPair::generate().expect("a key is made");
    account.post(text(&order["finalize"]), &json!({"csr": csr(&["a.lab.example"], &key)})).expect(200);
    let pem = account.read(text(&account.await_status(&url, "valid")["certificate"])).expect(200);
    let (_, pem) = x509_parser::pem::parse_x509_pem(&pem.body).expect("PEM");
    let (_, issued) = X509Certificate::from_der(&pem.contents).expect("a certificate");

    let seconds = |member: &str| {
        let moment: jiff::Timestamp = text(&told[member]).parse().expect("RFC 3339");
        moment.as_second()
    };
    let validity = issued.validity();
    let begun = validity.not_before.timestamp() - seconds("notBefore");
    assert!((0..60).contains(&begun), "begins {begun} s later");
    assert_eq!(
        validity.not_after.timestamp() - validity.not_before.timestamp(),
        seconds("notAfter") - seconds("notBefore")
    );
    let common = |name: &str| name.split(',').next().expect("a part").to_owned();
    assert_eq!(text(&told["subject"]), "CN=a.lab.example,O=Lab");
    let parts: Vec<_> = issued.subject().iter_common_name().filter_map(|part| part.as_str().ok()).collect();
    assert_eq!(parts, ["a.lab.example"]);
    let issuer: Vec<_> = issued.issuer().iter_common_name().filter_map(|part| part.as_str().ok()).collect();
    assert_eq!(common(text(&told["issuer"])), format!("CN={}", issuer[0]));
    assert_eq!(list(&told["keyUsages"]), ["digitalSignature", "keyAgreement"]);
    let usage = issued.key_usage().expect("it reads").expect("it stands").value;
    assert!(usage.digital_signature() && usage.key_agreement() && !usage.key_encipherment());
    assert_eq!(list(&told["extendedKeyUsages"]), ["clientAuth", "1.2.3"]);
    let purposes = issued.extended_key_usage().expect("it reads").expect("it stands").value;
    assert!(purposes.client_auth && !purposes.server_auth && purposes.other.len() == 1);
    assert_eq!(list(&told["policies"]), ["1.3.6.1.4.1.32473.1"]);
    assert_eq!(list(&told["crlUrls"]), ["http://crl.example/lab.crl"]);
    assert_eq!(list(&told["ocspUrls"]), ["http://ocsp.example"]);
    let text_of = String::from_utf8_lossy(&pem.contents);
    for url in ["crlUrls", "ocspUrls", "caIssuersUrls"].iter().flat_map(|member| list(&told[*member])) {
        assert!(text_of.contains(url), "{url} stands in the certificate");
    }
    assert_eq!(text(&told["keyAlgorithm"]), "p256");
}

#[test]
fn what_stands_in_the_way_is_told() {
    let house = House::open();
    let admin = house.admin();
    admin.post("/raProfiles", &json!({"name": "rsa", "keys": ["rsa"], "rsaBits": [3072, 4096]})).expect(201);
    admin.post("/raProfiles", &json!({"name": "spare"})).expect(201);
    let settings = json!({
        "name": "web", "defaultRaProfile": "rsa", "raProfiles": ["spare"], "challenges": ["http-01"],
        "termsOfService": "https://ca.example/terms", "contactRequired": true, "externalAccountRequired": true,
        "caaIdentities": ["ca.example"],
    });
    admin.post("/acmeProfiles", &settings).expect(201);
    let web = |query: &str| tried(&admin, "/acmeProfiles/web", query);
    let decided = |name: &str| {
        let trial = tried(&admin, "/raProfiles/picky", &format!("identifier={name}&with=web"));
        list(&trial["decidedBy"]).join("; ")
    };
    admin
        .post(
            "/raProfiles",
            &json!({
                "name": "picky", "allow": ["**.corp.example"], "deny": ["secret.*.example"], "wildcards": false,
                "identifierTypes": ["dns"],
                "withoutChallenge": [{"name": "lab.corp.example"}], "withoutChallengeMode": "onlyThese",
            }),
        )
        .expect(201);
    for (name, setting) in [
        ("secret.corp.example", "deny has secret.*.example"),
        ("a.example", "no pattern of allow"),
        ("*.corp.example", "wildcards is off"),
        ("192.0.2.7", "identifierTypes"),
        ("lab.corp.example", "allow has **.corp.example; withoutChallenge has lab.corp.example"),
        ("www.corp.example", "allow has **.corp.example; withoutChallengeMode is onlyThese"),
    ] {
        assert!(decided(name).contains(setting), "{name}: {}", decided(name));
    }

    let plain = web("identifier=a.example");
    assert_eq!((&plain["issued"], &plain["orderProfile"]), (&json!(true), &Value::Null), "{plain}");
    assert_eq!(plain["certificate"]["keyAlgorithm"], "rsa3072");
    assert_eq!(list(&plain["conditions"]).len(), 4, "{plain}");
    assert_eq!(list(&web("identifier=192.0.2.7")["conditions"]).len(), 3, "addresses have no CAA records");
    let named = web("identifier=a.example&with=spare");
    assert_eq!((&named["issued"], &named["orderProfile"]), (&json!(true), &json!("spare")), "{named}");
    assert_eq!(named["raProfile"]["name"], "spare");
    assert_eq!(named["certificate"]["keyAlgorithm"], "p256");

    assert_eq!(reasons(&web("identifier=*.a.example")), ["rejectedIdentifier"], "a wildcard is proven by DNS");
    assert_eq!(reasons(&web("identifier=a.example&key=p256")), ["badCSR"]);
    assert_eq!(reasons(&web("identifier=a.example&with=default")), ["unauthorized"], "no endpoint joins the two");
    assert_eq!(
        web("identifier=a.example&with=default")["certificate"]["keyAlgorithm"],
        "p256",
        "it is told all the same"
    );
    assert_eq!(reasons(&tried(&admin, "/raProfiles/spare", "identifier=a.example")), ["unauthorized"]);
    admin.post("/acmeProfiles/web/disable", &json!({})).expect(200);
    let disabled = web("identifier=a.example");
    assert_eq!((reasons(&disabled), &disabled["issued"]), (vec!["unauthorized"], &json!(false)));
    assert!(text(&disabled["refusals"][0]["detail"]).contains("disabled"), "{disabled}");
    assert_eq!(list(&disabled["challenges"]), ["http-01"], "what would be, if it were enabled");
    assert_eq!(reasons(&web("identifier=*.a.example")), ["unauthorized", "rejectedIdentifier"]);

    for (query, field) in [
        ("", "identifier"),
        ("identifier=a&key=x", "key"),
        ("identifier=a&with=x", "with"),
        ("identifier=a&wth=x", "wth"),
    ] {
        let refused = admin.get(&format!("/acmeProfiles/web/trial?{query}")).expect_refusal(422, "invalid").json();
        assert_eq!(refused["errors"][0]["field"], field, "{query}: {refused}");
    }
    admin.get("/raProfiles/none/trial?identifier=a").expect_refusal(404, "absent");
}
