//! What a client proves before it orders (RFC 8555 section 7.4.1), and for all names below a name (RFC 9444).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chancery_actors::error::TurnError;
use chancery_actors::place::{NewAuthorization, NewOrder, PlaceError};
use chancery_actors::ports::Kind;
use chancery_actors::{Engine, Versioned};
use chancery_machine::account::{Account, AccountEvent};
use chancery_machine::authorization::{Authorization, AuthorizationStatus};
use chancery_machine::challenge::{ChallengeState, ChallengeType};
use chancery_machine::id::{AuthorizationId, OrderId};
use chancery_machine::identifier::{DnsName, Identifier, Subject};
use chancery_machine::order::{Order, OrderStatus};
use chancery_machine::profile::{AcmeProfile, ExemptName, Exemption, ExemptionScope, Limits, Seconds};
use chancery_machine::rejection::Rejection;
use futures::future::join_all;

use super::doubles::{Act, locked};
use super::faults::for_each_commit;
use super::lab::{
    DAY, Lab, PATIENCE, Started, account_id, certificate_of, csr, declare, finalize, new_order, order_until, pair,
    passing, place, profiles_with, register, run, until,
};
use super::store::Fault;

const ZONE: &str = "example.org";

/// Proofs count for nine days and are not reused; all below a name can be proven at once.
fn whole(acme: &mut AcmeProfile) {
    acme.authorization_validity = Seconds(9 * DAY);
    acme.subdomains = true;
}

async fn start(lab: &Lab) -> (Started, Versioned<Account>) {
    let started = lab.start().await;
    declare(&started.engine, profiles_with(|acme, _| whole(acme))).await;
    let account = register(&started.engine, 1).await;
    (started, account)
}

fn new(name: &str, subdomains: bool) -> NewAuthorization {
    NewAuthorization { identifier: Identifier::Dns(DnsName::parse(name).expect("a name")), subdomains }
}

async fn ask(
    engine: &Engine,
    account: &Versioned<Account>,
    new: NewAuthorization,
) -> Result<AuthorizationId, PlaceError> {
    engine.pre_authorize(account, &pair(engine), new).await.map(|made| AuthorizationId(made.id))
}

async fn valid(engine: &Engine, id: AuthorizationId) -> Versioned<Authorization> {
    until("a valid authorization", async || {
        let found = engine.authorization(id).await.ok()?;
        (found.state.status(engine.now()) == AuthorizationStatus::Valid).then_some(found)
    })
    .await
}

async fn prove(engine: &Engine, account: &Versioned<Account>, new: NewAuthorization) -> AuthorizationId {
    let id = ask(engine, account, new).await.expect("is willing");
    engine.respond(id, 0, &[account.guard()]).await.expect("responds");
    valid(engine, id).await;
    id
}

/// Whether a new order for the name relies on that authorization.
async fn relies(engine: &Engine, account: &Versioned<Account>, name: &str, proven: AuthorizationId) -> bool {
    let order = place(engine, account, &[name]).await;
    let relies = order.state.terms.authorizations == [proven];
    assert_eq!(order.state.status(engine.now()) == OrderStatus::Ready, relies, "{name}");
    relies
}

#[test]
fn one_proof_does_for_orders_of_names_below_and_stands_for_each_of_them() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let whole = prove(engine, &account, new(ZONE, true)).await;
        let order = place(engine, &account, &["a.example.org", "b.c.example.org", ZONE]).await;
        assert_eq!(order.state.terms.authorizations, [whole; 3]);
        assert_eq!(order.state.terms.distinct_authorizations(), [whole]);
        let order = finalize(engine, &account, &order).await.expect("finalizes");
        let certificate = engine.certificate(certificate_of(&order)).await.expect("stands");
        assert_eq!(certificate.state.record.subjects, order.state.terms.subjects);
        // With another that has to be proven itself.
        let order = place(engine, &account, &["a.example.org", "elsewhere.test"]).await;
        assert_eq!(order.state.status(engine.now()), OrderStatus::Pending);
        let rest = order.state.terms.authorizations[1];
        engine.respond(rest, 0, &[]).await.expect("responds");
        let order = order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
        finalize(engine, &account, &order).await.expect("finalizes");
        assert_eq!(lab.validator.calls(), [ZONE, "elsewhere.test"]);
        lab.books_balance(engine).await;
        started.stop();
    });
}

/// An order for these names, each with the zone as the ancestor that its client controls.
async fn with_ancestor(engine: &Engine, account: &Versioned<Account>, names: &[&str]) -> Versioned<Order> {
    let order = new_order(names);
    let zone = DnsName::parse(ZONE).expect("a name");
    let ancestors: BTreeMap<_, _> = order.subjects.iter().map(|subject| (subject.clone(), zone.clone())).collect();
    engine.place_order(account, &pair(engine), NewOrder { ancestors, ..order }).await.expect("places")
}

#[test]
fn an_order_that_names_an_ancestor_has_one_authorization_for_all_that_it_proves() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let order = with_ancestor(engine, &account, &["*.example.org", "a.example.org", "b.example.org"]).await;
        let [a, b, star] = order.state.terms.authorizations[..] else { panic!("three: {order:?}") };
        assert!(a == b && a != star, "names and wildcards are proven apart");
        for (id, wildcard) in [(a, false), (star, true)] {
            let made = engine.authorization(id).await.expect("stands");
            assert_eq!((made.state.terms.wildcard, made.state.terms.subdomains), (wildcard, true));
            assert!(made.state.challenges.iter().all(|challenge| {
                challenge.kind.proves(&Subject { identifier: made.state.terms.identifier.clone(), wildcard: true })
            }));
            engine.respond(id, 0, &[]).await.expect("responds");
        }
        let order = order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
        finalize(engine, &account, &order).await.expect("finalizes");
        // Made for an order, it is no pre-authorization: without reuse the next order has one of its own.
        let next = with_ancestor(engine, &account, &["a.example.org"]).await;
        assert_eq!(next.state.status(engine.now()), OrderStatus::Pending);
        declare(
            engine,
            profiles_with(|acme, _| {
                whole(acme);
                acme.authorization_reuse = Some(Seconds(DAY));
            }),
        )
        .await;
        assert!(
            relies(engine, &account, "c.example.org", a).await,
            "with reuse it is relied on, ancestor named or not"
        );
        lab.books_balance(engine).await;
        started.stop();
    });
}

#[test]
fn who_validates_is_told_that_all_below_the_name_is_proven() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let told = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&told);
        lab.validator.follow(move |attempt, _| {
            locked(&seen).push((attempt.wildcard, attempt.subdomains));
            Act::Pass
        });
        prove(engine, &account, new(ZONE, true)).await;
        prove(engine, &account, new(ZONE, false)).await;
        assert_eq!(*locked(&told), [(false, true), (false, false)]);
        started.stop();
    });
}

/// RFC 8659 section 3: of all names below it only those are certified that an order has, so CAA records are asked for when that
/// is finalized.
#[test]
fn caa_records_of_names_below_are_asked_for_at_finalize() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        declare(
            engine,
            profiles_with(|acme, _| {
                whole(acme);
                acme.authorization_reuse = Some(Seconds(DAY));
                acme.caa_identities = vec!["ca.test".into()];
            }),
        )
        .await;
        let proven = prove(engine, &account, new(ZONE, true)).await;
        assert!(relies(engine, &account, "c.example.org", proven).await);
        let order = place(engine, &account, &["c.example.org", ZONE]).await;
        finalize(engine, &account, &order).await.expect("finalizes");
        let mut asked: Vec<_> = lab.validator.questions().iter().map(|asked| asked.name.to_string()).collect();
        asked.sort();
        assert_eq!(asked, ["c.example.org", ZONE]);
        started.stop();
    });
}

#[test]
fn it_counts_as_long_as_it_is_valid_for_its_account_and_what_it_was_proven_for() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let plain = prove(engine, &account, new("a.example.org", false)).await;
        assert!(relies(engine, &account, "a.example.org", plain).await);
        for name in ["*.a.example.org", "b.a.example.org", ZONE, "xa.example.org"] {
            assert!(!relies(engine, &account, name, plain).await);
        }
        let other = register(engine, 2).await;
        let whole = prove(engine, &account, new(ZONE, true)).await;
        for name in ["b.example.org", "c.b.example.org"] {
            assert!(relies(engine, &account, name, whole).await);
            assert!(!relies(engine, &other, name, whole).await);
        }
        assert!(relies(engine, &account, "a.example.org", plain).await, "what is nearest comes first");
        for name in ["*.example.org", "*.b.example.org", "xexample.org", "org"] {
            assert!(!relies(engine, &account, name, whole).await);
        }
        lab.clock.advance(9 * DAY - 61);
        assert!(relies(engine, &account, "d.example.org", whole).await);
        lab.clock.advance(1);
        assert!(!relies(engine, &account, "d.example.org", whole).await, "not in its last minute");
        started.stop();
    });
}

#[test]
fn it_lets_its_account_revoke_as_long_as_it_is_valid() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let names = |names: &[&str]| new_order(names).subjects;
        prove(engine, &account, new(ZONE, true)).await;
        let holds = async |subjects: Vec<Subject>| {
            engine.holds_authorizations(account_id(&account), &subjects).await.expect("the store answers")
        };
        assert!(holds(names(&[ZONE, "a.example.org", "b.c.example.org"])).await);
        for beyond in ["*.example.org", "*.a.example.org", "xexample.org", "org"] {
            assert!(!holds(names(&["a.example.org", beyond])).await, "{beyond}");
        }
        // Nobody has noted that its time is over.
        lab.clock.advance(9 * DAY);
        assert!(!holds(names(&["a.example.org"])).await);
        started.stop();
    });
}

#[test]
fn what_an_operator_has_taken_back_counts_no_more() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let proven = prove(engine, &account, new(ZONE, true)).await;
        let by = engine.authorization(proven).await.expect("stands").state.challenges[0].kind;
        let settings: [fn(&mut AcmeProfile, ChallengeType); 3] = [
            |acme, _| acme.no_pre_authorization = true,
            |acme, _| acme.subdomains = false,
            |acme, by| acme.challenges.retain(|kind| *kind != by),
        ];
        for change in settings {
            declare(
                engine,
                profiles_with(|acme, _| {
                    whole(acme);
                    change(acme, by);
                }),
            )
            .await;
            assert!(!relies(engine, &account, "a.example.org", proven).await);
            declare(engine, profiles_with(|acme, _| whole(acme))).await;
            assert!(relies(engine, &account, "a.example.org", proven).await);
        }
        declare(engine, profiles_with(|acme, _| acme.no_pre_authorization = true)).await;
        assert_eq!(ask(engine, &account, new(ZONE, false)).await, Err(PlaceError::NotOffered));
        started.stop();
    });
}

#[test]
fn an_order_loses_what_it_relies_on_before_its_intent_is_stored() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let proven = prove(engine, &account, new(ZONE, true)).await;
        let order = place(engine, &account, &["a.example.org", "b.example.org"]).await;
        engine.deactivate_authorization(proven).await.expect("deactivates");
        assert!(finalize(engine, &account, &order).await.is_err());
        order_until(engine, OrderId(order.id), OrderStatus::Invalid).await;
        assert!(!relies(engine, &account, "a.example.org", proven).await);
        assert!(lab.issuer.signed().is_empty());
        lab.books_balance(engine).await;
        started.stop();
    });
}

#[test]
fn it_ends_with_its_account_and_none_slips_in_behind() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let pending = ask(engine, &account, new("a.example.org", false)).await.expect("is willing");
        let proven = prove(engine, &account, new(ZONE, true)).await;
        engine.change_account(account_id(&account), AccountEvent::Deactivated).await.expect("closes");
        // The account as the request saw it, before it was closed.
        let late = ask(engine, &account, new("b.example.org", false)).await;
        assert!(matches!(late, Err(PlaceError::Turn(TurnError::Rejected(Rejection::AccountClosed(_))))), "{late:?}");
        lab.settled().await;
        for id in [pending, proven] {
            let ended = engine.authorization(id).await.expect("stands");
            assert_eq!(ended.state.status(engine.now()), AuthorizationStatus::Deactivated);
        }
        assert_eq!(lab.all(Kind::Authorization).await.len(), 2);
        started.stop();
    });
}

#[test]
fn it_counts_as_an_open_order_until_it_is_proven_and_as_one_of_the_hour() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let limits = |limits: Limits| profiles_with(move |acme, _| acme.limits = limits);
        declare(engine, limits(Limits { open_orders_per_account: Some(2), ..Limits::default() })).await;
        let account = register(engine, 1).await;
        let limited = |answer| matches!(answer, Err(PlaceError::RateLimited { .. }));
        let first = ask(engine, &account, new("a.example.org", false)).await.expect("is willing");
        place(engine, &account, &["b.example.org"]).await;
        assert!(limited(ask(engine, &account, new("c.example.org", false)).await));
        let order = engine.place_order(&account, &pair(engine), new_order(&["c.example.org"])).await;
        assert!(matches!(order, Err(PlaceError::RateLimited { .. })), "{order:?}");
        engine.respond(first, 0, &[]).await.expect("responds");
        valid(engine, first).await;
        ask(engine, &account, new("c.example.org", false)).await.expect("there is room");
        assert!(limited(ask(engine, &account, new("d.example.org", false)).await));
        // Nobody has to tell it that its time is over.
        lab.clock.advance(8 * DAY);
        ask(engine, &account, new("d.example.org", false)).await.expect("there is room");

        declare(engine, limits(Limits { orders_per_hour: Some(2), ..Limits::default() })).await;
        let account = register(engine, 2).await;
        let first = ask(engine, &account, new("a.example.org", false)).await.expect("is willing");
        engine.deactivate_authorization(first).await.expect("deactivates");
        place(engine, &account, &["b.example.org"]).await;
        assert!(limited(ask(engine, &account, new("c.example.org", false)).await), "whatever became of it");
        lab.clock.advance(3600);
        ask(engine, &account, new("c.example.org", false)).await.expect("there is room");
        started.stop();
    });
}

#[test]
fn without_limits_of_the_profile_there_are_not_any_number_of_them() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        // Also those for which nothing has to be proven, and which nobody will ever settle.
        let exempt = Exemption {
            name: ExemptName::Name(DnsName::parse("exempt.test").expect("a name")),
            scope: ExemptionScope::Subdomain,
            wildcard: false,
        };
        declare(engine, profiles_with(|_, ra| ra.exemptions.rules = vec![exempt])).await;
        let account = &register(engine, 1).await;
        let asked = (0..1_010).map(|nth| async move {
            let zone = if nth % 2 == 0 { "exempt.test" } else { ZONE };
            ask(engine, account, new(&format!("n{nth}.{zone}"), false)).await
        });
        let answers = join_all(asked).await;
        let made = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(made, 1_000);
        let told = |answer: &Result<_, PlaceError>| matches!(answer, Ok(_) | Err(PlaceError::RateLimited { .. }));
        assert!(answers.iter().all(told), "{answers:?}");
        // Orders have no such bound.
        place(engine, account, &["a.example.org"]).await;
        started.stop();
    });
}

#[test]
fn two_nodes_share_what_was_proven_and_the_last_place() {
    run(async {
        let lab = &Lab::new();
        let twins = [lab.start().await, lab.start().await];
        let [one, two] = [&twins[0].engine, &twins[1].engine];
        declare(
            one,
            profiles_with(|acme, _| {
                whole(acme);
                acme.limits.open_orders_per_account = Some(3);
            }),
        )
        .await;
        two.refresh_profiles().await.expect("the store answers");
        let account = &register(one, 1).await;
        let proven = prove(one, account, new(ZONE, true)).await;
        let order = place(two, account, &["a.example.org"]).await;
        assert_eq!(order.state.terms.authorizations, [proven]);
        finalize(two, account, &order).await.expect("finalizes");
        let lost = place(two, account, &["b.example.org"]).await;
        one.deactivate_authorization(proven).await.expect("deactivates");
        assert!(finalize(two, account, &lost).await.is_err(), "the other node has not had the news");
        order_until(one, OrderId(lost.id), OrderStatus::Invalid).await;

        let asked = (0..12).map(|nth| async move {
            ask([one, two][nth % 2], account, new(&format!("n{nth}.example.org"), false)).await
        });
        let made = join_all(asked).await.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(made, 3);
        lab.books_balance(one).await;
        twins.into_iter().for_each(Started::stop);
    });
}

/// A client on its way from a pre-authorization to a certificate for two names below it.
#[derive(Default)]
struct Client {
    account: Option<Versioned<Account>>,
    proof: Option<AuthorizationId>,
    order: Option<OrderId>,
}

/// The server is gone.
struct Gone;

impl Client {
    async fn walk(&mut self, lab: &Lab, engine: &Engine) -> Result<(), Gone> {
        if lab.store.dead() {
            return Err(Gone);
        }
        let set = || profiles_with(|acme, _| whole(acme));
        persist(lab, "the profiles", async || {
            let declared = super::lab::attempt(engine, &set()).await;
            declared.ok()
        })
        .await?;
        let account = persist(lab, "the account", async || {
            engine.create_account(super::lab::new_account(1), &pair(engine)).await.ok().map(|(account, _)| account)
        })
        .await?;
        self.account = Some(account.clone());
        if self.proof.is_none() {
            self.proof = Some(
                persist(lab, "the pre-authorization", async || match ask(engine, &account, new(ZONE, true)).await {
                    Ok(id) => Some(id),
                    Err(error) => {
                        assert!(passing(&error), "{error}");
                        None
                    }
                })
                .await?,
            );
        }
        let proof = self.proof.expect("made");
        persist(lab, "the response", async || engine.respond(proof, 0, &[]).await.ok()).await?;
        persist(lab, "the proof", async || {
            let found = engine.authorization(proof).await.ok()?;
            (found.state.status(engine.now()) == AuthorizationStatus::Valid).then_some(())
        })
        .await?;
        if self.order.is_none() {
            let names = new_order(&["a.example.org", "b.example.org"]);
            let order = persist(lab, "the order", async || {
                engine.place_order(&account, &pair(engine), names.clone()).await.ok()
            });
            self.order = Some(OrderId(order.await?.id));
        }
        let id = self.order.expect("placed");
        persist(lab, "the certificate", async || {
            let order = engine.order(id).await.ok()?;
            if order.state.status(engine.now()) == OrderStatus::Valid {
                return Some(());
            }
            // Whatever is answered, the order says how it stands.
            let _ = engine.finalize(&order, csr(&order), &[], PATIENCE).await;
            None
        })
        .await
    }

    async fn check(&self, lab: &Lab, engine: &Engine) {
        lab.books_balance(engine).await;
        let order = engine.order(self.order.expect("placed")).await.expect("stands");
        assert_eq!(order.state.terms.distinct_authorizations().len(), 1, "{order:?}");
        let proof = engine.authorization(order.state.terms.authorizations[0]).await.expect("stands");
        assert!(proof.state.terms.pre_authorized && proof.state.terms.subdomains);
        let proven = |challenge: &chancery_machine::challenge::Challenge| {
            matches!(challenge.state, ChallengeState::Valid { .. })
        };
        assert!(proof.state.challenges.iter().any(proven));
        let mut signed = lab.issuer.signed();
        signed.dedup();
        assert_eq!(signed.len(), 1, "two different certificates were signed");
    }
}

async fn persist<T>(lab: &Lab, what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> Result<T, Gone> {
    until(what, async || match attempt().await {
        Some(done) => Some(Ok(done)),
        None => lab.store.dead().then_some(Err(Gone)),
    })
    .await
}

fn with_fault(commit: usize, fault: Fault) -> bool {
    run(async {
        let lab = Lab::new();
        lab.store.fail(commit, fault);
        let mut client = Client::default();
        let started = lab.start().await;
        let walked = client.walk(&lab, &started.engine).await;
        let died = walked.is_err();
        started.stop();
        let failed = lab.store.failed() || lab.store.dead();
        lab.store.set_dead(false);
        lab.store.spare();
        let started = lab.start().await;
        assert!(client.walk(&lab, &started.engine).await.is_ok(), "the server stays");
        client.check(&lab, &started.engine).await;
        started.stop();
        failed || died
    })
}

#[test]
fn whatever_becomes_of_each_commit_one_certificate_is_issued_on_one_proof() {
    for fault in [Fault::Lost, Fault::Landed, Fault::Panicked, Fault::DiedBefore, Fault::DiedAfter] {
        let commits = for_each_commit(move |commit| with_fault(commit, fault));
        assert!(commits >= 10, "{fault:?}: only {commits} commits were tried");
    }
}
