//! The opened authorities, and what they do for the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use chancery_actors::ports::{
    AlternateChain, CrlRequest, Draft, DraftError, DraftRequest, Issue, KeySource, SignError,
};
use chancery_machine::id::AuthorityId;
use chancery_machine::profile::{CertificateContents, KeyRules, Seconds, ValidityRules};
use chancery_machine::renewal::IssuerStanding;
use chancery_machine::time::Timestamp;
use der::Encode;
use secrecy::SecretString;
use thiserror::Error;
use x509_cert::ext::pkix::name::GeneralName;
use zeroize::Zeroizing;

use super::authority::{Authority, AuthorityKind, OpenError, Opened};
use super::certificate::{Issuer, Linted, Plan, Role, serial};
use super::chain::Chain;
use super::contents::{Contents, ContentsError};
use super::crl::crl;
use super::csr::{BadCsr, Csr};
use super::key::{IssuerKey, KeyAlgorithm, KeyError};
use super::lint::Wanted;
use super::name::{Publication, ServerName, general};
use super::public_key::PublicKey;

/// Every authority that this process can sign with. Reading never waits; opening one replaces the whole map.
#[derive(Debug, Default)]
pub struct Authorities {
    opened: ArcSwap<BTreeMap<AuthorityId, Arc<Opened>>>,
    publication: Option<Publication>,
}

/// A certificate for this server's own endpoint.
pub struct ServerCertificate {
    /// Its certificate first, then those above it without the root, DER.
    pub chain: Vec<Vec<u8>>,
    /// Its private key, PKCS #8 DER.
    pub key: Zeroizing<Vec<u8>>,
    /// What was signed: its serial number, validity and key.
    pub draft: Draft,
}

impl fmt::Debug for ServerCertificate {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificate").field("not_after", &self.draft.not_after).finish_non_exhaustive()
    }
}

/// Why this server got no certificate for itself.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ServerCertificateError {
    /// No key was made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    Randomness,
    /// It was not drafted.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// It was not signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl Authorities {
    /// No authorities yet; those that are opened publish there.
    #[must_use]
    pub fn new(publication: Option<Publication>) -> Self {
        Self { opened: ArcSwap::default(), publication }
    }

    /// Opens an authority, in place of one with the same id. Takes as long as its sealing cost says.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong with it.
    pub fn open(&self, authority: &Authority, passphrase: &SecretString) -> Result<(), OpenError> {
        let opened = Arc::new(authority.open(passphrase, self.publication.as_ref())?);
        self.opened.rcu(|all| {
            let mut all = BTreeMap::clone(all);
            all.insert(opened.id(), Arc::clone(&opened));
            all
        });
        Ok(())
    }

    /// Takes over what a record says anew of an authority that is open, without its key; `false` if it has to be opened for
    /// that, as it is not open or has another certificate.
    pub fn update(&self, authority: &Authority) -> bool {
        let Some(updated) = self.find(authority.id).and_then(|opened| opened.updated(authority)) else { return false };
        let updated = Arc::new(updated);
        self.opened.rcu(|all| {
            let mut all = BTreeMap::clone(all);
            // Who closed it meanwhile has the last word.
            all.entry(updated.id()).and_modify(|opened| *opened = Arc::clone(&updated));
            all
        });
        true
    }

    /// Forgets an authority, and wipes its key once nobody signs with it any more.
    pub fn close(&self, authority: AuthorityId) {
        self.opened.rcu(|all| {
            let mut all = BTreeMap::clone(all);
            all.remove(&authority);
            all
        });
    }

    /// The authorities that are open, in order.
    #[must_use]
    pub fn ids(&self) -> Vec<AuthorityId> {
        self.opened.load().keys().copied().collect()
    }

    /// An authority, if it is open.
    #[must_use]
    pub fn find(&self, authority: AuthorityId) -> Option<Arc<Opened>> {
        self.opened.load().get(&authority).cloned()
    }

    /// The authority of this id or, where no id is that, of this name.
    #[must_use]
    pub fn named(&self, asked: &str) -> Option<Arc<Opened>> {
        let all = self.opened.load();
        let by_id = AuthorityId::parse(asked).and_then(|id| all.get(&id));
        by_id.or_else(|| all.values().find(|opened| opened.name() == asked)).cloned()
    }

    /// What signs where nobody has named an authority: the oldest intermediate that is enabled and whose life is not over.
    /// Where there is none, the oldest of all intermediates: a server has to speak HTTPS to be told of a better one.
    #[must_use]
    pub fn first(&self, now: Timestamp) -> Option<AuthorityId> {
        let all = self.opened.load();
        // An id begins with the time at which it was made.
        let mut intermediates = all.values().filter(|opened| opened.kind() == AuthorityKind::Intermediate);
        let good = |opened: &&Arc<Opened>| opened.enabled() && opened.issuer().not_after > now;
        let first = intermediates.clone().find(good).or_else(|| intermediates.next());
        first.map(|opened| opened.id())
    }

    /// Makes a new P-256 key, and a certificate of it for this server's own names and addresses, which begins an hour
    /// back and lasts `validity` from now at most. A disabled authority makes it too: without it, nobody could reach the
    /// server to enable another.
    ///
    /// # Errors
    /// [`ServerCertificateError`].
    pub fn server_certificate(
        &self,
        authority: AuthorityId,
        names: &[ServerName],
        validity: Seconds,
        now: Timestamp,
    ) -> Result<ServerCertificate, ServerCertificateError> {
        const BACKDATE: Seconds = Seconds(3600);
        let opened = self.known(authority)?;
        let mut entropy = [0; 16];
        aws_lc_rs::rand::fill(&mut entropy).map_err(|_| ServerCertificateError::Randomness)?;
        let key = IssuerKey::generate(KeyAlgorithm::P256)?;
        let names: Vec<_> = names.iter().map(ServerName::general).collect::<Result<_, _>>().map_err(refused)?;
        let longest = Seconds(validity.0.saturating_add(BACKDATE.0));
        let rules_of_time = ValidityRules { default: longest, longest, backdate: BACKDATE };
        let (not_before, not_after) =
            Asked { not_before: None, not_after: None, now }.within(opened.issuer(), &rules_of_time)?;
        let (rules, contents) = (KeyRules::default(), CertificateContents::default());
        let spki = key.public_key()?;
        let public_key = PublicKey::parse(&spki).map_err(|fault| DraftError::Refused(fault.to_string()))?;
        let wish = Wish {
            names,
            // The subject is empty.
            first: String::new(),
            contents: &contents,
            wildcards: false,
            key: &public_key,
            spki: &spki,
            serial: serial(entropy),
            not_before,
            not_after,
            longest,
            keys: &rules,
        };
        let draft = wish.draft(&opened)?;
        let certificate = self.sign(&draft)?;
        let chain = std::iter::once(certificate).chain(opened.chain().iter().cloned()).collect();
        Ok(ServerCertificate { chain, key: key.to_pkcs8()?, draft })
    }

    fn known(&self, authority: AuthorityId) -> Result<Arc<Opened>, SignError> {
        self.find(authority).ok_or_else(|| SignError::Unavailable(unknown(authority)))
    }
}

impl Issue for Authorities {
    fn issues(&self, authority: AuthorityId) -> bool {
        self.find(authority).is_none_or(|opened| opened.enabled())
    }

    fn authorities(&self) -> Vec<AuthorityId> {
        self.ids()
    }

    fn with_key_identifier(&self, key_identifier: &[u8]) -> Vec<AuthorityId> {
        let all = self.opened.load();
        let named = all.values().filter(|opened| opened.issuer().key_identifier == key_identifier);
        named.map(|opened| opened.id()).collect()
    }

    fn standing(&self, authority: AuthorityId) -> Option<IssuerStanding> {
        self.find(authority).map(|opened| opened.standing())
    }

    fn draft(&self, request: &DraftRequest) -> Result<Draft, DraftError> {
        let profile = &request.profile;
        let opened = self.find(profile.authority).ok_or_else(|| DraftError::Refused(unknown(profile.authority)))?;
        if !opened.enabled() {
            return Err(DraftError::Refused(disabled(&opened)));
        }
        let (public_key, spki) = key(request).map_err(|bad| DraftError::BadCsr(bad.to_string()))?;
        let asked = Asked { not_before: request.not_before, not_after: request.not_after, now: request.now };
        let (not_before, not_after) = asked.within(opened.issuer(), &profile.validity)?;
        let mut seen = BTreeSet::new();
        let wish = Wish {
            names: request
                .subjects
                .iter()
                .filter(|subject| seen.insert(*subject))
                .map(general)
                .collect::<Result<_, _>>()
                .map_err(refused)?,
            first: request.subjects.iter().min().map(ToString::to_string).unwrap_or_default(),
            contents: &profile.contents,
            wildcards: profile.identifiers.wildcards,
            key: &public_key,
            spki: &spki,
            serial: serial(request.serial_entropy),
            not_before,
            not_after,
            longest: profile.validity.longest,
            keys: &profile.keys,
        };
        wish.draft(&opened)
    }

    fn sign(&self, draft: &Draft) -> Result<Vec<u8>, SignError> {
        let opened = self.known(draft.authority)?;
        let wanted = Wanted {
            issuer: opened.issuer(),
            role: Role::EndEntity,
            serial: &draft.serial,
            not_before: draft.not_before,
            not_after: draft.not_after,
            public_key: &draft.public_key,
            names: None,
            wildcards: true,
            longest: None,
            keys: None,
            contents: None,
        };
        let linted = Linted::check(&draft.tbs, &wanted).map_err(|findings| SignError::Refused(findings.to_string()))?;
        Ok(linted.sign(opened.key())?.into_der())
    }

    fn lifetime(&self, authority: AuthorityId) -> Result<(Timestamp, Timestamp), SignError> {
        let opened = self.known(authority)?;
        if !opened.enabled() {
            return Err(SignError::Unavailable(disabled(&opened)));
        }
        Ok((opened.issuer().not_before, opened.issuer().not_after))
    }

    fn chain(&self, authority: AuthorityId) -> Result<Vec<Vec<u8>>, SignError> {
        Ok(self.known(authority)?.chain().to_vec())
    }

    fn alternates(&self, authority: AuthorityId) -> Result<Vec<AlternateChain>, SignError> {
        let opened = self.known(authority)?;
        let alternate = |chain: &Chain| AlternateChain {
            name: chain.id.clone(),
            certificates: chain.certificates.clone(),
            not_after: chain.not_after,
        };
        Ok(opened.alternates().iter().map(alternate).collect())
    }

    fn crl(&self, request: &CrlRequest) -> Result<Vec<u8>, SignError> {
        crl(&*self.known(request.authority)?, request)
    }
}

/// The key that is certified, and the DER of its SubjectPublicKeyInfo. One that is renewed was proven, with its names, when
/// the order was finalized; but what is known of keys may have changed since.
fn key(request: &DraftRequest) -> Result<(PublicKey, Vec<u8>), BadCsr> {
    match &request.key {
        KeySource::Csr(csr) => {
            let csr = Csr::parse(csr)?;
            csr.accepted(&request.profile.keys)?;
            csr.names_exactly(&request.subjects)?;
            Ok((csr.public_key().clone(), csr.spki().to_vec()))
        }
        KeySource::Renewed(spki) => {
            let public_key = PublicKey::parse(spki)?;
            public_key.accepted(&request.profile.keys)?;
            Ok((public_key, spki.clone()))
        }
    }
}

/// What an order says of its certificate's validity, and when it says so.
struct Asked {
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    now: Timestamp,
}

impl Asked {
    /// notBefore and notAfter in whole seconds, within the profile's and the issuer's validity.
    fn within(&self, issuer: &Issuer, rules: &ValidityRules) -> Result<(Timestamp, Timestamp), DraftError> {
        let refused = |sentence: &str| Err(DraftError::Refused(sentence.to_owned()));
        // An order may state the moment at which it was made and be finalized days later, so that the profile's
        // backdating is no bound for what it states; newOrder is where that is judged.
        let backdated = || whole(self.now.minus(rules.backdate.into())).max(issuer.not_before);
        let not_before = self.not_before.map_or_else(backdated, whole);
        if not_before < issuer.not_before {
            return refused("the order's notBefore is earlier than the authority's");
        }
        // Both ends count (RFC 5280 section 4.1.2.5).
        let last = |span: Seconds| not_before.plus(Seconds(span.0.saturating_sub(1)).into()).min(issuer.not_after);
        let latest = last(rules.longest);
        let not_after = self.not_after.map_or_else(|| last(rules.default), whole);
        if not_after > latest {
            return refused("the order's notAfter is later than the profile or the authority allow");
        }
        if not_after <= not_before || not_after <= whole(self.now) {
            return refused("nothing is left of the certificate's validity: the authority ends, or the order asks so");
        }
        Ok((not_before, not_after))
    }
}

/// What a server's certificate shall say.
struct Wish<'a> {
    names: Vec<GeneralName>,
    /// What stands for `{name}` in the subject.
    first: String,
    contents: &'a CertificateContents,
    wildcards: bool,
    key: &'a PublicKey,
    /// DER of the SubjectPublicKeyInfo.
    spki: &'a [u8],
    serial: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
    longest: Seconds,
    keys: &'a KeyRules,
}

impl Wish<'_> {
    fn draft(self, opened: &Opened) -> Result<Draft, DraftError> {
        let (issuer, role) = (opened.issuer(), Role::EndEntity);
        if opened.kind() == AuthorityKind::Root {
            return Err(DraftError::Refused("a root signs intermediates only; name an intermediate".to_owned()));
        }
        let Self { names, first, contents, wildcards, key, spki, serial, not_before, not_after, longest, keys } = self;
        let contents = Contents::settle(contents, issuer, key.kind(), &first).map_err(|error| match error {
            ContentsError::KeyUsage { .. } => DraftError::BadCsr(error.to_string()),
            ContentsError::Oid(_) | ContentsError::Encoding(_) => DraftError::Refused(error.to_string()),
        })?;
        let plan = Plan { role, issuer, serial, not_before, not_after, key, spki, names, contents: &contents };
        let tbs = plan.tbs().and_then(|tbs| tbs.to_der()).map_err(refused)?;
        let wanted = Wanted {
            issuer,
            role,
            serial: &plan.serial,
            not_before,
            not_after,
            public_key: spki,
            names: Some(&plan.names),
            wildcards,
            longest: Some(longest),
            keys: Some(keys),
            contents: Some(&contents),
        };
        Linted::check(&tbs, &wanted).map_err(|findings| DraftError::Refused(findings.to_string()))?;
        Ok(Draft { authority: opened.id(), serial: plan.serial, not_before, not_after, public_key: spki.to_vec(), tbs })
    }
}

fn whole(moment: Timestamp) -> Timestamp {
    Timestamp::from_seconds(moment.seconds())
}

fn refused(error: der::Error) -> DraftError {
    DraftError::Refused(format!("the certificate cannot be encoded: {error}"))
}

fn disabled(opened: &Opened) -> String {
    format!("the authority {:?} is disabled: it issues nothing until an operator enables it", opened.name())
}

fn unknown(authority: AuthorityId) -> String {
    format!("no authority {authority} is open; is its passphrase there, and does the profile name the right one?")
}
