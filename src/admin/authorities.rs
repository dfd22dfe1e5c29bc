//! Authorities: listed, made, disabled, enabled and deleted while the server runs.

mod alteration;
mod removal;

use async_trait::async_trait;
use chancery_actors::Engine;
use chancery_actors::audit::{Act, ActError, Deed};
use chancery_actors::error::TurnError;
use chancery_actors::ports::{Kind, ObjectId, Revision, StoreError, Write};
use chancery_machine::id::AuthorityId;
use chancery_machine::renewal::RenewalCall;
use chancery_machine::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use tracing::error;
use utoipa::ToSchema;

pub use self::alteration::{AlterError, Alteration, ChainInfo, ChainView, NewChain, OldChain, alter};
pub use self::removal::delete;
use super::objects::hex;
use super::renewal::RenewalCallView;
use super::settings::Fault;
use super::time::rfc3339;
use crate::span::Span;

/// How many authorities there may be: each of them is in memory, open, with a CRL.
pub const MOST_AUTHORITIES: usize = 100;

/// Finds authorities for RA Profiles.
pub trait Authorities: Send + Sync {
    /// The authority of this id or name, or the one to take where nothing is said.
    ///
    /// # Errors
    /// A sentence for the person who asked.
    fn resolve(&self, asked: Option<&str>) -> Result<AuthorityId, String>;
}

/// The authorities of the store, and whoever holds their keys.
#[async_trait]
pub trait KeptAuthorities: Authorities {
    /// Every authority, the oldest first.
    async fn all(&self) -> Result<Vec<AuthorityInfo>, StoreError>;

    /// Makes keys and certificates for a plan, with `root` above the intermediate if the plan makes none. Nothing is stored
    /// yet. Takes seconds, off the event loops.
    async fn prepare(&self, new: &NewAuthority, root: Option<&AuthorityInfo>) -> Result<Prepared, PrepareError>;

    /// The write that alters an authority so, and what is public of it then: the same as before if it is so already.
    async fn altering(
        &self,
        authority: &AuthorityInfo,
        alteration: &Alteration,
    ) -> Result<(Write, AuthorityInfo), AlterError>;

    /// The writes that remove an authority and its CRL.
    async fn removal(&self, authority: &AuthorityInfo) -> Result<Vec<Write>, StoreError>;

    /// What is still known of the certificates that an authority has issued.
    async fn issued(&self, authority: AuthorityId, now: Timestamp) -> Result<Issued, StoreError>;

    /// Opens what is new in the store, closes what is gone, and takes over what was changed there. Where an authority does
    /// not open, the log says why, and the others are opened all the same.
    async fn refresh(&self) -> Result<(), StoreError>;
}

/// What an authority signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorityKind {
    /// Intermediates.
    Root,
    /// The certificates of orders.
    Intermediate,
}

impl AuthorityKind {
    /// Its name in the API.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Intermediate => "intermediate",
        }
    }
}

/// What is public of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityInfo {
    /// Names it.
    pub id: AuthorityId,
    /// The revision of what is stored.
    pub stored: Revision,
    /// Its common name, which no other authority has.
    pub name: String,
    /// What it signs.
    pub kind: AuthorityKind,
    /// The root above it.
    pub parent: Option<AuthorityId>,
    /// The kind of its key, as in `p384`.
    pub algorithm: String,
    /// Its distinguished name (RFC 4514).
    pub subject: String,
    /// The serial number of its certificate, big-endian.
    pub serial: Vec<u8>,
    /// When its life begins.
    pub not_before: Timestamp,
    /// When its life ends.
    pub not_after: Timestamp,
    /// SHA-256 of its certificate.
    pub fingerprint: [u8; 32],
    /// Its certificate.
    pub certificate_pem: String,
    /// Where its CRL is published.
    pub crl_url: Option<String>,
    /// Since when it has been disabled.
    pub disabled: Option<Timestamp>,
    /// An operator's call to renew what it has signed.
    pub call: Option<RenewalCall>,
    /// Other chains above what it signs (RFC 8555 section 7.4.2).
    pub chains: Vec<ChainInfo>,
    /// When it was made.
    pub made: Timestamp,
}

/// Authorities that are ready to be stored: the intermediate, and its root before it if that is new too.
#[derive(Clone)]
pub struct Prepared {
    /// What is stored; it holds sealed keys, so nothing here can be printed.
    pub writes: Vec<Write>,
    /// What is public of them, in the same order.
    pub made: Vec<AuthorityInfo>,
}

/// Why no authority was made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PrepareError {
    /// The plan is not sound.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The server could not make or seal a key.
    #[error("{0}")]
    Failed(String),
}

/// What is still known of the certificates that an authority has issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issued {
    /// None is kept.
    Nothing,
    /// All of them are over, the last one since this moment.
    Over(Timestamp),
    /// One that is valid up to this moment, or is about to be signed.
    Alive(Timestamp),
}

/// An authority to be made: an intermediate, which issues, below a root that exists or is made with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewAuthority {
    /// The intermediate's common name, 1 to 64 characters; no other authority has it. RA Profiles can name it by this.
    pub name: String,
    /// The id or the name of the root above it. Either this or `rootName`.
    #[serde(default)]
    pub parent: Option<String>,
    /// The common name of a new root. Either this or `parent`.
    #[serde(default)]
    pub root_name: Option<String>,
    /// The organization in both names.
    #[serde(default)]
    pub organization: Option<String>,
    /// What both sign with: `p384` (if left out), `p256`, `ed25519`, `rsa2048`, `rsa3072` or `rsa4096`.
    #[serde(default)]
    pub algorithm: Option<String>,
    /// How long the intermediate is valid; ten years if left out, and never longer than its root.
    #[serde(default)]
    pub validity: Option<Span>,
    /// How long a new root is valid; twenty years if left out.
    #[serde(default)]
    pub root_validity: Option<Span>,
}

/// An authority as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthorityView {
    /// Names it; stands in URLs.
    pub id: String,
    /// Counts changes.
    pub revision: u64,
    /// Its common name, which no other authority has.
    pub name: String,
    /// `root`, or `intermediate`: only intermediates issue.
    pub kind: String,
    /// The id of the root above it.
    pub parent: Option<String>,
    /// Whether it issues. A disabled one goes on publishing its CRL.
    pub enabled: bool,
    /// Since when it has been disabled (RFC 3339).
    pub disabled_at: Option<String>,
    /// The kind of its key, as in `p384`.
    pub algorithm: String,
    /// Its distinguished name (RFC 4514).
    pub subject: String,
    /// The serial number of its certificate, in hexadecimal.
    pub serial: String,
    /// When its life begins (RFC 3339).
    pub not_before: String,
    /// When its life ends (RFC 3339).
    pub not_after: String,
    /// SHA-256 of its certificate, in hexadecimal.
    pub fingerprint: String,
    /// Its certificate, PEM.
    pub certificate: String,
    /// Where its CRL is published.
    pub crl_url: Option<String>,
    /// An operator's call to renew what it has signed (RFC 9773).
    pub renewal_call: Option<RenewalCallView>,
    /// Other chains above what it signs, for clients that want another root (RFC 8555 section 7.4.2).
    pub chains: Vec<ChainView>,
    /// When it was made (RFC 3339).
    pub created_at: String,
    /// The names of the RA Profiles that issue with it.
    pub ra_profiles: Vec<String>,
}

/// Why a request about authorities was not done. Nothing was changed, unless the store failed: then that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AuthorityError {
    /// A field is not what it has to be.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// There is none of this id or name.
    #[error("there is no authority {0:?}")]
    NotFound(String),
    /// It was changed since it was read.
    #[error("the authority has revision {now} now; read it again")]
    Changed {
        /// Its revision.
        now: u64,
    },
    /// It has no chain of this id.
    #[error("the authority has no chain {0:?}")]
    NoChain(String),
    /// Something depends on it, each named as in `raProfile/web`.
    #[error("the authority is in use: {}", .0.join(", "))]
    InUse(Vec<String>),
    /// The server could not make or seal a key.
    #[error("no authority could be made: {0}")]
    Failed(String),
    /// The engine or the store is at fault.
    #[error(transparent)]
    Turn(#[from] TurnError),
}

/// An authority that is ready to be stored: its keys are made, and its certificates signed.
pub struct Creation<'a> {
    engine: &'a Engine,
    authorities: &'a dyn KeptAuthorities,
    new: &'a NewAuthority,
    root: Option<AuthorityInfo>,
    prepared: Prepared,
}

impl<'a> Creation<'a> {
    /// Makes the keys and certificates of an intermediate, and of a root for it where that is asked for. Takes seconds.
    ///
    /// # Errors
    /// [`AuthorityError`]; its fault names the field.
    pub async fn prepare(
        engine: &'a Engine,
        authorities: &'a dyn KeptAuthorities,
        new: &'a NewAuthority,
    ) -> Result<Self, AuthorityError> {
        // Before keys are made, which takes long; and once more when nobody else can change anything.
        let root = root_for(new, &authorities.all().await?, engine.now())?;
        let prepared = authorities.prepare(new, root.as_ref()).await?;
        Ok(Self { engine, authorities, new, root, prepared })
    }

    /// The plan that stores it; answers the intermediate, whose `parent` is the root.
    ///
    /// # Errors
    /// [`AuthorityError`]; its fault names the field.
    pub async fn plan(&self) -> Result<Act<AuthorityView>, AuthorityError> {
        let still = root_for(self.new, &self.authorities.all().await?, self.engine.now())?;
        if still.as_ref().map(|still| still.id) != self.root.as_ref().map(|root| root.id) {
            // Another root has its name by now, and did not sign what was prepared.
            return Err(AuthorityError::Turn(TurnError::Conflict));
        }
        let guards = still.iter().map(|root| (object(root.id), root.stored)).collect();
        let Prepared { writes, made } = self.prepared.clone();
        let deeds = made.iter().map(|made| record("create", made, None, Some(made))).collect();
        let none = || AuthorityError::Failed("the plan made none".to_owned());
        let outcome = AuthorityView::of(made.last().ok_or_else(none)?, self.engine);
        Ok(Act { guards, writes, deeds, outcome })
    }

    /// Opens it, once it is stored: it can issue at once, and its first CRL follows.
    pub async fn open(self) {
        open(self.authorities).await;
        self.engine.renew_crls();
    }
}

/// Every authority, the oldest first.
///
/// # Errors
/// [`AuthorityError::Turn`].
pub async fn list(engine: &Engine, authorities: &dyn KeptAuthorities) -> Result<Vec<AuthorityView>, AuthorityError> {
    Ok(authorities.all().await?.iter().map(|authority| AuthorityView::of(authority, engine)).collect())
}

/// The authority of this id or name.
///
/// # Errors
/// [`AuthorityError`].
pub async fn read(
    engine: &Engine,
    authorities: &dyn KeptAuthorities,
    asked: &str,
) -> Result<AuthorityView, AuthorityError> {
    Ok(AuthorityView::of(&find(authorities, asked).await?, engine))
}

impl AuthorityView {
    /// The view of an authority.
    #[must_use]
    pub fn of(authority: &AuthorityInfo, engine: &Engine) -> Self {
        let profiles = engine.profiles();
        let users = profiles.ra.values().filter(|profile| profile.authority == authority.id);
        let ra_profiles = users.map(|profile| profile.name.to_string()).collect();
        Self { ra_profiles, ..Self::alone(authority) }
    }

    /// The same as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        // An object of plain members: writing it cannot fail.
        serde_json::to_value(self).unwrap_or_default()
    }

    fn alone(authority: &AuthorityInfo) -> Self {
        Self {
            id: authority.id.to_string(),
            revision: authority.stored.0,
            name: authority.name.clone(),
            kind: authority.kind.token().to_owned(),
            parent: authority.parent.map(|parent| parent.to_string()),
            enabled: authority.disabled.is_none(),
            disabled_at: authority.disabled.map(rfc3339),
            algorithm: authority.algorithm.clone(),
            subject: authority.subject.clone(),
            serial: hex(&authority.serial),
            not_before: rfc3339(authority.not_before),
            not_after: rfc3339(authority.not_after),
            fingerprint: hex(&authority.fingerprint),
            certificate: authority.certificate_pem.clone(),
            crl_url: authority.crl_url.clone(),
            renewal_call: authority.call.map(Into::into),
            chains: authority.chains.iter().map(Into::into).collect(),
            created_at: rfc3339(authority.made),
            ra_profiles: Vec::new(),
        }
    }
}

impl From<StoreError> for AuthorityError {
    fn from(error: StoreError) -> Self {
        Self::Turn(error.into())
    }
}

impl From<PrepareError> for AuthorityError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Fault(fault) => Self::Fault(fault),
            PrepareError::Failed(why) => Self::Failed(why),
        }
    }
}

fn flattened(error: ActError<AuthorityError>) -> AuthorityError {
    match error {
        ActError::Refused(error) => error,
        ActError::Turn(error) => error.into(),
    }
}

const fn object(authority: AuthorityId) -> ObjectId {
    ObjectId { kind: Kind::Authority, id: authority.0 }
}

async fn find(authorities: &dyn KeptAuthorities, asked: &str) -> Result<AuthorityInfo, AuthorityError> {
    named(&authorities.all().await?, asked).cloned().ok_or_else(|| AuthorityError::NotFound(asked.to_owned()))
}

async fn found(
    authorities: &dyn KeptAuthorities,
    asked: &str,
    if_match: Option<u64>,
) -> Result<AuthorityInfo, AuthorityError> {
    let authority = find(authorities, asked).await?;
    match if_match {
        Some(seen) if seen != authority.stored.0 => Err(AuthorityError::Changed { now: authority.stored.0 }),
        Some(_) | None => Ok(authority),
    }
}

/// An id goes before a name.
fn named<'a>(all: &'a [AuthorityInfo], asked: &str) -> Option<&'a AuthorityInfo> {
    let id = AuthorityId::parse(asked);
    let by_id = all.iter().find(|authority| Some(authority.id) == id);
    by_id.or_else(|| all.iter().find(|authority| authority.name == asked))
}

/// The root that the plan names, if it does not make one; and whether its names are free.
fn root_for(
    new: &NewAuthority,
    all: &[AuthorityInfo],
    now: Timestamp,
) -> Result<Option<AuthorityInfo>, AuthorityError> {
    let fault = |field: &str, detail: String| Err(AuthorityError::Fault(Fault::new(field, detail)));
    if all.len() + 2 > MOST_AUTHORITIES {
        return fault("", format!("there would be more than {MOST_AUTHORITIES} authorities"));
    }
    for (field, name) in [("name", Some(&new.name)), ("rootName", new.root_name.as_ref())] {
        if name.is_some_and(|name| named(all, name).is_some()) {
            return fault(field, format!("there is an authority {:?} already", name.map_or("", String::as_str)));
        }
    }
    match (&new.parent, &new.root_name) {
        (Some(_), Some(_)) => fault("rootName", "either parent or rootName, not both".to_owned()),
        (None, None) => fault("parent", "name the root above it, or give rootName to make one".to_owned()),
        (None, Some(root)) if *root == new.name => {
            fault("rootName", "the root and the intermediate cannot have the same name".to_owned())
        }
        (None, Some(_)) => Ok(None),
        (Some(parent), None) => match named(all, parent) {
            None => fault("parent", format!("there is no authority {parent:?}")),
            Some(found) if found.kind != AuthorityKind::Root => {
                fault("parent", format!("{parent:?} is no root, and only roots have intermediates below them"))
            }
            Some(found) if found.disabled.is_some() => fault("parent", format!("{parent:?} is disabled")),
            Some(found) if found.not_after <= now => fault("parent", format!("the life of {parent:?} is over")),
            Some(found) => Ok(Some(found.clone())),
        },
    }
}

/// What the store has is there to be opened by every node, at the latest a minute later: so nobody is told that it failed.
async fn open(authorities: &dyn KeptAuthorities) {
    if let Err(failure) = authorities.refresh().await {
        error!(%failure, "the authorities could not be read; it is tried again");
    }
}

fn record(
    action: &'static str,
    authority: &AuthorityInfo,
    before: Option<&AuthorityInfo>,
    after: Option<&AuthorityInfo>,
) -> Deed {
    // The profiles that use it are no part of it.
    let text = |authority: &AuthorityInfo| {
        let mut json = AuthorityView::alone(authority).json();
        if let Some(members) = json.as_object_mut() {
            members.remove("raProfiles");
        }
        json.to_string()
    };
    let object = format!("authority/{}", authority.id);
    Deed { action, object, before: before.map(text), after: after.map(text) }
}
