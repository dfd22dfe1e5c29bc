//! What operators see of the audit log.

use chancery_actors::audit::{Broken, Verified};
use chancery_actors::listing::{AuditQuery, Cursor, Page};
use chancery_machine::audit::{AuditEntry, EntryDigest};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Admin;
use super::error::AdminError;
use super::objects::{absent, hex};
use super::operator::{Operator, Role};
use super::time::rfc3339;

/// One thing that somebody did.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditEntry)]
pub struct AuditEntryView {
    /// Its number: 1 for the first, and no gaps.
    pub number: u64,
    /// When (RFC 3339).
    pub at: String,
    /// Who, as in `token:… name`, `certificate:…` or `system`.
    pub who: String,
    /// What, as in `create` or `disable`.
    pub action: String,
    /// To what, as in `acmeProfile/default`.
    pub object: String,
    /// How it was.
    pub before: Option<Value>,
    /// How it is since.
    pub after: Option<Value>,
    /// The SHA-256 digest of the entry before, in hexadecimal.
    pub previous: String,
}

/// How far the audit log is whole.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditVerification)]
pub struct VerificationView {
    /// The number of the first entry that is kept.
    pub first: u64,
    /// The number of the last entry, 0 if there is none.
    pub last: u64,
    /// The digest of the last entry, in hexadecimal. Noted elsewhere with its number, it proves later that the log was not
    /// written anew.
    pub digest: String,
    /// Whether every entry follows from the one before it, and the expected one is there.
    pub intact: bool,
    /// What is wrong first.
    pub broken: Option<String>,
}

/// An entry as somebody noted it earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its number.
    pub number: u64,
    /// Its digest.
    pub digest: EntryDigest,
}

impl Admin {
    /// A page of the log.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_audit(
        &self,
        operator: &Operator,
        query: &AuditQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<AuditEntryView>, AdminError> {
        operator.may(Role::Auditor)?;
        Ok(self.engine.list_audit(query, after, limit).await?.map(AuditEntryView::from))
    }

    /// One entry of the log.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn read_audit(&self, operator: &Operator, number: &str) -> Result<AuditEntryView, AdminError> {
        operator.may(Role::Auditor)?;
        let absent = || absent("audit entry", number);
        let named: u64 = number.parse().map_err(|_| absent())?;
        Ok(self.engine.audit_entry(named).await?.ok_or_else(absent)?.into())
    }

    /// Follows the log from its first entry to its end, and looks whether an entry is as it was noted earlier.
    ///
    /// # Errors
    /// [`AdminError::Refused`] if the noted entry was removed after its retention: then nothing can be said.
    pub async fn verify_audit(
        &self,
        operator: &Operator,
        expected: Option<Expected>,
    ) -> Result<VerificationView, AdminError> {
        operator.may(Role::Auditor)?;
        let verified = self.engine.verify_audit().await?;
        let mut broken = verified.broken.as_ref().map(Broken::to_string);
        if let Some(expected) = expected
            && broken.is_none()
        {
            broken = self.differs(&verified, expected).await?;
        }
        Ok(VerificationView {
            first: verified.first,
            last: verified.last,
            digest: hex(&verified.digest),
            intact: broken.is_none(),
            broken,
        })
    }

    /// What is wrong with a log that is whole in itself, for somebody who noted an entry. Every entry is named by the one
    /// after it.
    async fn differs(&self, verified: &Verified, expected: Expected) -> Result<Option<String>, AdminError> {
        let Expected { number, digest } = expected;
        if number > verified.last {
            let last = verified.last;
            return Ok(Some(format!("entry {number} is missing: the log ends with entry {last}, so it was cut")));
        }
        if number + 1 < verified.first {
            let first = verified.first;
            return Err(AdminError::Refused(format!(
                "the log is kept from entry {first} on, so entry {number} is gone"
            )));
        }
        let found = if number == verified.last {
            Some(verified.digest)
        } else {
            self.engine.audit_entry(number + 1).await?.map(|after| after.previous)
        };
        let differs = found != Some(digest);
        Ok(differs.then(|| format!("entry {number} has another digest than was noted: the log was written anew")))
    }
}

impl From<AuditEntry> for AuditEntryView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            number: entry.number,
            at: rfc3339(entry.at),
            who: entry.who,
            action: entry.action,
            object: entry.object,
            before: entry.before.map(value),
            after: entry.after.map(value),
            previous: hex(&entry.previous),
        }
    }
}

/// What cannot be read as JSON is shown as it is.
fn value(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}
