//! Tokens: secrets that let operators in. Only a digest of each is kept.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_actors::audit::{Act, Deed, record_offline};
use chancery_actors::ports::{
    Body, CommitError, Direction, Found, Kind, ObjectId, Range, Revision, Store, StoreError, Term, Write,
};
use chancery_machine::id::{AccountId, Id};
use chancery_machine::time::Timestamp;
use minicbor::{Decode, Encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::Admin;
use super::error::AdminError;
use super::idempotency::{Created, IdempotencyKey};
use super::operator::{Operator, Role};
use super::precondition::Precondition;
use super::settings::Fault;
use super::time::{read_rfc3339, rfc3339};

/// What every token begins with, so that people and scanners of secrets know one when they see it.
const PREFIX: &str = "chancery_";

const FORMAT: u8 = 1;

/// How many tokens are looked up at a time.
const PAGE: usize = 256;

/// A token that an operator asks for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "monitoring", "role": "auditor"}))]
pub struct NewToken {
    /// For people: whose it is, or what for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Until when it is good (RFC 3339); for ever if left out.
    #[serde(default)]
    pub expires: Option<String>,
}

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// Names it.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// `valid`, `expired` or `revoked`.
    pub status: String,
    /// When it was made (RFC 3339).
    pub created: String,
    /// Until when it is good (RFC 3339).
    pub expires: Option<String>,
    /// When it was used last, to the minute (RFC 3339).
    pub last_used: Option<String>,
    /// When it was revoked (RFC 3339).
    pub revoked: Option<String>,
    /// Counts changes; the ETag.
    pub revision: u64,
    /// The secret: only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// A token as the store keeps it.
#[derive(Clone, Debug, Encode, Decode)]
struct Token {
    #[n(0)]
    name: String,
    /// 0 auditor, 1 operator, 2 administrator.
    #[n(1)]
    role: u8,
    /// SHA-256 of the secret, which has 256 random bits: nothing slower is needed.
    #[cbor(n(2), with = "minicbor::bytes")]
    digest: [u8; 32],
    #[n(3)]
    created: Timestamp,
    #[n(4)]
    expires: Option<Timestamp>,
    #[n(5)]
    revoked: Option<Timestamp>,
}

struct Kept {
    id: Id,
    revision: Revision,
    token: Token,
}

impl Admin {
    /// Makes a token.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn create_token(
        &self,
        operator: &Operator,
        new: &NewToken,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created, AdminError> {
        operator.may(Role::Administrator)?;
        let name = name(&new.name)?;
        let expires = new.expires.as_deref().map(|text| read_rfc3339("expires", text)).transpose()?;
        if expires.is_some_and(|expires| expires <= self.engine.now()) {
            return Err(Fault::new("expires", "it lies in the past").into());
        }
        let secret = secret();
        let plan = async || {
            let (kept, mut view, deed) =
                made(self.engine.new_id(), &name, new.role, expires, &secret, self.engine.now());
            view.secret = Some(secret.expose_secret().to_owned());
            Ok(Act { guards: Vec::new(), writes: vec![kept.write()], deeds: vec![deed], outcome: json(&view) })
        };
        self.create_once(&operator.who, key, plan).await
    }

    /// Makes the first token, an administrator's with this secret, if there never was any; answers whether it did.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn first_token(&self, secret: &SecretString) -> Result<bool, AdminError> {
        let act = async || {
            if self.has_tokens().await? {
                return Ok(Act::nothing(false));
            }
            let (id, now) = (self.engine.new_id(), self.engine.now());
            let (kept, _, deed) = made(id, "first", Role::Administrator, None, secret, now);
            Ok(Act { guards: Vec::new(), writes: vec![kept.write()], deeds: vec![deed], outcome: true })
        };
        Ok(self.engine.administer(&Operator::system().who, act).await?)
    }

    /// Whether there ever was a token.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn has_tokens(&self) -> Result<bool, AdminError> {
        Ok(!self.store.scan(Kind::Token, None, 1).await?.is_empty())
    }

    /// Whoever has this secret.
    ///
    /// # Errors
    /// [`AdminError::Unauthenticated`] if nobody has, or not any more.
    pub async fn authenticate(&self, secret: &str) -> Result<Operator, AdminError> {
        Ok(self.bearer(secret).await?.1)
    }

    /// The same, with the id of the token.
    pub(super) async fn bearer(&self, secret: &str) -> Result<(Id, Operator), AdminError> {
        let unknown = || AdminError::Unauthenticated("the token is not known; ask an administrator for one".to_owned());
        let digest = sha256(secret.as_bytes());
        let Some(object) = self.store.find(&term(&digest)).await? else { return Err(unknown()) };
        let Some(kept) = self.token(object.id).await? else { return Err(unknown()) };
        if verify_slices_are_equal(&kept.token.digest, &digest).is_err() {
            return Err(unknown());
        }
        Ok((kept.id, self.lets_in(&kept)?))
    }

    /// Whoever holds the token of this id, as long as it lets anybody in.
    pub(super) async fn holder(&self, token: Id) -> Result<Operator, AdminError> {
        let gone = || AdminError::Unauthenticated("the token is gone; ask an administrator for one".to_owned());
        self.lets_in(&self.token(token).await?.ok_or_else(gone)?)
    }

    fn lets_in(&self, kept: &Kept) -> Result<Operator, AdminError> {
        match kept.status(self.engine.now()) {
            "valid" => {}
            status => return Err(AdminError::Unauthenticated(format!("the token is {status}"))),
        }
        self.engine.saw(sighted(kept.id));
        Ok(Operator { who: format!("token:{} {}", kept.id, kept.token.name), role: role(kept.token.role) })
    }

    /// One token.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn read_token(&self, operator: &Operator, id: &str) -> Result<TokenView, AdminError> {
        operator.may(Role::Auditor)?;
        let kept = self.find_token(id).await?;
        self.token_view(&kept).await
    }

    /// A page of the tokens, the newest first, and where the next one begins.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_tokens(
        &self,
        operator: &Operator,
        after: Option<Id>,
        limit: usize,
    ) -> Result<(Vec<TokenView>, Option<Id>), AdminError> {
        operator.may(Role::Auditor)?;
        let after = after.map(|id| Found { term: Vec::new(), object: ObjectId { kind: Kind::Token, id } });
        let range = Range::Kind(Kind::Token);
        let page = self.store.walk(&range, Direction::Descending, after.as_ref(), limit + 1).await?;
        let mut views = Vec::with_capacity(page.len());
        for found in page.iter().take(limit) {
            if let Some(kept) = self.token(found.object.id).await? {
                views.push(self.token_view(&kept).await?);
            }
        }
        let more = page.len() > limit;
        let last = page.into_iter().take(limit).next_back().filter(|_| more).map(|found| found.object.id);
        Ok((views, last))
    }

    /// Revokes a token: from then on it lets nobody in.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn revoke_token(
        &self,
        operator: &Operator,
        id: &str,
        precondition: Precondition,
    ) -> Result<TokenView, AdminError> {
        operator.may(Role::Administrator)?;
        let act = async || {
            let kept = self.find_token(id).await?;
            precondition.check(kept.revision.0)?;
            let now = self.engine.now();
            let before = kept.view_at(kept.revision, now, None);
            if kept.token.revoked.is_some() {
                return Ok(Act::nothing(before));
            }
            if kept.administers(now) && !self.another_administrator(kept.id, now).await? {
                let why = "it is the last administrator's token; make another one first";
                return Err(AdminError::Refused(why.to_owned()));
            }
            let kept = Kept { token: Token { revoked: Some(now), ..kept.token }, ..kept };
            let after = kept.view_at(kept.revision.next(), now, None);
            let deed = Deed {
                action: "revoke",
                object: format!("token/{}", kept.id),
                before: Some(json(&before).to_string()),
                after: Some(json(&after).to_string()),
            };
            Ok(Act { guards: Vec::new(), writes: vec![kept.write()], deeds: vec![deed], outcome: after })
        };
        Ok(self.engine.administer(&operator.who, act).await?)
    }

    /// Whether another token than this is an administrator's and good.
    async fn another_administrator(&self, id: Id, now: Timestamp) -> Result<bool, AdminError> {
        let mut after = None;
        loop {
            let page = self.store.scan(Kind::Token, after, PAGE).await?;
            for object in page.iter().filter(|object| object.id != id) {
                if self.token(object.id).await?.is_some_and(|kept| kept.administers(now)) {
                    return Ok(true);
                }
            }
            after = page.last().copied();
            if page.len() < PAGE {
                return Ok(false);
            }
        }
    }

    async fn find_token(&self, id: &str) -> Result<Kept, AdminError> {
        let absent = || AdminError::Absent(format!("token {id:?}"));
        self.token(Id::parse(id).ok_or_else(absent)?).await?.ok_or_else(absent)
    }

    async fn token_view(&self, kept: &Kept) -> Result<TokenView, AdminError> {
        let last_used = self.engine.last_seen(sighted(kept.id)).await?;
        Ok(kept.view_at(kept.revision, self.engine.now(), last_used))
    }

    async fn token(&self, id: Id) -> Result<Option<Kept>, StoreError> {
        let object = ObjectId { kind: Kind::Token, id };
        let Some(stored) = self.store.load(object).await? else { return Ok(None) };
        let corrupt = |why: String| StoreError::Corrupt(format!("{object}: {why}"));
        let token = match stored.bytes.split_first() {
            Some((&FORMAT, bytes)) => minicbor::decode(bytes).map_err(|bad| corrupt(bad.to_string()))?,
            Some((other, _)) => return Err(corrupt(format!("it has format {other}, and this program reads {FORMAT}"))),
            None => return Err(corrupt("it is empty".to_owned())),
        };
        Ok(Some(Kept { id, revision: stored.revision, token }))
    }
}

/// Makes an administrator's token in a store that no server has open; answers its secret.
///
/// # Errors
/// [`CommitError`].
pub async fn make_offline(store: &dyn Store, id: Id, now: Timestamp) -> Result<SecretString, CommitError> {
    let secret = secret();
    let (kept, _, deed) = made(id, "made offline", Role::Administrator, None, &secret, now);
    record_offline(store, "offline", vec![kept.write()], vec![deed], now).await?;
    Ok(secret)
}

/// A new token, how it is shown without its secret, and what the log says of it.
fn made(
    id: Id,
    name: &str,
    role: Role,
    expires: Option<Timestamp>,
    secret: &SecretString,
    created: Timestamp,
) -> (Kept, TokenView, Deed) {
    let digest = sha256(secret.expose_secret().as_bytes());
    let token = Token { name: name.to_owned(), role: role as u8, digest, created, expires, revoked: None };
    let kept = Kept { id, revision: Revision::ABSENT, token };
    let view = kept.view_at(Revision::ABSENT.next(), created, None);
    let after = Some(json(&view).to_string());
    let deed = Deed { action: "create", object: format!("token/{id}"), before: None, after };
    (kept, view, deed)
}

impl Kept {
    fn administers(&self, now: Timestamp) -> bool {
        role(self.token.role) == Role::Administrator && self.status(now) == "valid"
    }

    fn status(&self, now: Timestamp) -> &'static str {
        if self.token.revoked.is_some() {
            "revoked"
        } else if self.token.expires.is_some_and(|expires| now >= expires) {
            "expired"
        } else {
            "valid"
        }
    }

    fn view_at(&self, revision: Revision, now: Timestamp, last_used: Option<Timestamp>) -> TokenView {
        TokenView {
            id: self.id.to_string(),
            name: self.token.name.clone(),
            role: role(self.token.role),
            status: self.status(now).to_owned(),
            created: rfc3339(self.token.created),
            expires: self.token.expires.map(rfc3339),
            last_used: last_used.map(rfc3339),
            revoked: self.token.revoked.map(rfc3339),
            revision: revision.0,
            secret: None,
        }
    }

    fn write(&self) -> Write {
        let mut bytes = vec![FORMAT];
        // Writing to a Vec cannot fail.
        let _ = minicbor::encode(&self.token, &mut bytes);
        let unique = vec![term(&self.token.digest)];
        let body = Body { bytes, owes: false, terms: Vec::new(), unique, forget_at: None };
        Write { object: ObjectId { kind: Kind::Token, id: self.id }, expected: self.revision, body: Some(body) }
    }
}

/// A secret of a new token: 256 random bits.
///
/// # Panics
/// If the operating system has no randomness to give.
#[must_use]
pub fn secret() -> SecretString {
    let mut random = Zeroizing::new([0_u8; 32]);
    aws_lc_rs::rand::fill(&mut *random).expect("the operating system gives randomness, or nothing here is safe");
    SecretString::from(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(*random)))
}

/// Sightings are kept by id alone, and no two objects of any kind share one.
const fn sighted(token: Id) -> AccountId {
    AccountId(token)
}

/// A digest of the digest: an index is compared byte by byte, and must not tell how much of a guess was right.
fn term(digest: &[u8; 32]) -> Term {
    Term([b"token/".as_slice(), &sha256(digest)].concat())
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
    sum
}

/// Roles are stored as their place.
fn role(place: u8) -> Role {
    Role::ALL.get(usize::from(place)).copied().unwrap_or(Role::Auditor)
}

fn name(text: &str) -> Result<String, Fault> {
    let sound = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if sound { Ok(text.to_owned()) } else { Err(Fault::new("name", "1 to 100 characters, and no control characters")) }
}

fn json(view: &TokenView) -> serde_json::Value {
    serde_json::to_value(view).unwrap_or_default()
}
