//! A small authority for machines of one's own that know each other by certificates (mutual TLS): its key lies in a file,
//! it signs a handful of certificates in its life, and no client of the server ever trusts it.

use chancery_machine::profile::Seconds;
use chancery_machine::time::Timestamp;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;
use der::Encode;
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::name::Name;
use zeroize::Zeroizing;

use super::authority::{OpenError, issuer};
use super::certificate::{Issuer, Linted, Plan, Role, serial};
use super::contents::Contents;
use super::hierarchy::{HierarchyError, RootKey, RootPlan, begin, end, random};
use super::key::{IssuerKey, KeyAlgorithm};
use super::lint::Wanted;
use super::name::{AuthorityName, ServerName};
use super::public_key::PublicKey;

/// For clocks that are behind.
const BACKDATE: Seconds = Seconds(3600);

/// An authority whose key is open.
pub struct PrivateAuthority {
    issuer: Issuer,
    key: IssuerKey,
    certificate: Vec<u8>,
}

/// On which side of a connection a certificate is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// By who is connected to.
    Server,
    /// By who connects.
    Client,
}

/// A certificate and its key.
pub struct Credential {
    /// DER.
    pub certificate: Vec<u8>,
    /// PKCS #8, DER.
    pub key: Zeroizing<Vec<u8>>,
    /// When the certificate ends.
    pub not_after: Timestamp,
}

impl PrivateAuthority {
    /// Makes one with a new P-256 key.
    ///
    /// # Errors
    /// [`HierarchyError`].
    pub fn make(name: &AuthorityName, validity: Seconds, now: Timestamp) -> Result<Self, HierarchyError> {
        let plan = RootPlan {
            algorithm: KeyAlgorithm::P256,
            name,
            validity,
            backdate: BACKDATE,
            crl_url: None,
            certificate_url: None,
        };
        let RootKey { issuer, key, certificate } = plan.make(now)?;
        Ok(Self { issuer, key, certificate })
    }

    /// Takes up one that was made before.
    ///
    /// # Errors
    /// [`OpenError`] if the two do not belong together.
    pub fn open(certificate: Vec<u8>, key: IssuerKey) -> Result<Self, OpenError> {
        Ok(Self { issuer: issuer(&certificate, &key, None)?, key, certificate })
    }

    /// Its certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Its key, PKCS #8 DER.
    ///
    /// # Errors
    /// [`HierarchyError::Key`].
    pub fn key(&self) -> Result<Zeroizing<Vec<u8>>, HierarchyError> {
        Ok(self.key.to_pkcs8()?)
    }

    /// Issues a certificate for these names, with a new P-256 key; it ends with the authority at the latest.
    ///
    /// # Errors
    /// [`HierarchyError`].
    pub fn issue(
        &self,
        names: &[ServerName],
        side: Side,
        validity: Seconds,
        now: Timestamp,
    ) -> Result<Credential, HierarchyError> {
        let key = IssuerKey::generate(KeyAlgorithm::P256)?;
        let spki = key.public_key()?;
        let not_before = begin(now, BACKDATE).max(self.issuer.not_before);
        let not_after = end(now, validity).min(self.issuer.not_after);
        let contents = Contents {
            subject: Name::default(),
            usages: KeyUsages::DigitalSignature.into(),
            purposes: vec![purpose(side)],
            policies: Vec::new(),
            crl_url: None,
            ca_issuers_url: None,
            ocsp_url: None,
        };
        let plan = Plan {
            role: Role::EndEntity,
            issuer: &self.issuer,
            serial: serial(random()?),
            not_before,
            not_after: Timestamp::from_seconds(not_after.seconds()),
            key: &PublicKey::parse(&spki)?,
            spki: &spki,
            names: names.iter().map(ServerName::general).collect::<Result<_, _>>()?,
            contents: &contents,
        };
        let wanted = Wanted {
            issuer: plan.issuer,
            role: plan.role,
            serial: &plan.serial,
            not_before,
            not_after: plan.not_after,
            public_key: plan.spki,
            names: Some(&plan.names),
            wildcards: false,
            longest: None,
            keys: None,
            contents: Some(&contents),
        };
        let linted = Linted::check(&plan.tbs()?.to_der()?, &wanted)?;
        let certificate = linted.sign(&self.key)?.into_der();
        Ok(Credential { certificate, key: key.to_pkcs8()?, not_after: plan.not_after })
    }
}

const fn purpose(side: Side) -> ObjectIdentifier {
    match side {
        Side::Server => rfc5280::ID_KP_SERVER_AUTH,
        Side::Client => rfc5280::ID_KP_CLIENT_AUTH,
    }
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::{CertificateDer, ServerName as Host, UnixTime};
    use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const DAY: u64 = 86_400;

    /// Judged by another implementation.
    fn accepted(authority: &PrivateAuthority, credential: &Credential, usage: KeyUsage, host: &str, at: u64) -> bool {
        let root = CertificateDer::from(authority.certificate());
        let anchors = [anchor_from_trusted_cert(&root).expect("an anchor")];
        let der = CertificateDer::from(credential.certificate.as_slice());
        let certificate = EndEntityCert::try_from(&der).expect("a certificate");
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOW.seconds() + at));
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        certificate.verify_for_usage(algorithms, &anchors, &[], time, usage, None, None).is_ok()
            && certificate.verify_is_valid_for_subject_name(&Host::try_from(host).expect("a host")).is_ok()
    }

    #[test]
    fn each_side_has_a_certificate_that_only_that_side_can_show() {
        let name = AuthorityName::new(None, "Perspectives").expect("a name");
        let made = PrivateAuthority::make(&name, Seconds(100 * DAY), NOW).expect("it is made");
        let key = IssuerKey::from_pkcs8(&made.key().expect("it encodes")).expect("it is read");
        let authority = PrivateAuthority::open(made.certificate().to_vec(), key).expect("they belong together");
        let names = |names: &[&str]| names.iter().filter_map(|name| ServerName::parse(name)).collect::<Vec<_>>();
        let issue = |texts: &[&str], side, days| {
            authority.issue(&names(texts), side, Seconds(days * DAY), NOW).expect("it is issued")
        };
        let server = issue(&["north.example", "192.0.2.1"], Side::Server, 10);
        let client = issue(&["chancery-server"], Side::Client, 1000);
        let (as_server, as_client) = (KeyUsage::server_auth, KeyUsage::client_auth);
        for (credential, usage, host, at, expected) in [
            (&server, as_server(), "north.example", 0, true),
            (&server, as_server(), "192.0.2.1", 0, true),
            (&server, as_server(), "south.example", 0, false),
            (&server, as_server(), "north.example", 11 * DAY, false),
            (&server, as_client(), "north.example", 0, false),
            (&client, as_client(), "chancery-server", 0, true),
            (&client, as_server(), "chancery-server", 0, false),
            // No longer than the authority itself.
            (&client, as_client(), "chancery-server", 101 * DAY, false),
        ] {
            assert_eq!(accepted(&made, credential, usage, host, at), expected, "{host} {at}");
        }
    }

    #[test]
    fn a_key_of_another_authority_is_noticed() {
        let name = AuthorityName::new(None, "Perspectives").expect("a name");
        let make = || PrivateAuthority::make(&name, Seconds(DAY), NOW).expect("it is made");
        let (one, other) = (make(), make());
        let opened = PrivateAuthority::open(one.certificate().to_vec(), other.key);
        assert!(matches!(opened.map(|_| ()), Err(OpenError::Mismatch)));
    }
}
