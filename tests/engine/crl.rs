//! CRLs: there from the start, complete, and renewed in time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chancery_actors::Engine;
use chancery_machine::certificate::CertificateState;
use chancery_machine::crl::Crl;
use chancery_machine::id::CertificateId;
use futures::future::join_all;

use super::doubles::AUTHORITY;
use super::lab::{DAY, Lab, certificate_of, obtain, register, run, until};

async fn crl_past(engine: &Engine, number: u64) -> Crl {
    until("a newer CRL", async || engine.crl(AUTHORITY).await.expect("loads").filter(|crl| crl.number > number)).await
}

async fn published(engine: &Engine, id: CertificateId) -> Option<u64> {
    match engine.certificate(id).await.expect("stands").state.state {
        CertificateState::Valid => None,
        CertificateState::Revoked { published, .. } => published,
    }
}

#[test]
fn there_is_one_from_the_start_and_it_is_renewed_when_half_over() {
    run(async {
        let mut lab = Lab::new();
        lab.settings.look = Duration::from_millis(10);
        let started = lab.start().await;
        let engine = &started.engine;
        let first = crl_past(engine, 0).await;
        assert_eq!((first.number, first.next_update.since(first.this_update).as_secs()), (1, 7 * DAY));
        lab.clock.advance(7 * DAY / 2 - 1);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(lab.issuer.crls().len(), 1, "not yet");
        lab.clock.advance(1);
        let second = crl_past(engine, 1).await;
        assert_eq!((second.number, second.this_update), (2, engine.now()));
        started.stop();
        // A new engine goes on where the last one stood.
        let started = lab.start().await;
        lab.clock.advance(4 * DAY);
        assert_eq!(crl_past(&started.engine, 2).await.number, 3);
        started.stop();
    });
}

#[test]
fn five_hundred_revocations_take_few_crls_and_each_is_listed() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = &register(engine, 1).await;
        let orders =
            (0..500).map(|nth| async move { obtain(engine, account, &[&format!("n{nth}.example.org")]).await });
        let ids: Vec<_> = join_all(orders).await.iter().map(certificate_of).collect();
        lab.issuer.hold(true);
        assert!(join_all(ids.iter().map(|id| engine.revoke(*id, None))).await.iter().all(Result::is_ok));
        lab.issuer.hold(false);
        lab.settled().await;
        let crls = lab.issuer.crls();
        assert!(crls.len() < 20, "{} CRLs for 500 revocations", crls.len());
        assert!(crls.windows(2).all(|pair| pair[0].number < pair[1].number));
        for id in ids {
            let number = published(engine, id).await.expect("published");
            let serial = engine.certificate(id).await.expect("stands").state.record.serial;
            let listing = crls.iter().find(|crl| crl.number == number).expect("was signed");
            assert!(listing.entries.iter().any(|entry| entry.serial == serial));
        }
        assert_eq!(
            engine.crl(AUTHORITY).await.expect("loads").map(|crl| crl.number),
            crls.last().map(|crl| crl.number)
        );
        started.stop();
    });
}

#[test]
fn a_crl_that_cannot_be_signed_is_tried_again() {
    run(async {
        let lab = Lab::new();
        lab.issuer.crl_failures.store(3, Ordering::SeqCst);
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let id = certificate_of(&obtain(engine, &account, &["a.example.org"]).await);
        engine.revoke(id, None).await.expect("revokes");
        lab.settled().await;
        assert!(published(engine, id).await.is_some());
        started.stop();
    });
}

#[test]
fn an_entry_leaves_after_its_certificate_is_over_and_not_at_once() {
    run(async {
        let mut lab = Lab::new();
        lab.settings.look = Duration::from_millis(10);
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let id = certificate_of(&obtain(engine, &account, &["a.example.org"]).await);
        engine.revoke(id, None).await.expect("revokes");
        lab.settled().await;
        let mut number = crl_past(engine, 0).await.number;
        let not_after = engine.certificate(id).await.expect("stands").state.record.not_after;
        let mut last_listed = None;
        // CRL after CRL, until it is gone.
        for _ in 0..60 {
            lab.clock.advance(2 * DAY);
            if engine.crl(AUTHORITY).await.expect("loads").is_some_and(|crl| crl.due(engine.now())) {
                number = crl_past(engine, number).await.number;
            }
            let listing = lab.issuer.crls().pop().expect("signed");
            if listing.entries.is_empty() {
                break;
            }
            last_listed = Some(listing.this_update);
        }
        assert!(lab.issuer.crls().pop().expect("signed").entries.is_empty(), "it never left");
        assert!(last_listed.expect("listed at first") > not_after, "RFC 5280 section 3.3: once beyond its end");
        started.stop();
    });
}
