//! The certificate with which a perspective answers. Another one takes effect when it is in its place.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tracing::{info, warn};

use super::settings::Plan;
use crate::cli::credential::{self, Watch};

/// The certificate and its key, as the files have them.
pub(super) struct OwnCertificate {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    watch: Watch,
    current: ArcSwap<CertifiedKey>,
}

impl fmt::Debug for OwnCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnCertificate").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl OwnCertificate {
    /// Reads both.
    pub(super) fn read(plan: &Plan, provider: Arc<CryptoProvider>) -> anyhow::Result<Self> {
        let Plan { certificate, key, .. } = plan.clone();
        let watch = Watch::new([&*certificate, &*key]);
        let chain = credential::chain("certificate", &certificate)?;
        let read = credential::key("key", &key)?;
        let read = CertifiedKey::from_der(chain, read, &provider).context("certificate and key do not fit")?;
        Ok(Self { certificate, key, provider, watch, current: ArcSwap::from_pointee(read) })
    }

    /// Takes up what has been renewed. Where that is not sound, as while one file of two is written, what was there before
    /// goes on, until something changes again.
    fn renew(&self) {
        if !self.watch.changed() {
            return;
        }
        let read = || {
            credential::look_at_end("certificate", &self.certificate)?;
            let chain = credential::chain("certificate", &self.certificate)?;
            let key = credential::key("key", &self.key)?;
            CertifiedKey::from_der(chain, key, &self.provider).context("certificate and key do not fit")
        };
        match read() {
            Ok(read) => {
                self.current.store(Arc::new(read));
                info!("certificate and key were renewed: they count from now on");
            }
            Err(error) => {
                let reason = format!("{error:#}");
                warn!(reason, "certificate or key has changed and cannot be used: those before go on");
            }
        }
    }
}

impl ResolvesServerCert for OwnCertificate {
    /// A look at two files costs little beside a handshake.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.renew();
        Some(self.current.load_full())
    }
}
