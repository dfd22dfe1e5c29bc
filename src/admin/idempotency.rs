//! Idempotency keys: a create that is sent again, since its answer was lost, is answered again and not done again.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use chancery_actors::audit::Act;
use chancery_actors::error::TurnError;
use chancery_actors::ports::{Body, Kind, ObjectId, Revision, Term, Write};
use minicbor::{Decode, Encode};
use serde_json::Value;

use super::Admin;
use super::error::AdminError;

/// How long an answer can be asked for again.
const KEPT: Duration = Duration::from_secs(86_400);

const PURPOSE: &str = "idempotency";

/// A key that came with a request, and what the request was.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    term: Term,
    /// Of the request.
    digest: [u8; 32],
}

#[derive(Encode, Decode)]
struct Record {
    #[cbor(n(0), with = "minicbor::bytes")]
    digest: [u8; 32],
    /// The answer, sealed: it may hold a secret that is shown once.
    #[cbor(n(1), with = "minicbor::bytes")]
    answer: Vec<u8>,
}

/// What a create came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Created {
    /// What there is now.
    pub view: Value,
    /// Whether this very request was answered before.
    pub replayed: bool,
}

impl Admin {
    /// Does what `plan` says, and keeps its outcome as the answer; where the same request was answered before, nothing is
    /// planned, and that is the answer.
    pub(super) async fn create_once(
        &self,
        who: &str,
        key: Option<&IdempotencyKey>,
        plan: impl AsyncFn() -> Result<Act<Value>, AdminError>,
    ) -> Result<Created, AdminError> {
        let once = async || {
            if let Some(answered) = self.answered(key).await? {
                return Ok(Act::nothing(answered));
            }
            let Act { guards, mut writes, deeds, outcome: view } = plan().await?;
            if let Some(key) = key {
                writes.push(key.record(self, &view)?);
            }
            Ok(Act { guards, writes, deeds, outcome: Created { view, replayed: false } })
        };
        Ok(self.engine.administer(who, once).await?)
    }

    /// What the same request was answered with before, if it was.
    ///
    /// # Errors
    /// [`AdminError::KeyReused`] if it was another request.
    pub(super) async fn answered(&self, key: Option<&IdempotencyKey>) -> Result<Option<Created>, AdminError> {
        let Some(key) = key else { return Ok(None) };
        Ok(key.answer(self).await?.map(|view| Created { view, replayed: true }))
    }
}

impl IdempotencyKey {
    /// A key of this operator, for this request.
    ///
    /// # Errors
    /// [`AdminError::Malformed`] for a key that is empty, longer than 255 characters, or not printable ASCII.
    pub fn new(who: &str, key: &str, request: &[u8]) -> Result<Self, AdminError> {
        if key.is_empty() || key.len() > 255 || !key.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Err(AdminError::Malformed("Idempotency-Key takes 1 to 255 printable characters".to_owned()));
        }
        let named = digest(&SHA256, &[who.as_bytes(), b"\0", key.as_bytes()].concat());
        let mut sum = [0; 32];
        sum.copy_from_slice(digest(&SHA256, request).as_ref());
        Ok(Self { term: Term([b"idempotency/".as_slice(), named.as_ref()].concat()), digest: sum })
    }

    async fn answer(&self, admin: &Admin) -> Result<Option<Value>, AdminError> {
        let Some(object) = admin.store.find(&self.term).await? else { return Ok(None) };
        let Some(stored) = admin.store.load(object).await? else { return Ok(None) };
        let lost =
            || TurnError::Unavailable("the answer that was kept for this Idempotency-Key cannot be read".to_owned());
        let record: Record = minicbor::decode(&stored.bytes).map_err(|_| lost())?;
        if record.digest != self.digest {
            return Err(AdminError::KeyReused);
        }
        let answer = admin.vault.unseal(PURPOSE, &record.answer)?;
        Ok(serde_json::from_slice(&answer).map(Some).map_err(|_| lost())?)
    }

    /// The write that keeps the answer, in the commit that does what was asked.
    fn record(&self, admin: &Admin, answer: &Value) -> Result<Write, AdminError> {
        let sealed = admin.vault.seal(PURPOSE, answer.to_string().as_bytes())?;
        let mut bytes = Vec::new();
        // Writing to a Vec cannot fail.
        let _ = minicbor::encode(Record { digest: self.digest, answer: sealed }, &mut bytes);
        let forget_at = Some(admin.engine.now().plus(KEPT));
        let body = Body { bytes, owes: false, terms: Vec::new(), unique: vec![self.term.clone()], forget_at };
        let object = ObjectId { kind: Kind::Idempotency, id: admin.engine.new_id() };
        Ok(Write { object, expected: Revision::ABSENT, body: Some(body) })
    }
}
