//! Authorities: an issuer key with its certificates, as the store keeps them and as they are opened for work.

use std::sync::Arc;

use aws_lc_rs::digest;
use chancery_machine::id::AuthorityId;
use chancery_machine::renewal::{IssuerStanding, RenewalCall};
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
use x509_cert::ext::pkix::{BasicConstraints, SubjectKeyIdentifier};

use super::certificate::{Issuer, Tbs, timestamp};
use super::chain::Chain;
use super::key::{IssuerKey, KeyError};
use super::name::Publication;
use super::public_key::PublicKey;
use super::sealed::{SealedKey, UnsealError};

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
    pub(super) certificate: ByteVec,
    /// The certificates above it, the nearest first, the root last, DER.
    #[n(5)]
    pub(super) above: Vec<ByteVec>,
    /// When it was made.
    #[n(6)]
    pub made: Timestamp,
    /// Since when it issues nothing.
    #[n(7)]
    pub disabled: Option<Timestamp>,
    /// An operator's call to renew what it has signed.
    #[n(8)]
    pub call: Option<RenewalCall>,
    /// Other chains above what it signs, each without its root, its issuing certificate first, DER.
    #[cbor(n(9), default, skip_if = "Vec::is_empty")]
    pub chains: Vec<Vec<ByteVec>>,
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

    /// Other chains above what it signs.
    #[must_use]
    pub fn alternates(&self) -> Vec<Chain> {
        let chains = self.chains.iter().map(|chain| chain.iter().map(|der| der.to_vec()).collect());
        chains.filter_map(Chain::of).collect()
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
            algorithm: key.kind().token(),
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
}

/// An authority that can sign.
#[derive(Clone, Debug)]
pub struct Opened {
    id: AuthorityId,
    kind: AuthorityKind,
    name: String,
    disabled: Option<Timestamp>,
    call: Option<RenewalCall>,
    key: Arc<IssuerKey>,
    issuer: Issuer,
    certificate: Vec<u8>,
    chain: Vec<Vec<u8>>,
    alternates: Vec<Chain>,
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

    /// What those whose certificates it signed are told of it (RFC 9773).
    #[must_use]
    pub const fn standing(&self) -> IssuerStanding {
        IssuerStanding { disabled: self.disabled, not_after: self.issuer.not_after, call: self.call }
    }

    /// The same as the record has it now; `None` if only opening that would do, as it has another certificate.
    pub(super) fn updated(&self, record: &Authority) -> Option<Self> {
        let same = self.id == record.id && self.certificate == *record.certificate;
        same.then(|| Self {
            name: record.name.clone(),
            disabled: record.disabled,
            call: record.call,
            alternates: record.alternates(),
            ..self.clone()
        })
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

    /// Other chains above what it signs (RFC 8555 section 7.4.2).
    #[must_use]
    pub fn alternates(&self) -> &[Chain] {
        &self.alternates
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
        let urls = publication.map(|publication| (publication.crl(record.id), publication.certificate(record.id)));
        let issuer = issuer(&record.certificate, &key, urls)?;
        let certificates = std::iter::once(&record.certificate).chain(&record.above);
        // The last one is the root, which clients have or do not trust.
        let chain = certificates.take(record.above.len()).map(|der| der.to_vec()).collect();
        Ok(Self {
            id: record.id,
            kind: record.kind,
            name: record.name.clone(),
            disabled: record.disabled,
            call: record.call,
            key: Arc::new(key),
            issuer,
            certificate: record.certificate.to_vec(),
            chain,
            alternates: record.alternates(),
            root: record.root_certificate().to_vec(),
        })
    }
}

/// What is public of whoever has this certificate and this key; its CRL and its certificate lie at these URLs.
pub(super) fn issuer(certificate: &[u8], key: &IssuerKey, urls: Option<(String, String)>) -> Result<Issuer, OpenError> {
    let read = |error: der::Error| OpenError::Certificate(error.to_string());
    let tbs = Certificate::from_der(certificate).map_err(read)?.tbs;
    let spki = key.public_key()?;
    if tbs.public_key.to_der().map_err(read)? != spki {
        return Err(OpenError::Mismatch);
    }
    let constraints: Option<BasicConstraints> = find(&tbs).map_err(read)?;
    let identifier: Option<SubjectKeyIdentifier> = find(&tbs).map_err(read)?;
    let identifier = identifier.ok_or_else(|| OpenError::Certificate("no subjectKeyIdentifier".to_owned()))?;
    let (crl_url, certificate_url) = urls.unzip();
    Ok(Issuer {
        name: tbs.subject,
        key_identifier: identifier.0.as_bytes().to_vec(),
        algorithm: key.signature_algorithm(),
        public_key: PublicKey::parse(&spki).map_err(|fault| OpenError::Certificate(fault.to_string()))?,
        not_before: timestamp(tbs.validity.not_before),
        not_after: timestamp(tbs.validity.not_after),
        path_length: constraints.and_then(|constraints| constraints.path_len_constraint),
        crl_url,
        certificate_url,
    })
}

/// `-----BEGIN CERTIFICATE-----`
#[must_use]
pub fn certificate_pem(der: &[u8]) -> String {
    // The label is well-formed and a certificate of ours is far from the size that does not encode.
    der::pem::encode_string("CERTIFICATE", LineEnding::LF, der).unwrap_or_default()
}

/// RFC 5280 section 4.1, as much as is read of it.
#[derive(Sequence)]
pub(super) struct Certificate {
    pub(super) tbs: Tbs,
    #[allow(dead_code, reason = "part of the structure")]
    algorithm: AlgorithmIdentifierOwned,
    #[allow(dead_code, reason = "part of the structure")]
    signature: BitString,
}

pub(super) fn find<T>(tbs: &Tbs) -> Result<Option<T>, der::Error>
where
    T: AssociatedOid + for<'a> Decode<'a, Error = der::Error>,
{
    let mut all = tbs.extensions.iter().flatten();
    all.find(|extension| extension.extn_id == T::OID).map(|found| T::from_der(found.extn_value.as_bytes())).transpose()
}
