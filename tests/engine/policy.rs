//! What is issued for, with proof and without.

use chancery_actors::Engine;
use chancery_actors::place::PlaceError;
use chancery_machine::account::AccountEvent;
use chancery_machine::authorization::{AuthorizationEvent, AuthorizationStatus};
use chancery_machine::challenge::ChallengeType;
use chancery_machine::id::{AccountId, AuthorizationId, OrderId};
use chancery_machine::order::OrderStatus;
use chancery_machine::profile::{ExemptName, Exemption, ExemptionMode, ExemptionScope, Exemptions, IdentifierPattern};

use super::audit::deed;
use super::lab::{
    Lab, authorizations, declare, finalize, new_order, order_until, pair, place, profiles_with, ready, register,
    respond, run,
};

fn exemptions(mode: ExemptionMode) -> Exemptions {
    let name = ExemptName::parse("corp.example").expect("a name");
    Exemptions { rules: vec![Exemption { name, scope: ExemptionScope::Subdomain, wildcard: true }], mode }
}

/// The names that are refused, each with the reason.
async fn refused(engine: &Engine, account: AccountId, names: &[&str]) -> Vec<(String, String)> {
    let account = engine.account(account).await.expect("stands");
    match engine.place_order(&account, &pair(engine), new_order(names)).await {
        Err(PlaceError::Rejected(refused)) => {
            refused.into_iter().map(|(subject, reason)| (subject.to_string(), reason.to_string())).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_exempt_needs_no_challenge_and_all_else_does() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        // Not even dns-01 is offered: an exempt wildcard needs none.
        let set = profiles_with(|acme, ra| {
            acme.challenges = vec![ChallengeType::Http01];
            ra.exemptions = exemptions(ExemptionMode::OrElseChallenge);
        });
        declare(engine, set).await;
        let account = register(engine, 1).await;

        let order = place(engine, &account, &["corp.example", "*.a.corp.example"]).await;
        assert_eq!(order.state.status(engine.now()), OrderStatus::Ready);
        for authorization in authorizations(engine, &order).await {
            assert_eq!(authorization.state.status(engine.now()), AuthorizationStatus::Valid);
            assert!(authorization.state.challenges.is_empty());
            let exemption = authorization.state.terms.exemption.as_deref();
            assert_eq!(exemption, Some("corp.example (subdomain, wildcards too)"));
        }
        let order = finalize(engine, &account, &order).await.expect("finalizes");
        assert_eq!(order.state.status(engine.now()), OrderStatus::Valid);
        assert!(lab.validator.calls().is_empty());

        let order = place(engine, &account, &["a.corp.example", "a.example.org"]).await;
        assert_eq!(order.state.status(engine.now()), OrderStatus::Pending);
        engine.respond(order.state.terms.authorizations[1], 0, &[]).await.expect("responds");
        let order = order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
        finalize(engine, &account, &order).await.expect("finalizes");
        assert_eq!(lab.validator.calls(), ["a.example.org"]);
        let wildcard = refused(engine, AccountId(account.id), &["a.corp.example", "*.example.org"]).await;
        assert_eq!(wildcard.len(), 1);
        assert_eq!(wildcard[0].0, "*.example.org");
        lab.books_balance(engine).await;
        started.stop();
    });
}

#[test]
fn where_only_exempt_names_are_issued_for_all_others_are_refused() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        declare(engine, profiles_with(|_, ra| ra.exemptions = exemptions(ExemptionMode::OnlyThese))).await;
        let account = register(engine, 1).await;
        let names = ["a.corp.example", "a.example.org", "b.example.org"];
        let others: Vec<_> = refused(engine, AccountId(account.id), &names).await;
        let others: Vec<_> = others.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(others, ["a.example.org", "b.example.org"]);
        assert_eq!(place(engine, &account, &names[..1]).await.state.status(engine.now()), OrderStatus::Ready);
        started.stop();
    });
}

#[test]
fn an_exemption_does_not_reach_beyond_what_is_issued_for() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let set = profiles_with(|_, ra| {
            ra.exemptions = exemptions(ExemptionMode::OrElseChallenge);
            ra.identifiers.deny = vec![IdentifierPattern::parse("**.secret.corp.example").expect("a pattern")];
            ra.identifiers.wildcards = false;
        });
        declare(engine, set).await;
        let account = register(engine, 1).await;
        let names = ["a.corp.example", "a.secret.corp.example", "*.corp.example"];
        assert_eq!(refused(engine, AccountId(account.id), &names).await.len(), 2);
        started.stop();
    });
}

#[test]
fn an_exempt_authorization_that_an_operator_takes_back_ends_its_order() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        declare(engine, profiles_with(|_, ra| ra.exemptions = exemptions(ExemptionMode::OrElseChallenge))).await;
        let account = register(engine, 1).await;
        let order = place(engine, &account, &["a.corp.example"]).await;
        let id: AuthorizationId = order.state.terms.authorizations[0];
        engine
            .administer_authorization("operator", id, AuthorizationEvent::Revoked, None, |_, _| deed("revoke"))
            .await
            .expect("revokes");
        assert!(finalize(engine, &account, &order).await.is_err());
        let order = engine.order(OrderId(order.id)).await.expect("stands");
        assert_eq!(order.state.status(engine.now()), OrderStatus::Invalid);
        started.stop();
    });
}

#[test]
fn what_is_exempt_was_not_proven_and_lets_nobody_revoke_what_others_have() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        declare(engine, profiles_with(|_, ra| ra.exemptions = exemptions(ExemptionMode::OrElseChallenge))).await;
        let (owner, other) = (register(engine, 1).await, register(engine, 2).await);
        let order = place(engine, &owner, &["a.corp.example"]).await;
        finalize(engine, &owner, &order).await.expect("finalizes");
        place(engine, &other, &["a.corp.example"]).await;
        let holds = engine.holds_authorizations(AccountId(other.id), &order.state.terms.subjects).await;
        assert_eq!(holds, Ok(false), "nothing was proven");
        declare(engine, profiles_with(|_, ra| ra.exemptions.rules.clear())).await;
        ready(engine, &other, &["a.corp.example"]).await;
        let holds = engine.holds_authorizations(AccountId(other.id), &order.state.terms.subjects).await;
        assert_eq!(holds, Ok(true), "now it was");
        started.stop();
    });
}

#[test]
fn whoever_has_not_agreed_since_the_terms_changed_places_no_order() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let before = place(engine, &account, &["a.example.org"]).await;
        lab.clock.advance(10);
        let changed = engine.now();
        let set = profiles_with(|acme, _| {
            acme.terms.no_new_orders = true;
            acme.terms.changed = Some(changed);
        });
        declare(engine, set).await;
        let refused = engine.place_order(&account, &pair(engine), new_order(&["b.example.org"])).await;
        assert_eq!(refused.map(|order| order.id), Err(PlaceError::TermsChanged));
        // What was placed before goes on.
        respond(engine, &account, &before).await;
        let before = order_until(engine, OrderId(before.id), OrderStatus::Ready).await;
        finalize(engine, &account, &before).await.expect("finalizes");
        lab.clock.advance(10);
        let agreed = engine.change_account(AccountId(account.id), AccountEvent::TermsAgreed).await.expect("agrees");
        place(engine, &agreed, &["b.example.org"]).await;
        lab.clock.advance(10);
        let fresh = register(engine, 2).await;
        place(engine, &fresh, &["c.example.org"]).await;
        started.stop();
    });
}
