//! The way that every client goes.

use std::sync::Arc;
use std::time::Duration;

use chancery::store::{MemoryStore, RedbStore};
use chancery_actors::Engine;
use chancery_actors::audit::Act as Deeds;
use chancery_actors::finalize::FinalizeError;
use chancery_actors::ports::{Kind, Store, StoreError};
use chancery_machine::authorization::AuthorizationStatus;
use chancery_machine::certificate::{CertificateState, RevocationReason};
use chancery_machine::id::{AuthorizationId, OrderId};
use chancery_machine::machine::Machine;
use chancery_machine::order::{OrderState, OrderStatus};
use chancery_machine::problem::ProblemType;
use tempfile::TempDir;

use super::doubles::Act;
use super::lab::{
    Lab, PATIENCE, authorizations, certificate_of, csr, finalize, new_account, obtain, order_until, pair, place, ready,
    register, respond, run, until,
};

async fn whole_path(store: Arc<dyn Store>) {
    let lab = Lab::on(store);
    let started = lab.start().await;
    let engine = &started.engine;
    let account = register(engine, 1).await;
    let (again, made) = engine.create_account(new_account(1), &pair(engine)).await.expect("answers");
    assert!(!made && again.id == account.id);

    let order = ready(engine, &account, &["b.example.org", "a.example.org", "a.example.org"]).await;
    let names: Vec<_> = order.state.terms.subjects.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a.example.org", "b.example.org"]);
    for authorization in authorizations(engine, &order).await {
        assert_eq!(authorization.state.status(engine.now()), AuthorizationStatus::Valid);
    }

    let order = finalize(engine, &account, &order).await.expect("finalizes");
    let certificate = engine.certificate(certificate_of(&order)).await.expect("the certificate stands");
    assert_eq!(certificate.state.record.subjects, order.state.terms.subjects);
    assert_eq!(engine.certificate_of(&certificate.state.record.der).await.expect("found").id, certificate.id);
    assert_eq!(lab.issuer.signed().len(), 1);

    let revoked = engine.revoke(certificate_of(&order), Some(RevocationReason::KeyCompromise)).await.expect("revokes");
    assert_eq!(revoked.state.owed().len(), 1);
    let published = until("the CRL that lists it", async || {
        let certificate = engine.certificate(certificate_of(&order)).await.expect("stands");
        let CertificateState::Revoked { published, .. } = certificate.state.state else { panic!("revoked") };
        published
    })
    .await;
    let listing = lab.issuer.crls().into_iter().find(|crl| crl.number == published).expect("was signed");
    assert_eq!(listing.entries.len(), 1);
    assert_eq!((&listing.entries[0].serial, listing.entries[0].reason), (&certificate.state.record.serial, Some(1)));
    lab.books_balance(engine).await;
    started.stop();
}

#[test]
fn an_account_an_order_and_its_certificate_in_memory() {
    run(whole_path(Arc::new(MemoryStore::new())));
}

#[test]
fn an_account_an_order_and_its_certificate_on_disk() {
    let directory = TempDir::new().expect("a directory");
    run(whole_path(Arc::new(RedbStore::open(directory.path(), 1 << 20).expect("opens"))));
    // The engine let go of the file, and what it wrote is there.
    let store = RedbStore::open(directory.path(), 1 << 20).expect("opens again");
    let kept = run(async { store.scan(Kind::Certificate, None, 10).await.expect("scans") });
    assert_eq!(kept.len(), 1);
}

#[test]
fn finalizing_waits_for_the_certificate_and_past_its_patience_goes_on_without_the_client() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = ready(engine, &account, &["a.example.org"]).await;
        lab.issuer.hold(true);
        let hurried = engine.finalize(&order, csr(&order), &[account.guard()], Duration::from_millis(50)).await;
        assert_eq!(hurried.expect("is accepted").state.status(engine.now()), OrderStatus::Processing);
        let again = finalize(engine, &account, &order).await;
        assert!(matches!(again, Err(FinalizeError::Turn(_))), "{again:?}");
        lab.issuer.hold(false);
        order_until(engine, OrderId(order.id), OrderStatus::Valid).await;
        lab.books_balance(engine).await;
        started.stop();
    });
}

#[test]
fn an_issuer_that_fails_and_panics_is_asked_again() {
    use std::sync::atomic::Ordering;
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        lab.issuer.sign_failures.store(2, Ordering::SeqCst);
        lab.issuer.sign_panics.store(2, Ordering::SeqCst);
        // Past one change of the order nothing is waited for, but a failure of the key is no change.
        obtain(engine, &account, &["a.example.org"]).await;
        let order = ready(engine, &account, &["b.example.org"]).await;
        let panicked = engine.finalize(&order, b"panic".to_vec(), &[], PATIENCE).await;
        assert_eq!(panicked.map(|order| order.id), Err(FinalizeError::Refused));
        let bad = engine.finalize(&order, Vec::new(), &[], PATIENCE).await;
        assert!(matches!(bad, Err(FinalizeError::BadCsr(_))), "{bad:?}");
        finalize(engine, &account, &order).await.expect("finalizes with a good CSR");
        lab.books_balance(engine).await;
        started.stop();
    });
}

#[test]
fn a_challenge_is_tried_as_often_as_the_profile_says_and_then_the_order_ends() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        lab.validator.follow(|_, nth| if nth == 0 { Act::Fail } else { Act::Pass });
        ready(engine, &account, &["once.example.org"]).await;
        assert_eq!(lab.validator.calls().len(), 2);
        lab.validator.follow(|_, _| Act::Fail);
        let order = place(engine, &account, &["never.example.org"]).await;
        respond(engine, &account, &order).await;
        let order = order_until(engine, OrderId(order.id), OrderStatus::Invalid).await;
        let OrderState::Invalid { error, .. } = &order.state.state else { panic!("invalid") };
        assert_eq!(error.kind, ProblemType::Connection);
        assert_eq!(lab.validator.calls().len(), 4);
        lab.settled().await;
        started.stop();
    });
}

#[test]
fn an_attempt_that_cannot_be_made_ends_with_the_authorization() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = place(engine, &account, &["a.example.org"]).await;
        // Its ACME Profile goes, and so does what was kept of it: nobody knows any more how to validate.
        remove_acme_profiles(&lab, engine).await;
        respond(engine, &account, &order).await;
        lab.clock.advance(8 * super::lab::DAY);
        let id: AuthorizationId = order.state.terms.authorizations[0];
        until("the authorization expires for good", async || {
            engine.authorization(id).await.expect("stands").state.owed().is_empty().then_some(())
        })
        .await;
        lab.settled().await;
        let order = engine.order(OrderId(order.id)).await.expect("stands");
        assert!(matches!(order.state.state, OrderState::Invalid { .. }), "{order:?}");
        assert!(lab.validator.calls().is_empty());
        started.stop();
    });
}

/// As an operator removes them, and then time what is kept of them.
async fn remove_acme_profiles(lab: &Lab, engine: &Engine) {
    let removed = engine.administer::<(), StoreError>("operator", async || {
        let mut act = Deeds::nothing(());
        for kept in engine.catalog().await?.acme.values() {
            act.writes.extend(engine.profile_removal(kept));
        }
        Ok(act)
    });
    removed.await.expect("removes");
    for object in lab.all(Kind::AcmeProfileRevision).await {
        lab.store.remove(object).await;
    }
}
