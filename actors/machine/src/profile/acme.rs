//! The ACME Profile: how an endpoint behaves.

use minicbor::{Decode, Encode};

use super::{ProfileName, ProfileRevision, Seconds};
use crate::challenge::ChallengeType;
use crate::network::NetworkRules;
use crate::perspective::Perspectives;
use crate::renewal::RenewalRules;
use crate::time::Timestamp;

/// How one ACME endpoint behaves.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AcmeProfile {
    /// The segment of the URL; never changes.
    #[n(0)]
    pub name: ProfileName,
    /// Counts changes.
    #[n(1)]
    pub revision: ProfileRevision,
    /// For people.
    #[n(2)]
    pub description: String,
    /// Whether its endpoints answer.
    #[n(3)]
    pub enabled: bool,
    /// The RA Profile that issues for `/acme/{acmeProfile}/…`.
    #[n(4)]
    pub default_ra_profile: Option<ProfileName>,
    /// What has to be agreed to.
    #[n(5)]
    pub terms: TermsOfService,
    /// `website` of the directory.
    #[n(6)]
    pub website: Option<String>,
    /// `caaIdentities` of the directory.
    #[n(7)]
    pub caa_identities: Vec<String>,
    /// Whether accounts need a contact.
    #[n(8)]
    pub contact_required: bool,
    /// Whether new accounts need an external account binding (RFC 8555 section 7.3.4).
    #[n(9)]
    pub binding_required: bool,
    /// The challenge types that are offered.
    #[n(10)]
    pub challenges: Vec<ChallengeType>,
    /// How long an order may be worked on.
    #[n(11)]
    pub order_validity: Seconds,
    /// How long control, once proven, counts.
    #[n(12)]
    pub authorization_validity: Seconds,
    /// For how long after it was proven new orders of the same account rely on it; not at all if `None`.
    #[n(13)]
    pub authorization_reuse: Option<Seconds>,
    /// How often a validation is tried, and when clients are asked to come back.
    #[n(14)]
    pub retry: RetryRules,
    /// What validation may contact, and how.
    #[n(15)]
    pub network: NetworkRules,
    /// What one account, or one address, may ask for.
    #[n(16)]
    pub limits: Limits,
    /// The RA Profiles that orders may name instead of the default, at `/acme/{acmeProfile}/…` (draft-ietf-acme-profiles).
    /// Where there are none, orders name no profile at all.
    #[cbor(n(17), default)]
    pub offers: Vec<ProfileName>,
    /// Whether and how it says when certificates are to be renewed (RFC 9773).
    #[cbor(n(18), default)]
    pub renewal: RenewalRules,
    /// Whether newAuthz is not offered (RFC 8555 section 7.4.1): it is, unless an operator has said otherwise.
    #[cbor(n(19), default)]
    pub no_pre_authorization: bool,
    /// Whether an authorization may be for what is below its name too (RFC 9444).
    #[cbor(n(20), default)]
    pub subdomains: bool,
    /// From where else it is looked whether control is proven, and how many must agree.
    #[cbor(n(22), default)]
    pub perspectives: Perspectives,
    /// What orders may ask for whose certificates are renewed automatically; there are none if `None`.
    #[n(21)]
    pub auto_renewal: Option<AutoRenewalRules>,
    /// Which draft dns-persist-01 follows.
    #[cbor(n(23), default)]
    pub persist_draft: PersistDraft,
    /// Whether CAA records are not asked for (RFC 8659): they are, unless an operator has said otherwise.
    #[cbor(n(24), default)]
    pub ignores_caa: bool,
}

/// What orders may ask for whose certificates are renewed automatically (RFC 8739 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AutoRenewalRules {
    /// The shortest `lifetime`.
    #[n(0)]
    pub min_lifetime: Seconds,
    /// The longest time from `start-date` to `end-date`.
    #[n(1)]
    pub max_duration: Seconds,
    /// Whether an order may have its certificate given to whoever has the URL.
    #[n(2)]
    pub certificate_get: bool,
}

/// A revision of draft-ietf-acme-dns-persist. They share the name of the challenge and differ in what its record says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum PersistDraft {
    /// Revision -01: the record names the account by its URL.
    #[default]
    #[n(1)]
    Draft01,
    /// Revision -02: it names it by a digest.
    #[n(2)]
    Draft02,
}

impl PersistDraft {
    /// The number of the revision.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Draft01 => 1,
            Self::Draft02 => 2,
        }
    }

    /// The revision of that number, if it is spoken here.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Draft01),
            2 => Some(Self::Draft02),
            _ => None,
        }
    }
}

/// The terms of service of an endpoint (RFC 8555 sections 7.3 and 7.3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct TermsOfService {
    /// `termsOfService` of the directory.
    #[n(0)]
    pub url: Option<String>,
    /// Whether new accounts have to agree, where there is a URL.
    #[n(1)]
    pub agreement_required: bool,
    /// Where a person agrees to changed terms: the `instance` of the problem.
    #[n(2)]
    pub change_url: Option<String>,
    /// Whether accounts that have not agreed since the terms changed may not place orders.
    #[n(3)]
    pub no_new_orders: bool,
    /// When the terms changed last, if they ever did.
    #[n(4)]
    pub changed: Option<Timestamp>,
}

impl TermsOfService {
    /// Whether an account that agreed at that moment, or never, has to agree before it may place orders.
    #[must_use]
    pub fn bars(&self, agreed: Option<Timestamp>) -> bool {
        self.no_new_orders && self.changed.is_some_and(|changed| agreed.is_none_or(|agreed| agreed < changed))
    }
}

/// How often a validation is tried (RFC 8555 section 8.2), and when clients come back.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RetryRules {
    /// The pauses between attempts: one attempt more than there are pauses.
    #[n(0)]
    pub pauses: Vec<Seconds>,
    /// The `Retry-After` where nothing better is known; 30 s if `None`.
    #[n(1)]
    pub interval: Option<Seconds>,
}

impl RetryRules {
    /// The `Retry-After` where nothing better is known.
    #[must_use]
    pub fn interval(&self) -> Seconds {
        self.interval.unwrap_or(Seconds(30))
    }
}

/// What one account, or one address, may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Limits {
    /// How many identifiers an order may have.
    #[n(0)]
    pub identifiers_per_order: u32,
    /// How many orders of one account may be pending or ready at a time.
    #[n(1)]
    pub open_orders_per_account: Option<u32>,
    /// How many orders one account may place in an hour.
    #[n(2)]
    pub orders_per_hour: Option<u32>,
    /// How many accounts one network address (IPv4) or /64 (IPv6) may make in an hour.
    #[n(3)]
    pub accounts_per_hour: Option<u32>,
    /// How many orders of one account may be renewed automatically at a time, those counted that will be once they are
    /// finalized.
    #[n(4)]
    pub renewing_orders_per_account: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            identifiers_per_order: 100,
            open_orders_per_account: None,
            orders_per_hour: None,
            accounts_per_hour: None,
            renewing_orders_per_account: None,
        }
    }
}
