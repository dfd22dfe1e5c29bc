//! An account that is revoked with everything that it was issued.

use std::time::Duration;

use chancery_actors::ports::Kind;
use chancery_machine::account::{AccountEvent, AccountState, AccountStatus};
use chancery_machine::certificate::{CertificateState, CertificateStatus, RevocationReason};
use chancery_machine::id::{AccountId, OrderId};
use chancery_machine::machine::Machine;
use chancery_machine::order::OrderStatus;

use super::audit::deed;
use super::lab::{DAY, Lab, account_id, certificate_of, csr, obtain, order_until, place, ready, register, run, until};

const REASON: RevocationReason = RevocationReason::CessationOfOperation;

#[test]
fn every_certificate_goes_with_its_account_the_one_being_signed_included() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let other = register(engine, 2).await;
        let spared = obtain(engine, &other, &["other.example.org"]).await;
        let expired = obtain(engine, &account, &["expired.example.org"]).await;
        lab.clock.advance(91 * DAY);
        let before = obtain(engine, &account, &["before.example.org"]).await;
        engine.revoke(certificate_of(&before), Some(RevocationReason::Superseded)).await.expect("revokes");
        let issued = obtain(engine, &account, &["issued.example.org"]).await;
        let open = place(engine, &account, &["open.example.org"]).await;
        let signing = ready(engine, &account, &["signing.example.org"]).await;
        lab.settled().await;
        lab.issuer.hold(true);
        let signing = engine.finalize(&signing, csr(&signing), &[], Duration::ZERO).await.expect("is accepted");
        assert_eq!(signing.state.status(engine.now()), OrderStatus::Processing);

        let event = AccountEvent::Revoked { certificates: Some(REASON) };
        let revoked = engine
            .administer_account("operator", account_id(&account), event, None, |_, _| deed("revoke"))
            .await
            .expect("revokes");
        assert_eq!(revoked.state.status(), AccountStatus::Revoked);
        // What can be ended or revoked is, though one is still being signed, and that is waited for.
        order_until(engine, OrderId(open.id), OrderStatus::Invalid).await;
        until("what was issued is revoked", async || {
            let certificate = engine.certificate(certificate_of(&issued)).await.expect("stands");
            (certificate.state.status(engine.now()) == CertificateStatus::Revoked).then_some(())
        })
        .await;
        let waiting = engine.account(account_id(&account)).await.expect("stands").state;
        assert!(!waiting.owed().is_empty(), "{waiting:?}");
        lab.issuer.hold(false);
        lab.settled().await;

        let signing = engine.order(OrderId(signing.id)).await.expect("stands");
        for (order, reason) in [(&issued, REASON), (&signing, REASON), (&before, RevocationReason::Superseded)] {
            let certificate = engine.certificate(certificate_of(order)).await.expect("stands").state;
            let CertificateState::Revoked { reason: given, .. } = certificate.state else { panic!("{certificate:?}") };
            assert_eq!(given, Some(reason));
        }
        let expired = engine.certificate(certificate_of(&expired)).await.expect("stands");
        assert_eq!(expired.state.status(engine.now()), CertificateStatus::Expired);
        let spared = engine.certificate(certificate_of(&spared)).await.expect("stands");
        assert_eq!(spared.state.state, CertificateState::Valid);
        let account = engine.account(account_id(&account)).await.expect("stands").state;
        assert!(matches!(account.state, AccountState::Revoked { settled: true, .. }), "{account:?}");
        started.stop();
    });
}

#[test]
fn it_is_taken_up_again_after_a_restart_and_there_may_be_many() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = &register(engine, 1).await;
        // More than are looked up at a time.
        futures::future::join_all(
            (0..300).map(|nth| async move { obtain(engine, account, &[&format!("n{nth}.example.org")]).await }),
        )
        .await;
        lab.settled().await;
        let event = AccountEvent::Revoked { certificates: Some(REASON) };
        engine.change_account(account_id(account), event).await.expect("revokes");
        let id = AccountId(account.id);
        started.stop();
        let started = lab.start().await;
        until("every certificate is revoked", async || {
            let account = started.engine.account(id).await.expect("stands").state;
            account.owed().is_empty().then_some(())
        })
        .await;
        for certificate in lab.certificates(&started.engine).await {
            assert_eq!(certificate.state.status(started.engine.now()), CertificateStatus::Revoked);
        }
        assert_eq!(lab.all(Kind::Certificate).await.len(), 300);
        lab.settled().await;
        started.stop();
    });
}

#[test]
fn without_being_asked_to_nobody_revokes_certificates() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let issued = obtain(engine, &account, &["a.example.org"]).await;
        let event = AccountEvent::Revoked { certificates: None };
        engine.change_account(account_id(&account), event).await.expect("revokes");
        lab.settled().await;
        let certificate = engine.certificate(certificate_of(&issued)).await.expect("stands");
        assert_eq!(certificate.state.state, CertificateState::Valid);
        started.stop();
    });
}
