//! The server's own certificate: issued by itself to itself, kept in memory only, renewed by itself.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use chancery_actors::Engine;
use chancery_machine::certificate::CertificateRecord;
use chancery_machine::identifier::{Identifier, Subject};
use chancery_machine::profile::Seconds;
use chancery_machine::time::Timestamp;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tracing::{info, warn};

use crate::pki::authorities::Authorities;
use crate::pki::name::ServerName;

/// How long the certificate is valid: it is renewed long before, and nobody has to revoke one whose key died with a process.
const VALIDITY: Seconds = Seconds(7 * 86_400);

/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(60);

/// The server's certificate of the moment.
#[derive(Debug)]
pub(super) struct OwnCertificate {
    current: ArcSwap<CertifiedKey>,
}

/// Whose certificate it is.
pub(super) struct Owner {
    pub(super) engine: Engine,
    pub(super) authorities: Arc<Authorities>,
    pub(super) names: Vec<ServerName>,
}

impl OwnCertificate {
    /// Issues the first certificate; answers when it is to be renewed too.
    pub(super) async fn issue(owner: &Owner) -> anyhow::Result<(Arc<Self>, Timestamp)> {
        let (key, renew_at) = issue(owner).await?;
        Ok((Arc::new(Self { current: ArcSwap::from(key) }), renew_at))
    }

    /// Renews it for as long as the server runs.
    pub(super) async fn keep(self: Arc<Self>, owner: Owner, mut renew_at: Timestamp) {
        loop {
            tokio::time::sleep(renew_at.since(owner.engine.now()).max(Duration::from_secs(1))).await;
            match issue(&owner).await {
                Ok((key, next)) => {
                    self.current.store(key);
                    renew_at = next;
                    info!("renewed the server's own certificate");
                }
                Err(error) => {
                    warn!(
                        error = format!("{error:#}"),
                        "the server's own certificate could not be renewed; it is tried again"
                    );
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// How HTTPS is spoken, and with whom.
    pub(super) fn server_config(
        self: Arc<Self>,
        clients: Option<Arc<dyn ClientCertVerifier>>,
    ) -> anyhow::Result<rustls::ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = match clients {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        Ok(builder.with_cert_resolver(self))
    }
}

impl ResolvesServerCert for OwnCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

async fn issue(owner: &Owner) -> anyhow::Result<(Arc<CertifiedKey>, Timestamp)> {
    let now = owner.engine.now();
    // Each time anew: it may have been disabled, or be near its end.
    let authority = owner.authorities.first(now).context("there is no intermediate authority")?;
    let (authorities, names) = (Arc::clone(&owner.authorities), owner.names.clone());
    // Signing is arithmetic: not on an event loop.
    let issuing = move || authorities.server_certificate(authority, &names, VALIDITY, now);
    let issued = tokio::task::spawn_blocking(issuing).await?.context("the server's own certificate")?;
    let Some(own) = issued.chain.first() else { anyhow::bail!("the server's own certificate has no bytes") };
    let draft = &issued.draft;
    owner
        .engine
        .keep_certificate(CertificateRecord {
            order: None,
            authority,
            serial: draft.serial.clone(),
            subjects: subjects(&owner.names),
            not_before: draft.not_before,
            not_after: draft.not_after,
            issued: now,
            spki_sha256: Engine::key_digest(&draft.public_key),
            der: own.clone(),
            profiles: None,
            period: None,
        })
        .await?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(issued.key.to_vec()));
    let chain = issued.chain.into_iter().map(CertificateDer::from).collect();
    let renew_at = now.plus(draft.not_after.since(now) / 2);
    Ok((Arc::new(CertifiedKey::new(chain, any_supported_type(&key)?)), renew_at))
}

fn subjects(names: &[ServerName]) -> Vec<Subject> {
    let named = names.iter().map(|name| match name {
        ServerName::Dns(name) => Subject { identifier: Identifier::Dns(name.clone()), wildcard: false },
        ServerName::Ip(address) => Subject::address(*address),
    });
    named.collect()
}
