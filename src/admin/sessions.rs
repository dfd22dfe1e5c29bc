//! Sessions: operators who have signed in with a browser. A token is shown once, and a cookie stands for it from then on.
//!
//! A session is an object of the store like all others, so every node knows it, and signing out ends it everywhere. Only
//! a digest of its secret is kept. It never lets in more than its token does: that is looked up anew with each request, so
//! a token that was revoked lets nobody in through a session either.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_actors::audit::{Act, Deed};
use chancery_actors::ports::{Body, Direction, Kind, ObjectId, Range, Revision, StoreError, Term, Write};
use chancery_machine::id::{AccountId, Id};
use chancery_machine::time::Timestamp;
use minicbor::{Decode, Encode};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::Admin;
use super::error::AdminError;
use super::operator::Operator;
use super::tokens::sha256;

const FORMAT: u8 = 1;

/// How many sessions a token has at most; whoever signs in once more ends the oldest one.
const MOST: usize = 32;

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRules {
    /// Without a request.
    pub idle: Duration,
    /// At the most.
    pub lifetime: Duration,
}

/// Somebody who has signed in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who, and what they may do.
    pub operator: Operator,
    /// What their forms have to carry: a page of another site cannot know it.
    pub form_key: String,
}

/// A session that has just begun.
pub struct Begun {
    /// What its cookie holds, 256 random bits.
    pub secret: SecretString,
    /// Who has signed in.
    pub session: Session,
}

/// A session as the store keeps it.
#[derive(Clone, Debug, Encode, Decode)]
struct Kept {
    /// Its token.
    #[n(0)]
    token: Id,
    /// SHA-256 of its secret.
    #[cbor(n(1), with = "minicbor::bytes")]
    digest: [u8; 32],
    #[n(2)]
    created: Timestamp,
}

struct Found {
    object: ObjectId,
    revision: Revision,
    kept: Kept,
}

impl Admin {
    /// Begins a session of whoever has this token.
    ///
    /// # Errors
    /// [`AdminError::Unauthenticated`] if the token lets nobody in.
    pub async fn sign_in(&self, token: &str) -> Result<Begun, AdminError> {
        let (token, operator) = self.bearer(token).await?;
        let mut random = Zeroizing::new([0_u8; 32]);
        aws_lc_rs::rand::fill(&mut *random).expect("the operating system gives randomness, or nothing here is safe");
        let secret = SecretString::from(URL_SAFE_NO_PAD.encode(*random));
        let (id, now) = (self.engine.new_id(), self.engine.now());
        let digest = sha256(secret.expose_secret().as_bytes());
        let kept = Kept { token, digest, created: now };
        let act = async || {
            let mut writes = self.surplus(token).await?;
            writes.push(kept.write(id, now.plus(self.sessions.lifetime)));
            let deed = Deed { action: "signIn", object: format!("token/{token}"), before: None, after: None };
            Ok::<_, AdminError>(Act { guards: Vec::new(), writes, deeds: vec![deed], outcome: () })
        };
        self.engine.administer(&operator.who, act).await?;
        let session = Session { operator, form_key: form_key(&secret) };
        Ok(Begun { secret, session })
    }

    /// The session of this cookie, which goes on from now.
    ///
    /// # Errors
    /// [`AdminError::Unauthenticated`] if there is none, or not any more.
    pub async fn session(&self, secret: &SecretString) -> Result<Session, AdminError> {
        let (session, id) = self.running(secret).await?;
        self.engine.saw_passing(sighted(id), self.sessions.lifetime);
        Ok(session)
    }

    /// The same for what a page asks by itself: nobody sits before it for that, so the session does not go on from now.
    ///
    /// # Errors
    /// [`AdminError::Unauthenticated`] if there is none, or not any more.
    pub async fn session_at_rest(&self, secret: &SecretString) -> Result<Session, AdminError> {
        Ok(self.running(secret).await?.0)
    }

    async fn running(&self, secret: &SecretString) -> Result<(Session, Id), AdminError> {
        let over = || AdminError::Unauthenticated("the session is over; sign in again".to_owned());
        let found = self.find_session(secret).await?.ok_or_else(over)?;
        let now = self.engine.now();
        let seen = self.engine.last_seen(sighted(found.object.id)).await?.unwrap_or(found.kept.created);
        if now >= found.kept.created.plus(self.sessions.lifetime) || now >= seen.plus(self.sessions.idle) {
            return Err(over());
        }
        let operator = self.holder(found.kept.token).await?;
        Ok((Session { operator, form_key: form_key(secret) }, found.object.id))
    }

    /// Ends a session. Once more does nothing.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn sign_out(&self, operator: &Operator, secret: &SecretString) -> Result<(), AdminError> {
        let act = async || {
            let Some(found) = self.find_session(secret).await? else { return Ok(Act::nothing(())) };
            let token = found.kept.token;
            let deed = Deed { action: "signOut", object: format!("token/{token}"), before: None, after: None };
            Ok::<_, AdminError>(Act { guards: Vec::new(), writes: vec![found.end()], deeds: vec![deed], outcome: () })
        };
        Ok(self.engine.administer(&operator.who, act).await?)
    }

    /// The writes that end the oldest sessions of a token, so that one more may begin.
    async fn surplus(&self, token: Id) -> Result<Vec<Write>, StoreError> {
        let range = Range::of(of_token(token));
        let all = self.store.walk(&range, Direction::Descending, None, 2 * MOST).await?;
        let mut writes = Vec::new();
        for place in all.into_iter().skip(MOST - 1) {
            writes.extend(self.load_session(place.object).await?.map(|found| found.end()));
        }
        Ok(writes)
    }

    async fn find_session(&self, secret: &SecretString) -> Result<Option<Found>, StoreError> {
        let digest = sha256(secret.expose_secret().as_bytes());
        let Some(object) = self.store.find(&term(&digest)).await? else { return Ok(None) };
        let found = self.load_session(object).await?;
        Ok(found.filter(|found| verify_slices_are_equal(&found.kept.digest, &digest).is_ok()))
    }

    async fn load_session(&self, object: ObjectId) -> Result<Option<Found>, StoreError> {
        let Some(stored) = self.store.load(object).await? else { return Ok(None) };
        let corrupt = |why: String| StoreError::Corrupt(format!("{object}: {why}"));
        let kept = match stored.bytes.split_first() {
            Some((&FORMAT, bytes)) => minicbor::decode(bytes).map_err(|bad| corrupt(bad.to_string()))?,
            Some((other, _)) => return Err(corrupt(format!("it has format {other}, and this program reads {FORMAT}"))),
            None => return Err(corrupt("it is empty".to_owned())),
        };
        Ok(Some(Found { object, revision: stored.revision, kept }))
    }
}

impl Session {
    /// Whether a form comes from one of this session's own pages.
    #[must_use]
    pub fn sent(&self, form_key: &str) -> bool {
        verify_slices_are_equal(self.form_key.as_bytes(), form_key.as_bytes()).is_ok()
    }
}

impl Kept {
    fn write(&self, id: Id, forget_at: Timestamp) -> Write {
        let mut bytes = vec![FORMAT];
        // Writing to a Vec cannot fail.
        let _ = minicbor::encode(self, &mut bytes);
        let (terms, unique) = (vec![of_token(self.token)], vec![term(&self.digest)]);
        let body = Body { bytes, owes: false, terms, unique, forget_at: Some(forget_at) };
        Write { object: ObjectId { kind: Kind::Session, id }, expected: Revision::ABSENT, body: Some(body) }
    }
}

impl Found {
    fn end(&self) -> Write {
        Write { object: self.object, expected: self.revision, body: None }
    }
}

/// What forms carry: it follows from the secret, and the secret does not follow from it.
fn form_key(secret: &SecretString) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, b"chancery form key"))
}

/// Sightings are kept by id alone, and no two objects of any kind share one.
const fn sighted(session: Id) -> AccountId {
    AccountId(session)
}

/// A digest of the digest: an index is compared byte by byte, and must not tell how much of a guess was right.
fn term(digest: &[u8; 32]) -> Term {
    Term([b"session/".as_slice(), &sha256(digest)].concat())
}

fn of_token(token: Id) -> Term {
    Term([b"sessions-of/".as_slice(), &token.bytes()].concat())
}
