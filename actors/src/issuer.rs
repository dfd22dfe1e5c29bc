//! The issuer: a pool of threads that draft and sign, so that no event loop waits for arithmetic or for a device.

use std::sync::Arc;

use actix::prelude::*;
use tokio::sync::Semaphore;

use crate::ports::{CrlRequest, Draft, DraftError, DraftRequest, Issue, SignError};

/// How many requests may be with the pool; a request past that waits for its place.
const REQUESTS: usize = 1024;

/// A handle on the issuer's pool.
#[derive(Clone)]
pub(crate) struct Issuer {
    pool: Addr<Worker>,
    places: Arc<Semaphore>,
}

/// The pool is gone: the server is stopping.
#[derive(Debug)]
pub(crate) struct Stopped;

impl Issuer {
    /// Starts a pool of so many threads; needs a running actix system.
    pub(crate) fn start(port: &Arc<dyn Issue>, threads: usize) -> Self {
        let port = Arc::clone(port);
        let pool = SyncArbiter::start(threads, move || Worker { port: Arc::clone(&port) });
        Self { pool, places: Arc::new(Semaphore::new(REQUESTS)) }
    }

    pub(crate) async fn draft(&self, request: DraftRequest) -> Result<Result<Draft, DraftError>, Stopped> {
        self.ask(Drafting(request)).await
    }

    pub(crate) async fn sign(&self, draft: Draft) -> Result<Result<Vec<u8>, SignError>, Stopped> {
        self.ask(Signing(draft)).await
    }

    pub(crate) async fn crl(&self, request: CrlRequest) -> Result<Result<Vec<u8>, SignError>, Stopped> {
        self.ask(Listing(request)).await
    }

    async fn ask<Q>(&self, question: Q) -> Result<Q::Result, Stopped>
    where
        Q: Message<Result: Send> + Send + 'static,
        Worker: Handler<Q>,
    {
        let _place = self.places.acquire().await.map_err(|_| Stopped)?;
        self.pool.send(question).await.map_err(|_| Stopped)
    }
}

/// One thread of the pool.
pub(crate) struct Worker {
    port: Arc<dyn Issue>,
}

impl Actor for Worker {
    type Context = SyncContext<Self>;
}

pub(crate) struct Drafting(DraftRequest);
pub(crate) struct Signing(Draft);
pub(crate) struct Listing(CrlRequest);

impl Message for Drafting {
    type Result = Result<Draft, DraftError>;
}

impl Message for Signing {
    type Result = Result<Vec<u8>, SignError>;
}

impl Message for Listing {
    type Result = Result<Vec<u8>, SignError>;
}

impl Handler<Drafting> for Worker {
    type Result = Result<Draft, DraftError>;

    fn handle(&mut self, Drafting(request): Drafting, _: &mut Self::Context) -> Self::Result {
        guarded(|| self.port.draft(&request)).unwrap_or_else(|| Err(DraftError::Refused(PANICKED.into())))
    }
}

impl Handler<Signing> for Worker {
    type Result = Result<Vec<u8>, SignError>;

    fn handle(&mut self, Signing(draft): Signing, _: &mut Self::Context) -> Self::Result {
        guarded(|| self.port.sign(&draft)).unwrap_or_else(|| Err(SignError::Unavailable(PANICKED.into())))
    }
}

impl Handler<Listing> for Worker {
    type Result = Result<Vec<u8>, SignError>;

    fn handle(&mut self, Listing(request): Listing, _: &mut Self::Context) -> Self::Result {
        guarded(|| self.port.crl(&request)).unwrap_or_else(|| Err(SignError::Unavailable(PANICKED.into())))
    }
}

const PANICKED: &str = "the issuer panicked; the log says where";

/// A pool does not replace a thread that panicked, and what a client sends is parsed here: so a panic ends the request
/// and nothing else.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok()
}
