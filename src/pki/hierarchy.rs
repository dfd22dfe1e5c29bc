//! Hierarchies: a root and the intermediates below it, as they are made.

use chancery_machine::id::AuthorityId;
use chancery_machine::profile::Seconds;
use chancery_machine::time::Timestamp;
use const_oid::AssociatedOid;
use der::{Decode, Encode};
use secrecy::SecretString;
use thiserror::Error;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, CrlDistributionPoints};

use super::authority::{Authority, AuthorityKind, Certificate, Opened};
use super::certificate::{Issuer, Linted, Plan, Role, Tbs, key_identifier, last_moment, serial, timestamp};
use super::contents::Contents;
use super::key::{IssuerKey, KeyAlgorithm, KeyError};
use super::lint::{Findings, Wanted};
use super::name::{AuthorityName, Publication};
use super::public_key::{KeyFault, PublicKey};
use super::sealed::{SealCost, SealError, SealedKey};

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
    let RootKey { issuer, key, certificate } = RootPlan {
        algorithm: plan.algorithm,
        name: &plan.root,
        validity: plan.root_validity,
        backdate: plan.backdate,
        crl_url: plan.publication.as_ref().map(|publication| publication.crl(id)),
        certificate_url: plan.publication.as_ref().map(|publication| publication.certificate(id)),
    }
    .make(now)?;
    let root = Authority {
        id,
        kind: AuthorityKind::Root,
        name: plan.root.common_name().to_owned(),
        key: SealedKey::seal(&key, passphrase, cost)?,
        certificate: certificate.clone().into(),
        above: Vec::new(),
        made: now,
        disabled: None,
        call: None,
        chains: Vec::new(),
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

impl Authority {
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

/// A trust anchor, to be made.
pub(super) struct RootPlan<'a> {
    pub(super) algorithm: KeyAlgorithm,
    pub(super) name: &'a AuthorityName,
    pub(super) validity: Seconds,
    pub(super) backdate: Seconds,
    pub(super) crl_url: Option<String>,
    pub(super) certificate_url: Option<String>,
}

/// A trust anchor with its open key.
pub(super) struct RootKey {
    pub(super) issuer: Issuer,
    pub(super) key: IssuerKey,
    pub(super) certificate: Vec<u8>,
}

impl RootPlan<'_> {
    pub(super) fn make(self, now: Timestamp) -> Result<RootKey, HierarchyError> {
        let key = IssuerKey::generate(self.algorithm)?;
        let spki = key.public_key()?;
        let public_key = PublicKey::parse(&spki)?;
        let not_before = begin(now, self.backdate);
        let issuer = Issuer {
            name: self.name.distinguished()?,
            key_identifier: key_identifier(&public_key),
            algorithm: key.signature_algorithm(),
            public_key,
            not_before,
            not_after: end(not_before, self.validity),
            path_length: None,
            crl_url: self.crl_url,
            certificate_url: self.certificate_url,
        };
        let contents = Contents::authority(issuer.name.clone(), Role::Root, &issuer);
        let plan = Plan {
            role: Role::Root,
            issuer: &issuer,
            serial: serial(random()?),
            not_before,
            not_after: issuer.not_after,
            key: &issuer.public_key,
            spki: &spki,
            names: Vec::new(),
            contents: &contents,
        };
        let certificate = certify(&plan, &key)?;
        Ok(RootKey { issuer, key, certificate })
    }
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
            call: None,
            chains: Vec::new(),
        })
    }
}

/// In whole seconds, as certificates have it.
pub(super) fn begin(now: Timestamp, backdate: Seconds) -> Timestamp {
    Timestamp::from_seconds(now.minus(backdate.into()).seconds())
}

/// Both ends count (RFC 5280 section 4.1.2.5).
pub(super) fn end(not_before: Timestamp, validity: Seconds) -> Timestamp {
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

pub(super) fn random<const N: usize>() -> Result<[u8; N], HierarchyError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| HierarchyError::Randomness)?;
    Ok(bytes)
}
