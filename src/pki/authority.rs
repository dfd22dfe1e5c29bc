//! Authorities: an issuer key with its certificates, as the store keeps them and as they are opened for work.

use std::sync::Arc;

use aws_lc_rs::digest;
use chancery_machine::id::AuthorityId;
use chancery_machine::profile::Seconds;
use chancery_machine::time::Timestamp;
use const_oid::AssociatedOid;
use der::asn1::BitString;
use der::pem::LineEnding;
use der::{Decode, Encode, Sequence};
use minicbor::bytes::ByteVec;
use minicbor::{Decode as CborDecode, Decoder, Encode as CborEncode};
use secrecy::SecretString;
use spki::AlgorithmIdentifierOwned;
use thiserror::Error;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, BasicConstraints, CrlDistributionPoints, SubjectKeyIdentifier};

use super::certificate::{Issuer, Linted, Plan, Role, Tbs, key_identifier, last_moment, serial, timestamp};
use super::contents::Contents;
use super::key::{IssuerKey, KeyAlgorithm, KeyError};
use super::lint::{Findings, Wanted};
use super::name::{AuthorityName, Publication};
use super::public_key::{KeyFault, KeyKind, PublicKey};
use super::sealed::{SealCost, SealError, SealedKey, UnsealError};

/// The format of [`Authority::to_bytes`]. Older ones stay readable.
const FORMAT: u8 = 1;

/// What an authority signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, CborEncode, CborDecode)]
#[cbor(index_only)]
pub enum AuthorityKind {
    /// A trust anchor: signs intermediates, and the CRL of them.
    #[n(0)]
    Root,
    /// Signs the certificates of servers.
    #[n(1)]
    Intermediate,
}

/// An authority as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, CborEncode, CborDecode)]
pub struct Authority {
    /// Names it.
    #[n(0)]
    pub id: AuthorityId,
    /// What it signs.
    #[n(1)]
    pub kind: AuthorityKind,
    /// Its common name, for people.
    #[n(2)]
    pub name: String,
    /// Its key, under a passphrase.
    #[n(3)]
    pub key: SealedKey,
    /// Its certificate, DER.
    #[n(4)]
    certificate: ByteVec,
    /// The certificates above it, the nearest first, the root last, DER.
    #[n(5)]
    above: Vec<ByteVec>,
    /// When it was made.
    #[n(6)]
    pub made: Timestamp,
    /// Since when it issues nothing.
    #[n(7)]
    pub disabled: Option<Timestamp>,
}

/// What an authority's certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Its subject (RFC 4514).
    pub subject: String,
    /// Its serial number, big-endian.
    pub serial: Vec<u8>,
    /// When its life begins.
    pub not_before: Timestamp,
    /// When its life ends.
    pub not_after: Timestamp,
    /// The kind of its key, as in `p384` and `rsa3072`.
    pub algorithm: String,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
}

/// Why a snapshot is no authority.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AuthorityFormatError {
    /// It was written by a later version of this program.
    #[error("the authority is stored in format {0}, and this version reads up to {FORMAT}; run a newer version")]
    Newer(u8),
    /// It does not decode.
    #[error("the stored authority cannot be read: {0}")]
    Damaged(String),
}

/// Why an authority was not opened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// Its key was not unsealed.
    #[error(transparent)]
    Unseal(#[from] UnsealError),
    /// Its key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its certificate cannot be read.
    #[error("the authority's certificate cannot be read: {0}")]
    Certificate(String),
    /// Its certificate is for another key.
    #[error("the authority's certificate is for another key than the sealed one; restore the authority from a backup")]
    Mismatch,
}

impl Authority {
    /// Its certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The certificate of the root above it, or its own if it is one, DER.
    #[must_use]
    pub fn root_certificate(&self) -> &[u8] {
        self.above.last().unwrap_or(&self.certificate)
    }

    /// What its certificate says.
    ///
    /// # Errors
    /// [`OpenError::Certificate`].
    pub fn describe(&self) -> Result<Description, OpenError> {
        let read = |error: der::Error| OpenError::Certificate(error.to_string());
        let tbs = Certificate::from_der(&self.certificate).map_err(read)?.tbs;
        let spki = tbs.public_key.to_der().map_err(read)?;
        let key = PublicKey::parse(&spki).map_err(|fault| OpenError::Certificate(fault.to_string()))?;
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest::digest(&digest::SHA256, &self.certificate).as_ref());
        Ok(Description {
            subject: tbs.subject.to_string(),
            serial: tbs.serial_number.as_bytes().to_vec(),
            not_before: timestamp(tbs.validity.not_before),
            not_after: timestamp(tbs.validity.not_after),
            algorithm: match key.kind() {
                KeyKind::P256 => "p256".to_owned(),
                KeyKind::P384 => "p384".to_owned(),
                KeyKind::P521 => "p521".to_owned(),
                KeyKind::Ed25519 => "ed25519".to_owned(),
                KeyKind::Rsa(bits) => format!("rsa{bits}"),
            },
            fingerprint,
        })
    }

    /// The snapshot: a CBOR array of the format and the record.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        minicbor::to_vec((FORMAT, self)).expect("a vector takes every byte, and no encoder here fails")
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    /// [`AuthorityFormatError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AuthorityFormatError> {
        let damaged = |error: minicbor::decode::Error| AuthorityFormatError::Damaged(error.to_string());
        let mut decoder = Decoder::new(bytes);
        if decoder.array().map_err(damaged)? != Some(2) {
            return Err(AuthorityFormatError::Damaged("expected an array of format and record".to_owned()));
        }
        match decoder.u8().map_err(damaged)? {
            FORMAT => decoder.decode().map_err(damaged),
            other => Err(AuthorityFormatError::Newer(other)),
        }
    }

    /// Unseals the key and reads the certificate. Takes as long as the sealing cost says.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong.
    pub fn open(&self, passphrase: &SecretString, publication: Option<&Publication>) -> Result<Opened, OpenError> {
        Opened::new(self, self.key.unseal(passphrase)?, publication)
    }

    /// This intermediate with a certificate by `root` that says where the root publishes now; `None` if the one that it has
    /// says so already. Name, key and lifetime stay, so what it has signed goes on to verify.
    ///
    /// # Errors
    /// [`HierarchyError`].
    pub fn republished(&self, root: &Opened) -> Result<Option<Self>, HierarchyError> {
        let tbs = Certificate::from_der(&self.certificate)?.tbs;
        let spki = tbs.public_key.to_der()?;
        let key = PublicKey::parse(&spki)?;
        let contents = Contents::authority(tbs.subject.clone(), Role::Intermediate, root.issuer());
        let plan = |serial| Plan {
            role: Role::Intermediate,
            issuer: root.issuer(),
            serial,
            not_before: timestamp(tbs.validity.not_before),
            not_after: timestamp(tbs.validity.not_after),
            key: &key,
            spki: &spki,
            names: Vec::new(),
            contents: &contents,
        };
        // Only these: a later build may say other things of a new intermediate, and has no business with an old one.
        let places = |tbs: &Tbs| -> Vec<Extension> {
            let all = tbs.extensions.iter().flatten();
            let places = [CrlDistributionPoints::OID, AuthorityInfoAccessSyntax::OID];
            all.filter(|extension| places.contains(&extension.extn_id)).cloned().collect()
        };
        if places(&plan(tbs.serial_number.as_bytes().to_vec()).tbs()?) == places(&tbs) {
            return Ok(None);
        }
        let certificate = certify(&plan(serial(random()?)), root.key())?.into();
        Ok(Some(Self { certificate, ..self.clone() }))
    }
}

/// An authority that can sign.
#[derive(Clone, Debug)]
pub struct Opened {
    id: AuthorityId,
    kind: AuthorityKind,
    name: String,
    disabled: Option<Timestamp>,
    key: Arc<IssuerKey>,
    issuer: Issuer,
    certificate: Vec<u8>,
    chain: Vec<Vec<u8>>,
    root: Vec<u8>,
}

impl Opened {
    /// Names it.
    #[must_use]
    pub const fn id(&self) -> AuthorityId {
        self.id
    }

    /// What it signs.
    #[must_use]
    pub const fn kind(&self) -> AuthorityKind {
        self.kind
    }

    /// Its common name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it issues: signing what was drafted before, and CRLs, goes on without.
    #[must_use]
    pub const fn enabled(&self) -> bool {
        self.disabled.is_none()
    }

    /// The same as the record has it now; `None` if only opening that would do, as it has another certificate.
    pub(super) fn updated(&self, record: &Authority) -> Option<Self> {
        let same = self.id == record.id && self.certificate == *record.certificate;
        same.then(|| Self { name: record.name.clone(), disabled: record.disabled, ..self.clone() })
    }

    /// Its certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// What goes between an end entity of this authority and the root, DER, its own certificate first.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The certificate of the root above it, or its own if it is one, DER.
    #[must_use]
    pub fn root_certificate(&self) -> &[u8] {
        &self.root
    }

    /// What is public of it.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    pub(super) fn key(&self) -> &IssuerKey {
        &self.key
    }

    fn new(record: &Authority, key: IssuerKey, publication: Option<&Publication>) -> Result<Self, OpenError> {
        let read = |error: der::Error| OpenError::Certificate(error.to_string());
        let tbs = Certificate::from_der(&record.certificate).map_err(read)?.tbs;
        let spki = key.public_key()?;
        if tbs.public_key.to_der().map_err(read)? != spki {
            return Err(OpenError::Mismatch);
        }
        let constraints: Option<BasicConstraints> = find(&tbs).map_err(read)?;
        let identifier: Option<SubjectKeyIdentifier> = find(&tbs).map_err(read)?;
        let identifier = identifier.ok_or_else(|| OpenError::Certificate("no subjectKeyIdentifier".to_owned()))?;
        let issuer = Issuer {
            name: tbs.subject,
            key_identifier: identifier.0.as_bytes().to_vec(),
            algorithm: key.signature_algorithm(),
            public_key: PublicKey::parse(&spki).map_err(|fault| OpenError::Certificate(fault.to_string()))?,
            not_before: timestamp(tbs.validity.not_before),
            not_after: timestamp(tbs.validity.not_after),
            path_length: constraints.and_then(|constraints| constraints.path_len_constraint),
            crl_url: publication.map(|publication| publication.crl(record.id)),
            certificate_url: publication.map(|publication| publication.certificate(record.id)),
        };
        let certificates = std::iter::once(&record.certificate).chain(&record.above);
        // The last one is the root, which clients have or do not trust.
        let chain = certificates.take(record.above.len()).map(|der| der.to_vec()).collect();
        Ok(Self {
            id: record.id,
            kind: record.kind,
            name: record.name.clone(),
            disabled: record.disabled,
            key: Arc::new(key),
            issuer,
            certificate: record.certificate.to_vec(),
            chain,
            root: record.root_certificate().to_vec(),
        })
    }
}

/// A root and its intermediate, to be made.
#[derive(Clone, Debug)]
pub struct HierarchyPlan {
    /// What both sign with.
    pub algorithm: KeyAlgorithm,
    /// The root's name.
    pub root: AuthorityName,
    /// The intermediate's name.
    pub intermediate: AuthorityName,
    /// How long the root is valid.
    pub root_validity: Seconds,
    /// How long the intermediate is valid; never longer than the root.
    pub intermediate_validity: Seconds,
    /// How long before they are made both begin to be valid, for clocks that are behind and so that the certificates
    /// below can be backdated too.
    pub backdate: Seconds,
    /// Where CRLs and certificates will be published.
    pub publication: Option<Publication>,
}

impl HierarchyPlan {
    /// P-384, twenty years and ten, an hour back.
    #[must_use]
    pub const fn new(root: AuthorityName, intermediate: AuthorityName) -> Self {
        const YEAR: u64 = 365 * 86_400;
        Self {
            algorithm: KeyAlgorithm::P384,
            root,
            intermediate,
            root_validity: Seconds(20 * YEAR),
            intermediate_validity: Seconds(10 * YEAR),
            backdate: Seconds(3600),
            publication: None,
        }
    }
}

/// An intermediate, to be made below a root that is there.
#[derive(Clone, Debug)]
pub struct IntermediatePlan {
    /// What it signs with.
    pub algorithm: KeyAlgorithm,
    /// Its name.
    pub name: AuthorityName,
    /// How long it is valid; never longer than its root.
    pub validity: Seconds,
    /// How long before it is made it begins to be valid, as in [`HierarchyPlan::backdate`].
    pub backdate: Seconds,
}

/// A root and its intermediate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// The trust anchor.
    pub root: Authority,
    /// What signs the certificates of servers.
    pub intermediate: Authority,
}

/// Why no hierarchy was made.
#[derive(Clone, Debug, Error)]
pub enum HierarchyError {
    /// No key, or one that does not encode.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key of ours does not pass our own checks.
    #[error(transparent)]
    Fault(#[from] KeyFault),
    /// No randomness.
    #[error("the operating system gave no randomness")]
    Randomness,
    /// A name or time cannot be encoded.
    #[error("the certificates cannot be encoded: {0}")]
    Encoding(#[from] der::Error),
    /// The plan does not make sound certificates.
    #[error("the plan does not make sound certificates: {0}")]
    Unsound(#[from] Findings),
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] chancery_actors::ports::SignError),
    /// The keys were not sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Makes a root and an intermediate with new keys, sealed under the passphrase. Takes seconds: RSA keys and sealing
/// are slow.
///
/// # Errors
/// [`HierarchyError`].
pub fn make_hierarchy(
    plan: &HierarchyPlan,
    now: Timestamp,
    passphrase: &SecretString,
    cost: SealCost,
) -> Result<Hierarchy, HierarchyError> {
    let id = AuthorityId::new(now, random()?);
    let key = IssuerKey::generate(plan.algorithm)?;
    let spki = key.public_key()?;
    let public_key = PublicKey::parse(&spki)?;
    let not_before = begin(now, plan.backdate);
    let issuer = Issuer {
        name: plan.root.distinguished()?,
        key_identifier: key_identifier(&public_key),
        algorithm: key.signature_algorithm(),
        public_key,
        not_before,
        not_after: end(not_before, plan.root_validity),
        path_length: None,
        crl_url: plan.publication.as_ref().map(|publication| publication.crl(id)),
        certificate_url: plan.publication.as_ref().map(|publication| publication.certificate(id)),
    };
    let contents = Contents::authority(issuer.name.clone(), Role::Root, &issuer);
    let certificate = certify(
        &Plan {
            role: Role::Root,
            issuer: &issuer,
            serial: serial(random()?),
            not_before,
            not_after: issuer.not_after,
            key: &issuer.public_key,
            spki: &spki,
            names: Vec::new(),
            contents: &contents,
        },
        &key,
    )?;
    let root = Authority {
        id,
        kind: AuthorityKind::Root,
        name: plan.root.common_name().to_owned(),
        key: SealedKey::seal(&key, passphrase, cost)?,
        certificate: certificate.clone().into(),
        above: Vec::new(),
        made: now,
        disabled: None,
    };
    let below = IntermediatePlan {
        algorithm: plan.algorithm,
        name: plan.intermediate.clone(),
        validity: plan.intermediate_validity,
        backdate: plan.backdate,
    };
    let intermediate = below.make(&issuer, &key, certificate, now, passphrase, cost)?;
    Ok(Hierarchy { root, intermediate })
}

/// Makes an intermediate with a new key, sealed under the passphrase, below a root that is there. Takes about as long.
///
/// # Errors
/// [`HierarchyError`].
pub fn make_intermediate(
    plan: &IntermediatePlan,
    root: &Opened,
    now: Timestamp,
    passphrase: &SecretString,
    cost: SealCost,
) -> Result<Authority, HierarchyError> {
    plan.make(root.issuer(), root.key(), root.certificate().to_vec(), now, passphrase, cost)
}

impl IntermediatePlan {
    fn make(
        &self,
        root: &Issuer,
        root_key: &IssuerKey,
        root_certificate: Vec<u8>,
        now: Timestamp,
        passphrase: &SecretString,
        cost: SealCost,
    ) -> Result<Authority, HierarchyError> {
        // The root's own beginning may be as recent.
        let not_before = begin(now, self.backdate).max(root.not_before);
        let key = IssuerKey::generate(self.algorithm)?;
        let spki = key.public_key()?;
        let contents = Contents::authority(self.name.distinguished()?, Role::Intermediate, root);
        let certificate = certify(
            &Plan {
                role: Role::Intermediate,
                issuer: root,
                serial: serial(random()?),
                not_before,
                not_after: end(not_before, self.validity).min(root.not_after),
                key: &PublicKey::parse(&spki)?,
                spki: &spki,
                names: Vec::new(),
                contents: &contents,
            },
            root_key,
        )?;
        Ok(Authority {
            id: AuthorityId::new(now, random()?),
            kind: AuthorityKind::Intermediate,
            name: self.name.common_name().to_owned(),
            key: SealedKey::seal(&key, passphrase, cost)?,
            certificate: certificate.into(),
            above: vec![root_certificate.into()],
            made: now,
            disabled: None,
        })
    }
}

/// In whole seconds, as certificates have it.
fn begin(now: Timestamp, backdate: Seconds) -> Timestamp {
    Timestamp::from_seconds(now.minus(backdate.into()).seconds())
}

/// Both ends count (RFC 5280 section 4.1.2.5).
fn end(not_before: Timestamp, validity: Seconds) -> Timestamp {
    not_before.plus(Seconds(validity.0.saturating_sub(1)).into()).min(last_moment())
}

/// Lints and signs the certificate of an authority.
fn certify(plan: &Plan<'_>, key: &IssuerKey) -> Result<Vec<u8>, HierarchyError> {
    let wanted = Wanted {
        issuer: plan.issuer,
        role: plan.role,
        serial: &plan.serial,
        not_before: plan.not_before,
        not_after: plan.not_after,
        public_key: plan.spki,
        names: None,
        wildcards: false,
        longest: None,
        keys: None,
        contents: None,
    };
    let linted = Linted::check(&plan.tbs()?.to_der()?, &wanted)?;
    Ok(linted.sign(key)?.into_der())
}

/// `-----BEGIN CERTIFICATE-----`
#[must_use]
pub fn certificate_pem(der: &[u8]) -> String {
    // The label is well-formed and a certificate of ours is far from the size that does not encode.
    der::pem::encode_string("CERTIFICATE", LineEnding::LF, der).unwrap_or_default()
}

/// RFC 5280 section 4.1, as much as is read of it.
#[derive(Sequence)]
struct Certificate {
    tbs: Tbs,
    #[allow(dead_code, reason = "part of the structure")]
    algorithm: AlgorithmIdentifierOwned,
    #[allow(dead_code, reason = "part of the structure")]
    signature: BitString,
}

fn find<T>(tbs: &Tbs) -> Result<Option<T>, der::Error>
where
    T: AssociatedOid + for<'a> Decode<'a, Error = der::Error>,
{
    let mut all = tbs.extensions.iter().flatten();
    all.find(|extension| extension.extn_id == T::OID).map(|found| T::from_der(found.extn_value.as_bytes())).transpose()
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], HierarchyError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| HierarchyError::Randomness)?;
    Ok(bytes)
}
