//! Fault pairs: every commit of a client's whole way fails once and was not done, and once and was done. The client tries
//! again, as clients do, and everything ends as if nothing had been.

use std::sync::Arc;
use std::thread;

use chancery_actors::Engine;
use chancery_actors::error::TurnError;
use chancery_machine::account::{AccountEvent, AccountStatus};
use chancery_machine::certificate::CertificateStatus;
use chancery_machine::id::{AccountId, CertificateId, OrderId};
use chancery_machine::order::OrderStatus;

use super::lab::{Lab, PATIENCE, csr, new_account, new_order, pair, passing, run, until};
use super::store::Fault;

/// How many ways are gone at once.
const LANES: usize = 8;

/// A client and how far it came. It tries each step until it is answered, and stops when the server is gone.
#[derive(Default)]
pub(crate) struct Client {
    account: Option<AccountId>,
    order: Option<OrderId>,
    abandoned: Option<OrderId>,
    certificate: Option<CertificateId>,
}

/// The server is gone.
#[derive(Debug)]
pub(crate) struct Gone;

impl Client {
    /// Goes on from where it stands: a certificate for two names, its revocation, and an account that is closed with an
    /// order still open.
    pub(crate) async fn walk(&mut self, lab: &Lab, engine: &Engine) -> Result<(), Gone> {
        if lab.store.dead() {
            // Before anybody could say which profiles there are.
            return Err(Gone);
        }
        let account =
            persist(lab, "the account", async || match engine.create_account(new_account(1), &pair(engine)).await {
                Ok((account, _)) => Some(account),
                Err(error) => passes(&error),
            })
            .await?;
        if account.state.status() != AccountStatus::Valid {
            return Ok(());
        }
        self.account = Some(AccountId(account.id));
        self.order = Some(self.place(lab, engine, self.order, &["a.example.org", "b.example.org"]).await?);
        self.finish(lab, engine).await?;
        self.revoke(lab, engine).await?;
        let abandoned = self.place(lab, engine, self.abandoned, &["c.example.org"]).await?;
        self.abandoned = Some(abandoned);
        persist(lab, "deactivation", async || {
            match engine.change_account(AccountId(account.id), AccountEvent::Deactivated).await {
                Ok(_) | Err(TurnError::Rejected(_)) => Some(()),
                Err(error) => passes(&error),
            }
        })
        .await
    }

    async fn place(
        &self,
        lab: &Lab,
        engine: &Engine,
        placed: Option<OrderId>,
        names: &[&str],
    ) -> Result<OrderId, Gone> {
        if let Some(placed) = placed {
            return Ok(placed);
        }
        let id = self.account.expect("registered");
        persist(lab, "the order", async || {
            let account = engine.account(id).await.ok()?;
            match engine.place_order(&account, &pair(engine), new_order(names)).await {
                Ok(order) => Some(OrderId(order.id)),
                Err(error) => {
                    assert!(passing(&error), "{error}");
                    None
                }
            }
        })
        .await
    }

    async fn finish(&mut self, lab: &Lab, engine: &Engine) -> Result<(), Gone> {
        let id = self.order.expect("placed");
        let placed = persist(lab, "the order", async || engine.order(id).await.ok()).await?;
        if placed.state.status(engine.now()) == OrderStatus::Pending {
            for authorization in &placed.state.terms.authorizations {
                persist(lab, "the response", async || match engine.respond(*authorization, 0, &[]).await {
                    Ok(_) => Some(()),
                    Err(error) => passes(&error),
                })
                .await?;
            }
        }
        let valid = persist(lab, "the certificate", async || {
            let order = engine.order(id).await.ok()?;
            match order.state.status(engine.now()) {
                OrderStatus::Ready => {
                    // Whatever is answered, the order says how it stands.
                    let _ = engine.finalize(&order, csr(&order), &[], PATIENCE).await;
                    None
                }
                OrderStatus::Pending | OrderStatus::Processing => None,
                OrderStatus::Valid => Some(order),
                OrderStatus::Invalid | OrderStatus::Canceled => panic!("the order failed: {order:?}"),
            }
        })
        .await?;
        self.certificate = valid.state.certificate();
        Ok(())
    }

    async fn revoke(&self, lab: &Lab, engine: &Engine) -> Result<(), Gone> {
        let id = self.certificate.expect("issued");
        persist(lab, "the revocation", async || match engine.revoke(id, None).await {
            Ok(_) | Err(TurnError::Rejected(_)) => Some(()),
            Err(error) => passes(&error),
        })
        .await
    }

    /// What must be true once it came to its end.
    pub(crate) async fn check(&self, lab: &Lab, engine: &Engine) {
        lab.books_balance(engine).await;
        let certificates = lab.certificates(engine).await;
        assert_eq!(certificates.len(), 1);
        assert_eq!(certificates[0].state.status(engine.now()), CertificateStatus::Revoked);
        let mut signed = lab.issuer.signed();
        signed.dedup();
        assert_eq!(signed.len(), 1, "two different certificates were signed");
        let abandoned = engine.order(self.abandoned.expect("placed")).await.expect("stands");
        assert_eq!(abandoned.state.status(engine.now()), OrderStatus::Invalid);
        let crl = engine.crl(super::doubles::AUTHORITY).await.expect("loads").expect("was made");
        let request = lab.issuer.crls().into_iter().rfind(|request| request.number == crl.number).expect("signed");
        assert_eq!(request.entries.len(), 1, "the stored CRL lists the certificate");
    }
}

/// Tries until it is answered, or the server is gone.
async fn persist<T>(lab: &Lab, what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> Result<T, Gone> {
    until(what, async || match attempt().await {
        Some(done) => Some(Ok(done)),
        None => lab.store.dead().then_some(Err(Gone)),
    })
    .await
}

fn passes<T>(error: &TurnError) -> Option<T> {
    assert!(matches!(error, TurnError::Unavailable(_)), "{error}");
    None
}

/// Does it for each commit in turn, several at once, until a way needs fewer commits than that.
pub(crate) fn for_each_commit(test: impl Fn(usize) -> bool + Send + Sync + 'static) -> usize {
    let test = Arc::new(test);
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let test = Arc::clone(&test);
            thread::spawn(move || (lane..).step_by(LANES).take_while(|commit| test(*commit)).count())
        })
        .collect();
    lanes.into_iter().map(|lane| lane.join().expect("no commit is special")).sum()
}

fn with_fault(commit: usize, fault: Fault) -> bool {
    run(async {
        let lab = Lab::new();
        lab.store.fail(commit, fault);
        let started = lab.start().await;
        let mut client = Client::default();
        client.walk(&lab, &started.engine).await.expect("the server stays");
        client.check(&lab, &started.engine).await;
        started.stop();
        lab.store.failed()
    })
}

#[test]
fn every_commit_may_be_lost() {
    let commits = for_each_commit(|commit| with_fault(commit, Fault::Lost));
    assert!(commits >= 18, "only {commits} commits were tried");
}

#[test]
fn every_commit_may_land_unheard() {
    let commits = for_each_commit(|commit| with_fault(commit, Fault::Landed));
    assert!(commits >= 18, "only {commits} commits were tried");
}

#[test]
fn the_store_may_panic_at_every_commit() {
    let commits = for_each_commit(|commit| with_fault(commit, Fault::Panicked));
    assert!(commits >= 18, "only {commits} commits were tried");
}
