//! Every attribute of an ACME Profile that clients notice, but for the limits and what has to do with URLs and bindings.

use std::future::pending;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::SystemTime;

use hickory_proto::rr::RecordType;
use rcgen::KeyPair;
use serde_json::{Value, json};

use crate::client::{Account, Endpoint, Response, challenge, text};
use crate::dns::DnsServer;
use crate::house::{csr, finalize, house, moment, name, prove, publish, ready};
use crate::jws::Signer;
use crate::profiles::Profiles;
use crate::scripted_web::{Web, ok, redirect};
use crate::support::process::free_port;

fn new_account(endpoint: &Endpoint, payload: &Value) -> Response {
    let url = endpoint.url("newAccount");
    endpoint.post(url, Signer::new("ES256").with_jwk(url).payload(payload))
}

fn new_order(account: &Account<'_>, name: &str) -> Response {
    account.post(account.endpoint.url("newOrder"), &json!({"identifiers": [{"type": "dns", "value": name}]}))
}

/// The first authorization of an order: its URL and the object.
fn authorization(account: &Account<'_>, order: &Value) -> (String, Value) {
    let url = order["authorizations"][0].as_str().expect("an order has authorizations").to_owned();
    let object = account.read(&url).expect(200).json();
    (url, object)
}

/// Answers the http-01 challenge of a new order for this name, as it should be, and says what became of it.
fn attempt(account: &Account<'_>, host: &str) -> Value {
    let (_, order) = account.order(&[host]);
    let (url, object) = authorization(account, &order);
    let challenge = challenge(&object, "http-01");
    publish(account, &object, &challenge);
    account.post(text(&challenge, "url"), &json!({})).expect(200);
    account.settle(&url)
}

/// A web server that redirects to one that speaks TLS and gives the account's answer to every challenge: the ports of both.
/// They live as long as the test's process.
fn redirecting(account: &Account<'_>) -> (u16, u16) {
    let thumbprint = account.signer.thumbprint();
    let (ports, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let token = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
            let secure = Web::start_tls(move |path| ok(&format!("{}.{thumbprint}", token(path)))).await;
            let port = secure.port();
            let plain = Web::start(move |path| redirect(301, &format!("https://127.0.0.1:{port}{path}"))).await;
            ports.send((plain.port(), port)).expect("the test waits for them");
            pending::<()>().await;
        });
    });
    told.recv().expect("both servers start")
}

/// How many seconds a time of the wire lies ahead.
fn ahead(time: &str) -> i64 {
    let time = time.parse::<jiff::Timestamp>().expect("a time of RFC 3339");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is past 1970");
    time.as_second() - i64::try_from(now.as_secs()).expect("it is not that late")
}

#[test]
fn website_caa_identities_and_terms_stand_in_the_directory() {
    let profiles = Profiles::acme(&json!({}));
    let meta = profiles.endpoint().directory()["meta"].clone();
    assert_eq!(meta, json!({"externalAccountRequired": false}));
    profiles.change_acme(&json!({
        "website": "https://acme.test/about",
        "caaIdentities": ["acme.test", "ca.acme.test"],
        "termsOfService": "https://acme.test/terms",
        "externalAccountRequired": true,
    }));
    let meta = profiles.endpoint().directory()["meta"].clone();
    let expected = json!({
        "website": "https://acme.test/about",
        "caaIdentities": ["acme.test", "ca.acme.test"],
        "termsOfService": "https://acme.test/terms",
        "externalAccountRequired": true,
    });
    assert_eq!(meta, expected);
}

#[test]
fn contacts_are_needed_only_where_they_are_required() {
    let profiles = Profiles::acme(&json!({"contactRequired": true}));
    let endpoint = profiles.endpoint();
    for none in [json!({}), json!({"contact": []})] {
        new_account(&endpoint, &none).expect_problem(400, "invalidContact");
    }
    let account = endpoint.register("ES256");
    account.post(&account.kid, &json!({"contact": []})).expect_problem(400, "invalidContact");
    let other = json!(["mailto:other@acme.test"]);
    assert_eq!(account.post(&account.kid, &json!({"contact": other})).expect(200).json()["contact"], other);
    profiles.change_acme(&json!({"contactRequired": false}));
    account.post(&account.kid, &json!({"contact": []})).expect(200);
    new_account(&endpoint, &json!({})).expect(201);
}

#[test]
fn only_the_challenges_of_the_profile_are_offered() {
    let profiles = Profiles::acme(&json!({"challenges": ["dns-01"]}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let kinds = |host: &str| -> Vec<String> {
        let (_, object) = authorization(&account, &account.order(&[host]).1);
        let challenges = object["challenges"].as_array().expect("an authorization has challenges");
        challenges.iter().map(|challenge| text(challenge, "type").to_owned()).collect()
    };
    assert_eq!(kinds(&name("by-dns")), ["dns-01"]);
    profiles.change_acme(&json!({"challenges": ["http-01"]}));
    assert_eq!(kinds(&name("by-http")), ["http-01"]);
    let refused = new_order(&account, &format!("*.{}", name("wildcard"))).expect_problem(403, "rejectedIdentifier");
    assert!(refused.detail().contains("DNS"), "{refused:?}");
    profiles.change_acme(&json!({"challenges": ["tls-alpn-01", "dns-account-01"]}));
    assert_eq!(kinds(&name("by-either")), ["tls-alpn-01", "dns-account-01"]);
    // A record that stays names its issuer, which has to have a name.
    profiles.change_acme(&json!({"challenges": ["dns-persist-01"]}));
    new_order(&account, &name("nameless")).expect_problem(403, "rejectedIdentifier");
    profiles.change_acme(&json!({"caaIdentities": ["ca.acme.test"]}));
    assert_eq!(kinds(&name("by-record")), ["dns-persist-01"]);
}

#[test]
fn the_profile_s_resolvers_are_asked() {
    let dns = DnsServer::start();
    let profiles = Profiles::acme(&json!({"resolvers": [dns.address().to_string()]}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let host = name("elsewhere");
    assert_eq!(attempt(&account, &host)["challenges"][0]["error"]["type"], "urn:ietf:params:acme:error:dns");
    assert!(dns.zone().questions().iter().any(|(asked, ..)| asked.trim_end_matches('.') == host));
    dns.zone().add_address(&host, IpAddr::from([127, 0, 0, 1]));
    assert_eq!(attempt(&account, &host)["status"], "valid");
}

#[test]
fn special_networks_are_reached_only_where_the_profile_allows_them() {
    // 0.0.0.0 is this host, and special.
    let dns = DnsServer::start();
    dns.zone().set_default_address(RecordType::A, Some(Ipv4Addr::UNSPECIFIED.into()));
    let profiles = Profiles::acme(&json!({"resolvers": [dns.address().to_string()]}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let refused = attempt(&account, &name("special"));
    assert_eq!(refused["status"], "invalid");
    let detail = text(&refused["challenges"][0]["error"], "detail").to_owned();
    assert!(detail.contains("0.0.0.0"), "{detail}");
    profiles.change_acme(&json!({"allowedNetworks": ["0.0.0.0/8"]}));
    assert_eq!(attempt(&account, &name("allowed"))["status"], "valid");
}

#[test]
fn where_a_profile_names_the_only_networks_no_other_is_contacted() {
    let profiles = Profiles::acme(&json!({"onlyNetworks": ["10.0.0.0/8"]}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    assert_eq!(attempt(&account, &name("outside"))["status"], "invalid");
    profiles.change_acme(&json!({"onlyNetworks": ["10.0.0.0/8", "127.0.0.1/32"]}));
    assert_eq!(attempt(&account, &name("inside"))["status"], "valid");
}

#[test]
fn http_01_goes_to_the_profile_s_port() {
    let port = house().network()["httpPort"].clone();
    let closed = free_port();
    let profiles = Profiles::acme(&json!({"httpPort": closed}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let failed = attempt(&account, &name("closed-port"));
    assert_eq!(failed["challenges"][0]["error"]["type"], "urn:ietf:params:acme:error:connection");
    profiles.change_acme(&json!({"httpPort": port}));
    assert_eq!(attempt(&account, &name("open-port"))["status"], "valid");
}

#[test]
fn a_redirect_to_https_goes_to_the_profile_s_port() {
    let profiles = Profiles::acme(&json!({}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let (plain, secure) = redirecting(&account);
    // The port of HTTPS, 443, is where a redirect may lead if nothing is said.
    profiles.change_acme(&json!({"httpPort": plain}));
    let refused = attempt(&account, &name("other-tls-port"));
    assert_eq!(refused["challenges"][0]["error"]["type"], "urn:ietf:params:acme:error:incorrectResponse");
    profiles.change_acme(&json!({"tlsPort": secure}));
    assert_eq!(attempt(&account, &name("tls-port"))["status"], "valid");
}

#[test]
fn a_validation_is_tried_once_more_than_there_are_pauses() {
    let profiles = Profiles::acme(&json!({"retryPauses": []}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let answer = |host: &str| {
        let (url, object) = authorization(&account, &account.order(&[host]).1);
        let challenge = text(&challenge(&object, "http-01"), "url").to_owned();
        account.post(&challenge, &json!({})).expect(200);
        (url, challenge)
    };
    // Nobody has put an answer anywhere, so one attempt settles it.
    let (url, _) = answer(&name("once"));
    assert_eq!(account.settle(&url)["status"], "invalid");
    profiles.change_acme(&json!({"retryPauses": ["10m"]}));
    let (url, challenge) = answer(&name("twice"));
    account.poll(&challenge, |challenge| challenge.get("error").is_some());
    let waiting = account.read(&challenge).expect(200);
    assert_eq!(waiting.json()["status"], "processing");
    for response in [waiting, account.read(&url).expect(200)] {
        let pause: u32 = response.header("Retry-After").and_then(|pause| pause.parse().ok()).expect("a number");
        assert!((300..=600).contains(&pause), "the time until the next attempt: {response:?}");
    }
}

#[test]
fn retry_after_is_a_second_where_something_runs_and_the_profile_s_interval_where_nothing_does() {
    // Takes questions and says nothing, so that a validation runs for as long as a resolver may take.
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let resolver = silent.local_addr().expect("a bound socket has an address").to_string();
    let profiles = Profiles::acme(&json!({"retryInterval": 77, "resolvers": [resolver]}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let placed = new_order(&account, &name("interval")).expect(201);
    assert_eq!(placed.header("Retry-After"), None, "the client has its part to do first");
    let url = placed.location().to_owned();
    let (authorization, object) = authorization(&account, &placed.json());
    let challenge = text(&challenge(&object, "http-01"), "url").to_owned();
    let pause = |url: &str| account.read(url).expect(200).header("Retry-After").map(str::to_owned);
    assert_eq!(pause(&url).as_deref(), Some("77"));
    assert_eq!(pause(&authorization).as_deref(), Some("77"));
    assert_eq!(pause(&challenge), None);
    // What is there keeps the interval that it was made with.
    profiles.change_acme(&json!({"retryInterval": 5}));
    assert_eq!([pause(&url).as_deref(), pause(&authorization).as_deref()], [Some("77"); 2]);
    let later = account.order(&[&name("later-interval")]).0;
    assert_eq!(pause(&later).as_deref(), Some("5"));
    let answered = account.post(&challenge, &json!({})).expect(200);
    assert_eq!(answered.header("Retry-After"), Some("1"));
    for url in [&url, &authorization, &challenge] {
        assert_eq!(pause(url).as_deref(), Some("1"), "{url}");
    }
}

#[test]
fn s7_1_3_orders_and_authorizations_live_as_long_as_the_profile_says() {
    let profiles = Profiles::acme(&json!({"orderValidity": "2h", "authorizationValidity": "3h"}));
    for endpoint in profiles.both() {
        profiles.change_acme(&json!({"orderValidity": "2h"}));
        let account = endpoint.register("ES256");
        let (_, order) = account.order(&[&name("order-life")]);
        let left = ahead(text(&order, "expires"));
        assert!((7200 - 600..=7200).contains(&left), "{left}");
        let (url, _) = authorization(&account, &order);
        prove(&account, &url, "http-01");
        let left = ahead(text(&account.read(&url).json(), "expires"));
        assert!((10_800 - 600..=10_800).contains(&left), "{left}");
        // What is ordered later, lives as things are then.
        profiles.change_acme(&json!({"orderValidity": "1h"}));
        let left = ahead(text(&account.order(&[&name("short-life")]).1, "expires"));
        assert!((3600 - 600..=3600).contains(&left), "{left}");
    }
}

#[test]
fn what_was_proven_counts_for_later_orders_only_where_the_profile_says_so() {
    let profiles = Profiles::acme(&json!({"authorizationReuse": "1h"}));
    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let host = name("reuse");
    let (_, first) = ready(&account, &[&host]);
    let (url, again) = account.order(&[&host]);
    assert_eq!((&again["status"], &again["authorizations"]), (&json!("ready"), &first["authorizations"]));
    let key = KeyPair::generate().expect("a key is made");
    finalize(&account, &url, &again, &csr(&[&host], &key));
    // Neither for others, nor where it is not wanted.
    let stranger = endpoint.register("ES256");
    assert_eq!(stranger.order(&[&host]).1["status"], "pending");
    profiles.change_acme(&json!({"authorizationReuse": null}));
    let (_, anew) = account.order(&[&host]);
    assert_eq!(anew["status"], "pending");
    assert_ne!(anew["authorizations"], first["authorizations"]);
}

/// RFC 8739 section 3.2; and section 3.4, which needs both sides: what the profile gives up is not given to old orders either.
#[test]
fn automatic_renewal_is_offered_as_the_profile_says() {
    let profiles = Profiles::acme(&json!({"autoRenewal": {"minLifetime": "10m", "maxDuration": 172_800}}));
    let offered = || profiles.endpoint().directory()["meta"]["auto-renewal"].clone();
    let meta = |least, most, get| json!({"min-lifetime": least, "max-duration": most, "allow-certificate-get": get});
    assert_eq!(offered(), meta(600, 172_800, false));
    profiles.change_acme(&json!({"autoRenewal": {"allowCertificateGet": true}}));
    assert_eq!(offered(), meta(86_400, 31_536_000, true), "what is left out has its default");

    let endpoint = profiles.endpoint();
    let account = endpoint.register("ES256");
    let host = name("rolling");
    let renewal = json!({"end-date": moment(864_000), "lifetime": 86_400, "allow-certificate-get": true});
    let payload = json!({"identifiers": [{"type": "dns", "value": host}], "auto-renewal": renewal});
    let url = account.post(endpoint.url("newOrder"), &payload).expect(201).location().to_owned();
    let (authorization, _) = authorization(&account, &account.read(&url).json());
    prove(&account, &authorization, "http-01");
    let order = account.await_status(&url, "ready");
    let order = finalize(&account, &url, &order, &csr(&[&host], &KeyPair::generate().expect("a key is made")));
    let star = text(&order, "star-certificate");
    endpoint.send("GET", star, &[], b"").expect(200);
    profiles.change_acme(&json!({"autoRenewal": {}}));
    endpoint.send("GET", star, &[], b"").expect_problem(405, "malformed");
    account.read(star).expect(200);
    profiles.change_acme(&json!({"autoRenewal": null}));
    assert_eq!(offered(), Value::Null);
    account.read(star).expect(200);
    account.post(endpoint.url("newOrder"), &payload).expect_problem(400, "malformed");
}
