//! A TLS server that answers tls-alpn-01 (RFC 8737) exactly as a test wants it, right or wrong.

#![allow(dead_code, reason = "each test target uses its part")]

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, Issuer, KeyPair, SanType, SignatureAlgorithm,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// `acme-tls/1` in the octets of the registry (RFC 8737 section 6.2).
pub(crate) const ACME_TLS: &[u8] = &[0x61, 0x63, 0x6d, 0x65, 0x2d, 0x74, 0x6c, 0x73, 0x2f, 0x31];

/// id-pe 31 (RFC 8737 section 6.1).
pub(crate) const ACME_IDENTIFIER: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 31];

/// What a client has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) server_name: Option<String>,
    pub(crate) protocols: Vec<Vec<u8>>,
    /// What came after the handshake: `None` until the connection is over or where there was none.
    pub(crate) after: Option<Result<usize, std::io::ErrorKind>>,
}

/// What a certificate of a responder has in it. Starts as RFC 8737 section 3 wants it.
pub(crate) struct Answer {
    pub(crate) names: Vec<SanType>,
    /// The extension's value and whether it is critical; none if `None`.
    pub(crate) identifier: Option<(Vec<u8>, bool)>,
    pub(crate) more: Vec<CustomExtension>,
    pub(crate) algorithm: &'static SignatureAlgorithm,
}

impl Answer {
    /// The certificate for this key authorization.
    pub(crate) fn new(name: SanType, key_authorization: &str) -> Self {
        let digest = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, key_authorization.as_bytes());
        // OCTET STRING (SIZE (32)).
        let value = [&[0x04, 0x20], digest.as_ref()].concat();
        Self {
            names: vec![name],
            identifier: Some((value, true)),
            more: Vec::new(),
            algorithm: &rcgen::PKCS_ECDSA_P256_SHA256,
        }
    }

    /// The certificate, signed by its own key.
    pub(crate) fn self_signed(&self) -> Shown {
        let key = KeyPair::generate_for(self.algorithm).expect("a key is made");
        let certificate = self.params().self_signed(&key).expect("a certificate is made");
        Shown { chain: vec![certificate.der().clone()], key }
    }

    /// The certificate, signed by an authority that comes with it.
    pub(crate) fn issued(&self) -> Shown {
        let (authority_key, key) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
        let mut authority = CertificateParams::default();
        authority.distinguished_name = named("authority");
        let issuer = authority.self_signed(&authority_key).expect("a certificate is made");
        let certificate =
            self.params().signed_by(&key, &Issuer::new(authority, authority_key)).expect("a certificate is made");
        Shown { chain: vec![certificate.der().clone(), issuer.der().clone()], key }
    }

    /// The certificate, signed by its own key in another's name.
    pub(crate) fn misnamed(&self) -> Shown {
        let key = KeyPair::generate().expect("a key");
        let mut other = CertificateParams::default();
        other.distinguished_name = named("other");
        let certificate = self.params().signed_by(&key, &Issuer::new(other, &key)).expect("a certificate is made");
        Shown { chain: vec![certificate.der().clone()], key }
    }

    /// The certificate, signed by another key in the name of itself.
    pub(crate) fn forged(&self) -> Shown {
        let (other, key) = (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
        let certificate =
            self.params().signed_by(&key, &Issuer::new(self.params(), other)).expect("a certificate is made");
        Shown { chain: vec![certificate.der().clone()], key }
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = named("challenge");
        params.subject_alt_names = self.names.clone();
        params.custom_extensions = self.more.clone();
        if let Some((value, critical)) = &self.identifier {
            let mut extension = CustomExtension::from_oid_content(ACME_IDENTIFIER, value.clone());
            extension.set_criticality(*critical);
            params.custom_extensions.push(extension);
        }
        params
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// What a server shows, and what it signs with.
pub(crate) struct Shown {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: KeyPair,
}

/// Which protocols a server knows, and which versions of TLS it speaks.
#[derive(Clone)]
pub(crate) struct Manner {
    pub(crate) protocols: Vec<Vec<u8>>,
    pub(crate) versions: Vec<&'static SupportedProtocolVersion>,
}

impl Default for Manner {
    fn default() -> Self {
        Self { protocols: vec![ACME_TLS.to_vec()], versions: rustls::ALL_VERSIONS.to_vec() }
    }
}

/// The running server; it ends when this is dropped.
pub(crate) struct Responder {
    address: SocketAddr,
    resolver: Arc<Resolver>,
    task: JoinHandle<()>,
}

/// rustls would refuse such certificates, had it to load them itself.
struct Resolver {
    shown: Mutex<Arc<CertifiedKey>>,
    hellos: Mutex<Vec<Hello>>,
}

impl Responder {
    /// A server on 127.0.0.1 that shows this.
    pub(crate) async fn start(shown: Shown) -> Self {
        Self::start_at("127.0.0.1:0", shown, Manner::default()).await
    }

    /// A server in this place and of this manner.
    pub(crate) async fn start_at(place: &str, shown: Shown, manner: Manner) -> Self {
        let listener = TcpListener::bind(place).await.expect("a free TCP port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let resolver = Arc::new(Resolver { shown: Mutex::new(certified(&shown)), hellos: Mutex::default() });
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&manner.versions)
            .expect("protocol versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&resolver) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = manner.protocols;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let seen = Arc::clone(&resolver);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    let before = seen.hellos().len();
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        let after = stream.read(&mut [0; 64]).await.map_err(|error| error.kind());
                        if let Some(hello) = seen.hellos().get_mut(before) {
                            hello.after = Some(after);
                        }
                    }
                });
            }
        });
        Self { address, resolver, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on, this is shown.
    pub(crate) fn show(&self, shown: &Shown) {
        *self.resolver.shown.lock().unwrap_or_else(PoisonError::into_inner) = certified(shown);
    }

    /// What clients have sent so far.
    pub(crate) fn hellos(&self) -> Vec<Hello> {
        self.resolver.hellos().clone()
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn certified(shown: &Shown) -> Arc<CertifiedKey> {
    let key = PrivateKeyDer::Pkcs8(shown.key.serialize_der().into());
    let key = aws_lc_rs::sign::any_supported_type(&key).expect("a key that signs");
    // Unlike a loader of files, this takes whatever certificate there is, and a key that is not its own.
    Arc::new(CertifiedKey::new(shown.chain.clone(), key))
}

impl Resolver {
    fn hellos(&self) -> std::sync::MutexGuard<'_, Vec<Hello>> {
        self.hellos.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.hellos().push(Hello {
            server_name: hello.server_name().map(str::to_owned),
            protocols: hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect(),
            after: None,
        });
        Some(Arc::clone(&self.shown.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
