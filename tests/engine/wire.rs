//! What clients are told of an engine that is held up: RFC 8555 over HTTP, with a store and an issuer that wait on command.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, LOCATION, RETRY_AFTER};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, web};
use chancery::acme::nonce::{NonceSettings, Nonces};
use chancery::acme::registrations::Registrations;
use chancery::acme::{self, Acme};
use chancery::store::MemoryStore;
use chancery::vault::Vault;
use futures::future::{LocalBoxFuture, join_all};
use serde_json::{Value, json};

use super::jws::{Signer, encode};
use super::lab::{Lab, PATIENCE, Started, declare, name, profiles_with, run, until};

/// The same pair of profiles at either form of URL.
const FORMS: [&str; 2] = ["https://ca.test/acme/default", "https://ca.test/acme/raProfile/servers"];

/// An application in this process.
type Application = Box<dyn Fn(TestRequest) -> LocalBoxFuture<'static, ServiceResponse>>;

/// A client that speaks to it.
struct Client {
    app: Application,
    base: &'static str,
    signer: Signer,
    kid: String,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    /// How many seconds the client is asked to wait.
    fn retry_after(&self) -> Option<u64> {
        self.header(&RETRY_AFTER).map(|seconds| seconds.parse().expect("whole seconds"))
    }

    fn header(&self, name: &actix_web::http::header::HeaderName) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header field is text"))
    }
}

impl Client {
    /// Registers at this endpoint.
    async fn register(app: Application, base: &'static str) -> Self {
        let mut client = Self { app, base, signer: Signer::new("ES256"), kid: String::new() };
        let url = client.url("new-account");
        let request = client.signer.with_jwk(&url).payload(&json!({"termsOfServiceAgreed": true}));
        let body = request.nonce(&client.nonce().await).body();
        let made = client.send(&url, body).await;
        assert_eq!(made.status, 201, "{made:?}");
        client.kid = made.header(&LOCATION).expect("a new account has a URL").to_owned();
        client
    }

    fn url(&self, resource: &str) -> String {
        format!("{}/{resource}", self.base)
    }

    async fn nonce(&self) -> String {
        let response = (self.app)(TestRequest::default().method(Method::HEAD).uri(&self.url("new-nonce"))).await;
        let nonce = response.headers().get("Replay-Nonce").expect("newNonce answers with a nonce");
        nonce.to_str().expect("text").to_owned()
    }

    async fn post(&self, url: &str, payload: &Value) -> Answer {
        self.send(url, self.signer.with_kid(&self.kid, url).payload(payload).nonce(&self.nonce().await).body()).await
    }

    async fn read(&self, url: &str) -> Answer {
        self.send(url, self.signer.with_kid(&self.kid, url).nonce(&self.nonce().await).body()).await
    }

    async fn send(&self, url: &str, body: Vec<u8>) -> Answer {
        let peer = "127.0.0.1:1".parse().expect("an address");
        let request = TestRequest::post().uri(url).peer_addr(peer);
        let request = request.insert_header(("Content-Type", "application/jose+json")).set_payload(body);
        let response = (self.app)(request).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = read_body(response).await;
        Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
    }

    /// An order that is ready: its URL and where it is finalized.
    async fn ready(&self, host: &str) -> (String, String) {
        let identifiers = json!({"identifiers": [{"type": "dns", "value": host}]});
        let placed = self.post(&self.url("new-order"), &identifiers).await;
        assert_eq!(placed.status, 201, "{placed:?}");
        let url = placed.header(&LOCATION).expect("a new order has a URL").to_owned();
        let authorization = self.read(placed.body["authorizations"][0].as_str().expect("a URL")).await;
        let challenge = authorization.body["challenges"][0]["url"].as_str().expect("a URL").to_owned();
        assert_eq!(self.post(&challenge, &json!({})).await.status, 200);
        self.until(&url, "ready").await;
        (url, placed.body["finalize"].as_str().expect("a URL").to_owned())
    }

    async fn until(&self, url: &str, status: &str) -> Answer {
        until(status, async || Some(self.read(url).await).filter(|answer| answer.body["status"] == status)).await
    }

    async fn finalize(&self, url: &str) -> Answer {
        self.post(url, &json!({"csr": encode("a CSR, as far as the lab's issuer is concerned")})).await
    }
}

/// An application in front of an engine.
async fn application(started: &Started, lab: &Lab, finalize_patience: Duration) -> Application {
    declare(&started.engine, profiles_with(|_, ra| ra.acme_profile = Some(name("default")))).await;
    let acme = Acme {
        engine: started.engine.clone(),
        nonces: Nonces::new(NonceSettings::default(), &*lab.entropy),
        origin: "https://ca.test".to_owned(),
        registrations: Registrations::default(),
        vault: Arc::new(Vault::open(&MemoryStore::new(), &"a passphrase".into()).await.expect("it is made")),
        finalize_patience,
    };
    let app = Rc::new(init_service(App::new().app_data(web::Data::new(acme)).configure(acme::configure)).await);
    Box::new(move |request| {
        let app = Rc::clone(&app);
        Box::pin(async move { call_service(&*app, request.to_request()).await })
    })
}

#[test]
fn s7_4_finalize_answers_processing_and_retry_after_when_its_patience_is_over() {
    run(async {
        for form in FORMS {
            let lab = Lab::new();
            let started = lab.start().await;
            let client = Client::register(application(&started, &lab, Duration::from_millis(50)).await, form).await;
            let (url, finalize) = client.ready("a.example.org").await;
            lab.issuer.hold(true);

            let told = client.finalize(&finalize).await;
            assert_eq!((told.status, &told.body["status"]), (200, &json!("processing")), "{told:?}");
            assert_eq!(told.header(&LOCATION), Some(url.as_str()), "section 7.4: where to poll");
            assert!(told.retry_after().is_some_and(|seconds| seconds >= 1), "{told:?}");
            assert!(told.body.get("certificate").is_none(), "{told:?}");

            let polled = client.read(&url).await;
            assert_eq!(polled.body, told.body);
            assert!(polled.retry_after().is_some_and(|seconds| seconds >= 1), "{polled:?}");
            let again = client.finalize(&finalize).await;
            assert_eq!(
                (again.status, &again.body["type"]),
                (403, &json!("urn:ietf:params:acme:error:orderNotReady")),
                "{again:?}"
            );

            lab.issuer.hold(false);
            let valid = client.until(&url, "valid").await;
            assert_eq!(valid.retry_after(), None, "{valid:?}");
            assert!(valid.body["certificate"].is_string(), "{valid:?}");
            drop(client);
            lab.books_balance(&started.engine).await;
            started.stop();
        }
    });
}

#[test]
fn s7_4_finalize_answers_with_the_certificate_if_it_comes_within_its_patience() {
    run(async {
        for form in FORMS {
            let lab = Lab::new();
            let started = lab.start().await;
            let client = Client::register(application(&started, &lab, PATIENCE).await, form).await;
            let (url, finalize) = client.ready("a.example.org").await;
            lab.issuer.hold(true);
            let answered = AtomicUsize::new(0);
            let (told, ()) = tokio::join!(
                async {
                    let told = client.finalize(&finalize).await;
                    answered.fetch_add(1, Ordering::SeqCst);
                    told
                },
                async {
                    client.until(&url, "processing").await;
                    assert_eq!(answered.load(Ordering::SeqCst), 0, "the client waits for the signature");
                    lab.issuer.hold(false);
                }
            );
            assert_eq!((told.status, &told.body["status"]), (200, &json!("valid")), "{told:?}");
            assert!(told.body["certificate"].is_string() && told.retry_after().is_none(), "{told:?}");
            assert_eq!(told.header(&LOCATION), Some(url.as_str()));
            drop(client);
            started.stop();
        }
    });
}

#[test]
fn s7_1_6_what_expires_is_invalid_or_expired() {
    run(async {
        for form in FORMS {
            let lab = Lab::new();
            let started = lab.start().await;
            let client = Client::register(application(&started, &lab, PATIENCE).await, form).await;
            let (ready, finalize) = client.ready("a.example.org").await;
            let identifiers = json!({"identifiers": [{"type": "dns", "value": "b.example.org"}]});
            let placed = client.post(&client.url("new-order"), &identifiers).await;
            let pending = placed.header(&LOCATION).expect("a new order has a URL").to_owned();
            let authorization = placed.body["authorizations"][0].as_str().expect("a URL").to_owned();
            // Past the seven days of an order. What was proven is valid for longer.
            lab.clock.advance(8 * 86_400);
            // Section 7.1.2.1: no invalid ones, though nobody has looked at them since.
            let account = client.read(&client.kid).await;
            let listed = client.read(account.body["orders"].as_str().expect("a URL")).await;
            assert_eq!((listed.status, &listed.body["orders"]), (200, &json!([])), "{listed:?}");
            for url in [&ready, &pending] {
                let lost = client.read(url).await;
                assert_eq!((lost.status, &lost.body["status"]), (200, &json!("invalid")), "{lost:?}");
                assert!(lost.body["error"]["type"].is_string(), "{lost:?}");
            }
            let lost = client.read(&authorization).await;
            assert_eq!((lost.status, &lost.body["status"]), (200, &json!("expired")), "{lost:?}");
            let late = client.finalize(&finalize).await;
            let kind = &late.body["type"];
            assert_eq!((late.status, kind), (403, &json!("urn:ietf:params:acme:error:orderNotReady")), "{late:?}");
            drop(client);
            started.stop();
        }
    });
}

#[test]
fn s6_6_more_than_an_object_can_take_is_503_with_retry_after_and_what_was_accepted_is_done() {
    run(async {
        for form in FORMS {
            let lab = Lab::new();
            let started = lab.start().await;
            let client = Client::register(application(&started, &lab, PATIENCE).await, form).await;
            let held = lab.store.hold().await;
            let refused = AtomicUsize::new(0);
            let update = async || {
                let answer = client.post(&client.kid, &json!({"contact": ["mailto:other@example.org"]})).await;
                refused.fetch_add(usize::from(answer.status == 503), Ordering::SeqCst);
                answer
            };
            let (answers, ()) = tokio::join!(join_all((0..300).map(|_| update())), async {
                // Nothing is committed, so what is not refused waits.
                until("refusals", async || (refused.load(Ordering::SeqCst) > 100).then_some(())).await;
                drop(held);
            });
            for answer in &answers {
                assert!(answer.headers.contains_key("Replay-Nonce"), "section 6.5: {answer:?}");
                if answer.status != 200 {
                    let kind = &answer.body["type"];
                    assert_eq!(
                        (answer.status, kind),
                        (503, &json!("urn:ietf:params:acme:error:serverInternal")),
                        "the client is not at fault: {answer:?}"
                    );
                    assert!(answer.retry_after().is_some_and(|seconds| seconds >= 1), "{answer:?}");
                }
            }
            assert!(answers.iter().any(|answer| answer.status == 200), "some were accepted");
            let later = client.post(&client.kid, &json!({"contact": ["mailto:later@example.org"]})).await;
            assert_eq!(later.body["contact"], json!(["mailto:later@example.org"]), "{later:?}");
            drop(client);
            started.stop();
        }
    });
}
