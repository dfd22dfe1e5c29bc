//! Operators who come with a certificate (mutual TLS): who may issue them, and who is who.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use anyhow::{Context, bail};
use der::Decode;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::admin::operator::{Operator, Role};
use crate::admin::rest::request::CertificateOperator;
use crate::config::AdminAccess;

/// The operators who come with a certificate.
#[derive(Clone, Debug, Default)]
pub(super) struct Clients {
    /// By name.
    roles: BTreeMap<String, Role>,
    /// Who issues their certificates: nobody is asked for one without it.
    issuers: Option<Arc<RootCertStore>>,
}

impl Clients {
    /// Those of the configuration.
    pub(super) fn read(settings: &AdminAccess) -> anyhow::Result<Self> {
        let mut roles = BTreeMap::new();
        for client in &settings.clients {
            if roles.insert(client.name.clone(), client.role).is_some() {
                bail!("admin.clients: {:?} is named twice", client.name);
            }
        }
        match &settings.client_ca {
            Some(file) => Ok(Self { roles, issuers: Some(Arc::new(issuers("admin.client_ca", file)?)) }),
            None if roles.is_empty() => Ok(Self::default()),
            None => bail!("admin.clients: admin.client_ca has to say who issues their certificates"),
        }
    }

    /// Asks for a certificate, without insisting: ACME clients and bearers of tokens have none.
    pub(super) fn verifier(&self) -> anyhow::Result<Option<Arc<dyn ClientCertVerifier>>> {
        let Some(issuers) = &self.issuers else { return Ok(None) };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::clone(issuers), provider);
        Ok(Some(builder.allow_unauthenticated().build().context("admin.client_ca")?))
    }

    /// Notes who has come over this connection, for the guard of the API.
    pub(super) fn greet(&self, connection: &dyn Any, data: &mut Extensions) {
        if let Some(operator) = presented(connection).and_then(|der| self.operator(der)) {
            data.insert(CertificateOperator(operator));
        }
    }

    /// Whoever this certificate names: the first of its names that is one of theirs.
    fn operator(&self, der: &[u8]) -> Option<Operator> {
        names_of(der).into_iter().find_map(|name| {
            let role = *self.roles.get(&name)?;
            Some(Operator { who: format!("certificate:{name}"), role })
        })
    }
}

/// The certificate that a connection came with, which was verified in the handshake.
pub(super) fn presented(connection: &dyn Any) -> Option<&CertificateDer<'static>> {
    let stream = connection.downcast_ref::<TlsStream<TcpStream>>()?;
    stream.get_ref().1.peer_certificates().and_then(<[_]>::first)
}

/// The names of a certificate; none if it cannot be read.
pub(super) fn names_of(der: &[u8]) -> Vec<String> {
    Certificate::from_der(der).map(|certificate| names(&certificate)).unwrap_or_default()
}

/// The DNS names, mail addresses and URIs of subjectAltName; the common name where there is no such extension at all
/// (RFC 6125 section 6.4.4).
fn names(certificate: &Certificate) -> Vec<String> {
    let certificate = certificate.tbs_certificate();
    let alternative = certificate.get_extension::<SubjectAltName>();
    match alternative {
        Ok(Some((_, SubjectAltName(names)))) => names.iter().filter_map(name).collect(),
        Ok(None) => {
            let name = certificate.subject().common_name().ok().flatten();
            name.map(|name| name.value().into_owned()).into_iter().collect()
        }
        // What cannot be read names nobody.
        Err(_) => Vec::new(),
    }
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::Rfc822Name(text) | GeneralName::DnsName(text) | GeneralName::UniformResourceIdentifier(text) => {
            Some(text.to_string())
        }
        GeneralName::OtherName(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::IpAddress(_)
        | GeneralName::RegisteredId(_) => None,
    }
}

/// The issuers in this file, which that setting names.
pub(super) fn issuers(setting: &str, file: &Path) -> anyhow::Result<RootCertStore> {
    let reading = || format!("{setting}: {}", file.display());
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).with_context(reading)? {
        store.add(certificate.with_context(reading)?).with_context(reading)?;
    }
    if store.is_empty() {
        bail!("{}: there is no certificate in it", reading());
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn clients(names: &[(&str, Role)]) -> Clients {
        Clients { roles: names.iter().map(|(name, role)| ((*name).to_owned(), *role)).collect(), issuers: None }
    }

    fn certificate(common_name: &str, alternative: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.subject_alt_names = alternative;
        let key = KeyPair::generate().expect("a key is made");
        params.self_signed(&key).expect("it is signed").der().to_vec()
    }

    #[test]
    fn a_certificate_is_known_by_its_names() {
        let clients = clients(&[
            ("ops.corp.example", Role::Operator),
            ("ada@corp.example", Role::Administrator),
            ("spiffe://corp/audit", Role::Auditor),
            ("Ada", Role::Auditor),
        ]);
        let text = |text: &str| text.try_into().expect("ASCII");
        for (der, who) in [
            (certificate("x", vec![SanType::DnsName(text("ops.corp.example"))]), Some("certificate:ops.corp.example")),
            (
                certificate("x", vec![SanType::Rfc822Name(text("ada@corp.example"))]),
                Some("certificate:ada@corp.example"),
            ),
            (
                certificate("x", vec![SanType::URI(text("spiffe://corp/audit"))]),
                Some("certificate:spiffe://corp/audit"),
            ),
            (certificate("Ada", Vec::new()), Some("certificate:Ada")),
            // The common name counts for nothing beside other names, and nothing is compared but exactly.
            (certificate("Ada", vec![SanType::DnsName(text("other.example"))]), None),
            (certificate("ada", Vec::new()), None),
            (certificate("x", vec![SanType::DnsName(text("OPS.corp.example"))]), None),
        ] {
            assert_eq!(clients.operator(&der).map(|operator| operator.who).as_deref(), who);
        }
        assert_eq!(clients.operator(b"no certificate"), None);
    }
}
