//! An operator's call to renew (RFC 9773): what it says, and how it is shown.

use chancery_machine::renewal::RenewalCall;
use chancery_machine::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::settings::Fault;
use super::time::rfc3339;
use crate::span::Span;

/// Nobody plans further ahead.
const LONGEST: u64 = 366 * 86_400;

/// A call to renew what was issued so far. Without anything it means at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(example = json!({"within": "2d"}))]
pub struct NewRenewalCall {
    /// Over how long the renewals are spread, up to a year; at once if left out.
    pub within: Option<Span>,
    /// Whether the call before is taken back.
    pub cancel: bool,
}

/// A call to renew.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RenewalCall)]
pub struct RenewalCallView {
    /// It is for what was issued up to this moment (RFC 3339).
    pub issued_until: String,
    /// By when that is to be renewed (RFC 3339).
    pub renewed_until: String,
}

impl NewRenewalCall {
    /// The call that this is at that moment, or none any more.
    ///
    /// # Errors
    /// [`Fault`] of the field at fault.
    pub fn made(self, now: Timestamp) -> Result<Option<RenewalCall>, Fault> {
        match (self.cancel, self.within) {
            (true, None) => Ok(None),
            (true, Some(_)) => Err(Fault::new("cancel", "either a call or its end, not both")),
            (false, Some(within)) if within.0.0 > LONGEST => Err(Fault::new("within", "it is longer than a year")),
            (false, within) => {
                Ok(Some(RenewalCall { at: now, until: within.map_or(now, |within| now.plus(within.into())) }))
            }
        }
    }
}

impl From<RenewalCall> for RenewalCallView {
    fn from(call: RenewalCall) -> Self {
        Self { issued_until: rfc3339(call.at), renewed_until: rfc3339(call.until) }
    }
}
