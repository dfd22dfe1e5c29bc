//! Alternate chains (RFC 8555 section 7.4.2): other ways from what an authority signs up to a root, such as a certificate of
//! the same key by another root, or one that crosses to an older one.

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use chancery_machine::time::Timestamp;
use der::asn1::BitStringRef;
use der::{AnyRef, Decode, Encode, Sequence};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use spki::AlgorithmIdentifierOwned;
use thiserror::Error;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectKeyIdentifier};

use super::authority::{Opened, find};
use super::certificate::{Tbs, timestamp};
use super::public_key::PublicKey;

/// The most octets of PEM that are read.
const LARGEST: usize = 64 * 1024;

/// The most certificates of a chain.
const LONGEST: usize = 8;

/// The most alternate chains of an authority: each is a `Link` of every download.
pub const MOST_CHAINS: usize = 8;

/// A chain above what an authority signs, without the root, the issuing certificate first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// DER.
    pub certificates: Vec<Vec<u8>>,
    /// What names it: a digest of its certificates, so that another chain has another name for ever.
    pub id: String,
    /// Who is above it: the root's distinguished name (RFC 4514).
    pub issuer: String,
    /// When the first of its certificates ends.
    pub not_after: Timestamp,
}

/// Why a chain is none for an authority. Each sentence is for the operator who gave it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadChain {
    /// Not PEM, or no certificate in it.
    #[error("it is no PEM with certificates: {0}")]
    Pem(String),
    /// Too much of it.
    #[error("it is too long: at most {LONGEST} certificates in {LARGEST} octets are read")]
    Length,
    /// A certificate that cannot be read.
    #[error("certificate {0} of it cannot be read: {1}")]
    Certificate(usize, String),
    /// It does not begin with the authority.
    #[error(
        "it does not begin with a certificate of the authority's own key, name and key identifier: its {0} is another; put \
         the issuing certificate first"
    )]
    Beginning(&'static str),
    /// No authority.
    #[error("certificate {0} of it is no certificate authority's, or not for so long a chain")]
    NoAuthority(usize),
    /// Not valid now.
    #[error("certificate {0} of it is not valid now")]
    Time(usize),
    /// Two neighbours that do not belong together.
    #[error("certificate {0} of it was not signed by the one after it: {1}")]
    Link(usize, String),
    /// One certificate twice.
    #[error("certificate {0} of it stands in it twice")]
    Twice(usize),
    /// A root alone.
    #[error("nothing is left of it without its root, which clients have or do not trust")]
    OnlyRoot,
}

/// RFC 5280 section 4.1, with what is signed left as it came.
#[derive(Sequence)]
struct Signed<'a> {
    tbs: AnyRef<'a>,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitStringRef<'a>,
}

/// A certificate of a chain, understood.
struct Read<'a> {
    der: &'a [u8],
    signed: Signed<'a>,
    tbs: Tbs,
    key: PublicKey,
}

impl<'a> Read<'a> {
    fn new(der: &'a [u8]) -> Result<Self, String> {
        let signed = Signed::from_der(der).map_err(|error| error.to_string())?;
        let bytes = signed.tbs.to_der().map_err(|error| error.to_string())?;
        let tbs = Tbs::from_der(&bytes).map_err(|error| error.to_string())?;
        let spki = tbs.public_key.to_der().map_err(|error| error.to_string())?;
        let key = PublicKey::parse(&spki).map_err(|fault| fault.to_string())?;
        Ok(Self { der, signed, tbs, key })
    }

    /// Whether it may sign certificates with so many authorities below it (RFC 5280 sections 4.2.1.3 and 4.2.1.9).
    fn signs(&self, below: usize) -> Result<bool, der::Error> {
        let constraints: Option<BasicConstraints> = find(&self.tbs)?;
        let usage: Option<KeyUsage> = find(&self.tbs)?;
        let reaches = |limit: Option<u8>| limit.is_none_or(|limit| below <= usize::from(limit));
        let authority = constraints.is_some_and(|found| found.ca && reaches(found.path_len_constraint));
        Ok(authority && usage.is_none_or(|usage| usage.key_cert_sign()))
    }

    fn signed_by(&self, above: &Self) -> Result<(), String> {
        if self.tbs.issuer != above.tbs.subject {
            return Err(format!("it names {:?} as its issuer", self.tbs.issuer.to_string()));
        }
        let named: Option<AuthorityKeyIdentifier> = find(&self.tbs).map_err(|error| error.to_string())?;
        let own: Option<SubjectKeyIdentifier> = find(&above.tbs).map_err(|error| error.to_string())?;
        if let (Some(named), Some(own)) = (named.and_then(|named| named.key_identifier), own)
            && named != own.0
        {
            return Err("it names another key identifier".to_owned());
        }
        let message = self.signed.tbs.to_der().map_err(|error| error.to_string())?;
        let signature = self.signed.signature.as_bytes().ok_or("its signature is no row of octets")?;
        above.key.verify(&self.signed.algorithm, &message, signature).map_err(|fault| fault.to_string())
    }

    fn self_issued(&self) -> bool {
        self.tbs.issuer == self.tbs.subject
    }
}

impl Chain {
    /// Reads the PEM of a chain for what an authority signs: it begins with a certificate of the authority's own key and
    /// name, each certificate is a valid authority's and signed by the next, and none stands there twice. A root at its end
    /// has to verify, and is left out.
    ///
    /// # Errors
    /// [`BadChain`].
    pub fn read(pem: &str, authority: &Opened, now: Timestamp) -> Result<Self, BadChain> {
        if pem.len() > LARGEST {
            return Err(BadChain::Length);
        }
        let parts: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).take(LONGEST + 1).collect();
        let parts = parts.map_err(|error| BadChain::Pem(error.to_string()))?;
        if parts.is_empty() {
            return Err(BadChain::Pem("there is none".to_owned()));
        }
        if parts.len() > LONGEST {
            return Err(BadChain::Length);
        }
        let read = |(place, part): (usize, &'_ CertificateDer<'_>)| {
            Read::new(part.as_ref()).map_err(|why| BadChain::Certificate(place + 1, why)).map(drop)
        };
        parts.iter().enumerate().try_for_each(read)?;
        let all: Vec<Read<'_>> = parts.iter().filter_map(|part| Read::new(part.as_ref()).ok()).collect();
        begins(&all, authority)?;
        let mut seen = BTreeSet::new();
        for (place, one) in all.iter().enumerate() {
            let number = place + 1;
            if !seen.insert(one.der) {
                return Err(BadChain::Twice(number));
            }
            let (from, until) = (timestamp(one.tbs.validity.not_before), timestamp(one.tbs.validity.not_after));
            if now < from || now > until {
                return Err(BadChain::Time(number));
            }
            match one.signs(place) {
                Ok(true) => {}
                Ok(false) => return Err(BadChain::NoAuthority(number)),
                Err(error) => return Err(BadChain::Certificate(number, error.to_string())),
            }
            match all.get(number) {
                Some(above) => one.signed_by(above).map_err(|why| BadChain::Link(number, why))?,
                None if one.self_issued() => one.signed_by(one).map_err(|why| BadChain::Link(number, why))?,
                // Who signed it is not there to be asked: the operator says that clients know them.
                None => {}
            }
        }
        let root = all.last().is_some_and(Read::self_issued);
        let served = &all[..all.len() - usize::from(root)];
        Self::of(served.iter().map(|one| one.der.to_vec()).collect()).ok_or(BadChain::OnlyRoot)
    }

    /// What a stored chain is; `None` if it cannot be read or is empty.
    #[must_use]
    pub fn of(certificates: Vec<Vec<u8>>) -> Option<Self> {
        let all: Option<Vec<_>> = certificates.iter().map(|der| Read::new(der).ok()).collect();
        let all = all?;
        let issuer = all.last()?.tbs.issuer.to_string();
        let not_after = all.iter().map(|one| timestamp(one.tbs.validity.not_after)).min()?;
        let mut context = digest::Context::new(&digest::SHA256);
        certificates.iter().for_each(|der| context.update(der));
        let id = context.finish().as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self { certificates, id, issuer, not_after })
    }
}

/// RFC 8555 section 7.4.2: each alternate begins with the same end entity, so what follows has to be of its issuer.
fn begins(all: &[Read<'_>], authority: &Opened) -> Result<(), BadChain> {
    let issuer = authority.issuer();
    let Some(first) = all.first() else { return Err(BadChain::OnlyRoot) };
    let identifier: Option<SubjectKeyIdentifier> =
        find(&first.tbs).map_err(|error| BadChain::Certificate(1, error.to_string()))?;
    if first.tbs.subject != issuer.name {
        Err(BadChain::Beginning("name"))
    } else if first.key != issuer.public_key {
        Err(BadChain::Beginning("key"))
    } else if identifier.is_some_and(|identifier| identifier.0.as_bytes() != issuer.key_identifier) {
        Err(BadChain::Beginning("key identifier"))
    } else {
        Ok(())
    }
}
