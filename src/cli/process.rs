//! The process that serves: how many connections it may have, and what ends it.

use actix_web::dev::ServerHandle;
use futures::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

/// As many connections as there are file descriptors for, with enough left over for the store, for validation and for the
/// logs: a client that opens connections without end must not keep the server from its own files.
pub(super) fn connections_per_worker() -> usize {
    let limit = getrlimit(Resource::Nofile);
    // The soft limit is for programs that use select(); we may have what the hard one allows.
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let granted = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    let descriptors = usize::try_from(granted.unwrap_or(1 << 20)).unwrap_or(1 << 20).min(1 << 20);
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    // One worker more for plain HTTP, and half of everything for ourselves.
    (descriptors / 2 / (workers + 1)).clamp(1, 25_000)
}

/// The signals that end the server.
pub(super) struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Stop {
    /// Begins to listen for them: whichever comes from now on is not lost.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one, and ends these servers: requests under way have their time.
    pub(super) async fn wait(&mut self, servers: &[ServerHandle]) {
        tokio::select! {
            _ = self.terminate.recv() => info!("SIGTERM: stopping"),
            _ = self.interrupt.recv() => info!("SIGINT: stopping"),
        }
        join_all(servers.iter().map(|server| server.stop(true))).await;
    }
}
