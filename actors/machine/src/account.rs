//! The account (RFC 8555 section 7.1.2).
//!
//! ```text
//!                   valid
//!                     |
//!                     |
//!         +-----------+-----------+
//!  Client |                Server |
//! deactiv.|                revoke |
//!         V                       V
//!    deactivated               revoked
//! ```
//!
//! (RFC 8555 section 7.1.6; [`crate::diagram`] prints it from the code.)

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use crate::certificate::RevocationReason;
use crate::id::EabId;
use crate::machine::{Machine, Step};
use crate::profile::{Endpoint, ProfileName};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Account {
    /// The form of URL under which it registered; it counts nowhere else.
    #[n(0)]
    pub endpoint: Endpoint,
    /// Its key.
    #[n(1)]
    pub key: AccountKey,
    /// Contact URLs.
    #[n(2)]
    pub contacts: Vec<String>,
    /// When the terms of service were agreed to.
    #[n(3)]
    pub terms_agreed: Option<Timestamp>,
    /// When it was made.
    #[n(4)]
    pub created: Timestamp,
    /// Where it stands.
    #[n(5)]
    pub state: AccountState,
    /// Since when an operator lets it do nothing.
    #[n(6)]
    pub disabled: Option<Timestamp>,
    /// Under `/acme/raProfile/…`: the ACME Profile that was activated when it registered. It counts with no other.
    #[n(7)]
    pub acme_profile: Option<ProfileName>,
    /// The external account that it is bound to (RFC 8555 section 7.3.4).
    #[n(8)]
    pub binding: Option<AccountBinding>,
    /// The thumbprints of the keys that it had before, the last one at the end, at most [`FORMER_KEYS`]. Records of
    /// dns-persist-01 that were made with them go on to name it.
    #[cbor(n(9), default)]
    pub former_keys: Vec<ByteArray<32>>,
}

/// How many keys of the past are known of an account.
pub const FORMER_KEYS: usize = 100;

/// How an account is bound to an external one (RFC 8555 section 7.3.4).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AccountBinding {
    /// The credential that was used.
    #[n(0)]
    pub credential: EabId,
    /// The `externalAccountBinding` as the client sent it, JSON, verified.
    #[n(1)]
    pub object: String,
}

/// When an account was seen last. A record of its own, since it says nothing that an account's guards care for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Sighting {
    /// When it sent its last request, to about a minute.
    #[n(0)]
    pub last_seen: Timestamp,
}

/// The public key of an account, in the forms in which it is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AccountKey {
    /// The JWK with its required members only (RFC 7638 section 3).
    #[n(0)]
    pub jwk: String,
    /// SHA-256 of that JWK (RFC 7638).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub thumbprint: [u8; 32],
    /// SHA-256 of the key's SubjectPublicKeyInfo, by which a CSR with the same key is found (RFC 8555 section 11.1).
    #[cbor(n(2), with = "minicbor::bytes")]
    pub spki_sha256: [u8; 32],
}

/// Where an account stands.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum AccountState {
    /// In use.
    #[n(0)]
    Valid,
    /// Its holder closed it.
    #[n(1)]
    Deactivated {
        /// When.
        #[n(0)]
        at: Timestamp,
        /// Whether its open orders and authorizations were ended.
        #[n(1)]
        settled: bool,
    },
    /// The server closed it.
    #[n(2)]
    Revoked {
        /// When.
        #[n(0)]
        at: Timestamp,
        /// Whether its open orders and authorizations were ended, and its certificates revoked if that was asked for.
        #[n(1)]
        settled: bool,
        /// Whether the certificates that it was issued are revoked too, and why.
        #[n(2)]
        certificates: Option<RevocationReason>,
    },
}

/// What can happen to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountEvent {
    /// The client changed its contacts (RFC 8555 section 7.3.2).
    ContactsUpdated(Vec<String>),
    /// The client changed its key (RFC 8555 section 7.3.5).
    KeyChanged(AccountKey),
    /// The client closed the account (RFC 8555 section 7.3.6).
    Deactivated,
    /// The server closed the account.
    Revoked {
        /// Whether the certificates that it was issued are revoked too, and why.
        certificates: Option<RevocationReason>,
    },
    /// An operator lets it do nothing for now.
    Disabled,
    /// An operator lets it go on.
    Enabled,
    /// Its holder agreed to the terms of service as they are now.
    TermsAgreed,
    /// Every open order and authorization was ended.
    WorkEnded,
}

/// What an account can owe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountEffect {
    /// End every open order and authorization, and come back with [`AccountEvent::WorkEnded`].
    EndWork,
    /// The same, and revoke every certificate that it was issued.
    EndWorkAndRevoke(RevocationReason),
}

/// The `status` of an account on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the words of RFC 8555 section 7.1.6")]
pub enum AccountStatus {
    Valid,
    Deactivated,
    Revoked,
}

impl AccountStatus {
    /// The word of the wire.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Deactivated => "deactivated",
            Self::Revoked => "revoked",
        }
    }
}

impl Account {
    /// The status that follows from the state.
    #[must_use]
    pub const fn status(&self) -> AccountStatus {
        match self.state {
            AccountState::Valid => AccountStatus::Valid,
            AccountState::Deactivated { .. } => AccountStatus::Deactivated,
            AccountState::Revoked { .. } => AccountStatus::Revoked,
        }
    }

    fn to(&self, state: AccountState) -> Step<Self> {
        Step::between(self, Self { state, ..self.clone() })
    }

    fn apply_valid(&self, event: AccountEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        match event {
            AccountEvent::ContactsUpdated(_) | AccountEvent::KeyChanged(_) | AccountEvent::Deactivated
                if self.disabled.is_some() =>
            {
                Err(Rejection::AccountDisabled)
            }
            AccountEvent::ContactsUpdated(contacts) if contacts == self.contacts => Err(Rejection::Stale),
            AccountEvent::ContactsUpdated(contacts) => Ok(Step::between(self, Self { contacts, ..self.clone() })),
            AccountEvent::KeyChanged(key) if key == self.key => Err(Rejection::Stale),
            AccountEvent::KeyChanged(key) => Ok(Step::between(self, self.with_key(key))),
            AccountEvent::Deactivated => Ok(self.to(AccountState::Deactivated { at: now, settled: false })),
            AccountEvent::Revoked { certificates } => {
                Ok(self.to(AccountState::Revoked { at: now, settled: false, certificates }))
            }
            AccountEvent::Disabled => self.disable(Some(now)),
            AccountEvent::Enabled => self.disable(None),
            AccountEvent::TermsAgreed => Ok(Step::between(self, Self { terms_agreed: Some(now), ..self.clone() })),
            AccountEvent::WorkEnded => Err(Rejection::Stale),
        }
    }

    fn with_key(&self, key: AccountKey) -> Self {
        let mut former_keys = self.former_keys.clone();
        // One that is had again is not of the past, and counts once.
        let (old, new) = (ByteArray::from(self.key.thumbprint), ByteArray::from(key.thumbprint));
        former_keys.retain(|former| *former != old && *former != new);
        former_keys.push(old);
        former_keys.drain(..former_keys.len().saturating_sub(FORMER_KEYS));
        Self { key, former_keys, ..self.clone() }
    }

    fn disable(&self, since: Option<Timestamp>) -> Result<Step<Self>, Rejection> {
        if self.disabled.is_some() == since.is_some() {
            return Err(Rejection::Stale);
        }
        Ok(Step::between(self, Self { disabled: since, ..self.clone() }))
    }

    /// `settle` makes the same state with `settled: true`, if it is not so already.
    fn apply_closed(&self, event: &AccountEvent, settled: Option<AccountState>) -> Result<Step<Self>, Rejection> {
        match event {
            AccountEvent::WorkEnded => settled.map(|state| self.to(state)).ok_or(Rejection::Stale),
            // The server's word is final also over a repeated or crossing request.
            AccountEvent::Revoked { .. } => Err(Rejection::Stale),
            // Nothing revives it.
            AccountEvent::ContactsUpdated(_)
            | AccountEvent::KeyChanged(_)
            | AccountEvent::Deactivated
            | AccountEvent::Disabled
            | AccountEvent::Enabled
            | AccountEvent::TermsAgreed => Err(Rejection::AccountClosed(self.status())),
        }
    }
}

impl Machine for Account {
    type Event = AccountEvent;
    type Effect = AccountEffect;

    fn apply(&self, event: AccountEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        match self.state {
            AccountState::Valid => self.apply_valid(event, now),
            AccountState::Deactivated { at, settled } => {
                self.apply_closed(&event, (!settled).then_some(AccountState::Deactivated { at, settled: true }))
            }
            AccountState::Revoked { at, settled, certificates } => {
                let revoked = AccountState::Revoked { at, settled: true, certificates };
                self.apply_closed(&event, (!settled).then_some(revoked))
            }
        }
    }

    fn owed(&self) -> Vec<AccountEffect> {
        match self.state {
            AccountState::Revoked { settled: false, certificates: Some(reason), .. } => {
                vec![AccountEffect::EndWorkAndRevoke(reason)]
            }
            AccountState::Deactivated { settled: false, .. } | AccountState::Revoked { settled: false, .. } => {
                vec![AccountEffect::EndWork]
            }
            AccountState::Valid | AccountState::Deactivated { .. } | AccountState::Revoked { .. } => Vec::new(),
        }
    }
}
