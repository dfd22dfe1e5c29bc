//! TLS with a server that nobody vouches for, and that proves possession of the key in its certificate all the same: for
//! tls-alpn-01 and for nothing else.
//!
//! webpki would do it, but refuses every certificate with a critical extension that it does not know, and that of
//! tls-alpn-01 has to have one (RFC 8737 section 3). So the key is read here, and the signature verified with it alone.

use std::sync::{Arc, LazyLock};

use der::{Decode as _, Encode as _};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, PeerMisbehaved, SignatureScheme,
};
use tokio_rustls::TlsConnector;
use webpki::RawPublicKeyEntity;
use x509_cert::certificate::{CertificateInner, Raw};

/// The protocol that is offered, alone (RFC 8737 section 4).
pub(super) const PROTOCOL: &[u8] = b"acme-tls/1";

/// Makes TLS sessions, version 1.2 or 1.3, for [`PROTOCOL`].
pub(super) fn connector() -> TlsConnector {
    static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("aws-lc-rs has cipher suites for TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Possession(provider)))
            .with_no_client_auth();
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        // A resumed session shows the certificate of an earlier attempt, for which nobody signs any more.
        config.resumption = Resumption::disabled();
        Arc::new(config)
    });
    TlsConnector::from(Arc::clone(&CONFIG))
}

/// Reads a certificate as leniently as X.509 can be read: what it has to be is not for this to say.
pub(super) fn read(certificate: &[u8]) -> der::Result<CertificateInner<Raw>> {
    CertificateInner::from_der(certificate)
}

#[derive(Debug)]
struct Possession(Arc<CryptoProvider>);

impl ServerCertVerifier for Possession {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // Judged once the handshake is over, as an answer to a challenge.
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = key(certificate)?;
        let key = RawPublicKeyEntity::try_from(&key).map_err(other)?;
        let schemes = self.0.signature_verification_algorithms.mapping;
        let (_, algorithms) = schemes
            .iter()
            .find(|(scheme, _)| *scheme == signed.scheme)
            .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        // In TLS 1.2 a scheme for ECDSA leaves the curve open.
        let proven =
            algorithms.iter().any(|algorithm| key.verify_signature(*algorithm, message, signed.signature()).is_ok());
        if proven { Ok(HandshakeSignatureValid::assertion()) } else { Err(CertificateError::BadSignature.into()) }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &key(certificate)?, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn key(certificate: &CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'static>, Error> {
    let certificate = read(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let key = certificate.tbs_certificate().subject_public_key_info().to_der().map_err(other)?;
    Ok(SubjectPublicKeyInfoDer::from(key))
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    CertificateError::Other(OtherError(Arc::new(error))).into()
}
