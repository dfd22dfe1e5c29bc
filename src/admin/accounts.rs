//! What operators do with ACME accounts.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_actors::Versioned;
use chancery_actors::error::TurnError;
use chancery_actors::listing::{AccountQuery, Count, Cursor, OrderCounts, Page};
use chancery_actors::profiles::ProfileSet;
use chancery_machine::account::{Account, AccountEvent, AccountState};
use chancery_machine::certificate::RevocationReason;
use chancery_machine::id::AccountId;
use chancery_machine::profile::Endpoint;
use chancery_machine::rejection::Rejection;
use serde::Serialize;
use utoipa::ToSchema;

use super::Admin;
use super::error::AdminError;
use super::objects::{deed, found, guard, path_id, unstored};
use super::operator::{Operator, Role};
use super::precondition::Precondition;
use super::time::rfc3339;
use super::words::{self, AccountStatus};
use crate::ml_dsa::ParameterSet;

const KIND: &str = "ACME account";

/// An ACME account.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AcmeAccount)]
pub struct AccountView {
    /// Names it.
    pub id: String,
    /// Counts changes; the ETag.
    pub revision: u64,
    /// Where it stands. Deactivated by its holder or revoked by an operator, it stays so.
    pub status: AccountStatus,
    /// Why the certificates that it was issued are revoked too, if it was revoked together with them.
    pub certificates_revoked: Option<words::RevocationReason>,
    /// Whether its requests are answered. Operators turn this off and on, apart from the status.
    pub enabled: bool,
    /// Since when it has been disabled (RFC 3339).
    pub disabled_since: Option<String>,
    /// Contact URLs.
    pub contacts: Vec<String>,
    /// Whether the terms of service were agreed to.
    pub terms_of_service_agreed: bool,
    /// When they were (RFC 3339).
    pub terms_of_service_agreed_at: Option<String>,
    /// The SHA-256 thumbprint of its key, base64url (RFC 7638).
    pub thumbprint: String,
    /// With what its requests are signed: `ES256`, `ES384`, `ES512`, `EdDSA` or `RS256`.
    pub algorithm: String,
    /// The path to which it belongs, as in `/acme/default` or `/acme/raProfile/web`.
    pub endpoint: String,
    /// Its URL, which is the `kid` of its requests.
    pub url: String,
    /// How its endpoint behaves.
    pub acme_profile: Option<String>,
    /// What issues for it. Under an ACME Profile's own URL that is the profile's default RA Profile as it is now.
    pub ra_profile: Option<String>,
    /// The external account that it is bound to (RFC 8555 section 7.3.4).
    pub external_account: Option<ExternalAccountView>,
    /// When it was made (RFC 3339).
    pub created: String,
}

/// The external account that an account is bound to (RFC 8555 section 7.3.4).
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExternalAccount)]
pub struct ExternalAccountView {
    /// The credential with which it was bound.
    pub key_id: String,
}

/// An ACME account with what has to be looked up for it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AcmeAccountDetail)]
pub struct AccountDetail {
    /// The account.
    #[serde(flatten)]
    pub account: AccountView,
    /// When it sent its last request, to about a minute (RFC 3339).
    pub last_seen: Option<String>,
    /// How many orders it has of each status now.
    pub orders_by_status: OrdersByStatus,
}

/// How many orders there are of each status.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[allow(missing_docs, reason = "the words of RFC 8555 section 7.1.6")]
pub struct OrdersByStatus {
    pub pending: OrderCount,
    pub ready: OrderCount,
    pub processing: OrderCount,
    pub valid: OrderCount,
    pub invalid: OrderCount,
    pub canceled: OrderCount,
}

/// How many there are.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderCount {
    /// As many as were counted.
    pub count: u64,
    /// Whether there may be more: it is counted to 10,000.
    pub or_more: bool,
}

impl Admin {
    /// A page of the accounts.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_accounts(
        &self,
        operator: &Operator,
        query: &AccountQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<AccountView>, AdminError> {
        operator.may(Role::Auditor)?;
        let site = self.account_site();
        Ok(self.engine.list_accounts(query, after, limit).await?.map(|account| site.view(&account)))
    }

    /// One account by itself.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn read_account_alone(&self, operator: &Operator, id: &str) -> Result<AccountView, AdminError> {
        operator.may(Role::Auditor)?;
        let (_, account) = self.account(id).await?;
        Ok(self.account_site().view(&account))
    }

    /// One account, with its orders counted.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn read_account(&self, operator: &Operator, id: &str) -> Result<AccountDetail, AdminError> {
        operator.may(Role::Auditor)?;
        let (named, account) = self.account(id).await?;
        let orders = self.engine.count_orders(named).await?;
        let last_seen = self.engine.last_seen(named).await?.map(rfc3339);
        Ok(AccountDetail {
            account: self.account_site().view(&account),
            last_seen,
            orders_by_status: OrdersByStatus::from(orders),
        })
    }

    /// Lets an account go on, or has every request of it refused.
    ///
    /// # Errors
    /// [`AdminError::Refused`] if it is deactivated or revoked: nothing revives it.
    pub async fn enable_account(
        &self,
        operator: &Operator,
        id: &str,
        enabled: bool,
        precondition: Precondition,
    ) -> Result<AccountView, AdminError> {
        let (action, event) =
            if enabled { ("enable", AccountEvent::Enabled) } else { ("disable", AccountEvent::Disabled) };
        let changed = self.change_account(operator, action, id, event, precondition).await?;
        Ok(self.account_site().view(&changed))
    }

    /// Notes that its holder agreed to the terms of service as they are now, outside of ACME (RFC 8555 section 7.3.3).
    ///
    /// # Errors
    /// [`AdminError::Refused`] if it is deactivated or revoked.
    pub async fn agree_terms(
        &self,
        operator: &Operator,
        id: &str,
        precondition: Precondition,
    ) -> Result<AccountView, AdminError> {
        let event = AccountEvent::TermsAgreed;
        let changed = self.change_account(operator, "agreeTerms", id, event, precondition).await?;
        Ok(self.account_site().view(&changed))
    }

    /// Closes an account for good: its open orders and authorizations end, and its certificates are revoked if a reason is
    /// given. Once more does nothing.
    ///
    /// # Errors
    /// [`AdminError::Refused`] if it is over already in another way than is asked for.
    pub async fn revoke_account(
        &self,
        operator: &Operator,
        id: &str,
        certificates: Option<RevocationReason>,
        precondition: Precondition,
    ) -> Result<AccountView, AdminError> {
        let event = AccountEvent::Revoked { certificates };
        let changed = self.change_account(operator, "revoke", id, event, precondition).await?;
        let refused = |why: &str| Err(AdminError::Refused(why.to_owned()));
        match changed.state.state {
            AccountState::Revoked { certificates: None, .. } if certificates.is_some() => {
                refused("the account was revoked before, and its certificates were not; revoke those at /certificates")
            }
            AccountState::Revoked { .. } => Ok(self.account_site().view(&changed)),
            AccountState::Deactivated { .. } | AccountState::Valid => refused(
                "the account was deactivated by its holder, and nothing of it is open; revoke its certificates at \
                 /certificates",
            ),
        }
    }

    async fn change_account(
        &self,
        operator: &Operator,
        action: &'static str,
        id: &str,
        event: AccountEvent,
        precondition: Precondition,
    ) -> Result<Versioned<Account>, AdminError> {
        operator.may(Role::Operator)?;
        let (named, account) = self.account(id).await?;
        let seen = guard(precondition, account.revision)?;
        let site = self.account_site();
        let describe = move |before: &Account, after: &Account| {
            let view = |state| site.view(&unstored(named.0, state));
            deed(action, format!("acmeAccount/{named}"), &view(before), &view(after))
        };
        let changed = self.engine.administer_account(&operator.who, named, event, seen, describe).await;
        if let Err(TurnError::Rejected(Rejection::AccountClosed(status))) = changed {
            let status = status.token();
            return Err(AdminError::Refused(format!("the account is {status}, and nothing revives it")));
        }
        Ok(changed?)
    }

    async fn account(&self, id: &str) -> Result<(AccountId, Versioned<Account>), AdminError> {
        let named = path_id(KIND, id, AccountId::parse)?;
        Ok((named, found(KIND, id, self.engine.account(named).await)?))
    }

    fn account_site(&self) -> AccountSite {
        AccountSite { profiles: self.engine.profiles(), origin: self.origin.clone() }
    }
}

/// What views of accounts need beside the account.
#[derive(Clone)]
struct AccountSite {
    profiles: Arc<ProfileSet>,
    origin: String,
}

impl AccountSite {
    fn view(&self, account: &Versioned<Account>) -> AccountView {
        let Versioned { id, revision, state } = account;
        let (acme_profile, ra_profile) = match &state.endpoint {
            Endpoint::AcmeProfile(name) => {
                let profile = self.profiles.acme.get(name);
                (Some(name.clone()), profile.and_then(|profile| profile.default_ra_profile.clone()))
            }
            Endpoint::RaProfile(name) => (state.acme_profile.clone(), Some(name.clone())),
        };
        let endpoint = format!("/acme/{}", state.endpoint);
        AccountView {
            id: id.to_string(),
            revision: revision.0,
            status: state.status().into(),
            certificates_revoked: match state.state {
                AccountState::Revoked { certificates, .. } => certificates.map(Into::into),
                AccountState::Valid | AccountState::Deactivated { .. } => None,
            },
            enabled: state.disabled.is_none(),
            disabled_since: state.disabled.map(rfc3339),
            contacts: state.contacts.clone(),
            terms_of_service_agreed: state.terms_agreed.is_some(),
            terms_of_service_agreed_at: state.terms_agreed.map(rfc3339),
            thumbprint: URL_SAFE_NO_PAD.encode(state.key.thumbprint),
            algorithm: algorithm(&state.key.jwk).to_owned(),
            url: format!("{}{endpoint}/acct/{id}", self.origin),
            endpoint,
            acme_profile: acme_profile.map(|name| name.to_string()),
            ra_profile: ra_profile.map(|name| name.to_string()),
            external_account: state
                .binding
                .as_ref()
                .map(|binding| ExternalAccountView { key_id: binding.credential.to_string() }),
            created: rfc3339(state.created),
        }
    }
}

impl From<OrderCounts> for OrdersByStatus {
    fn from(counts: OrderCounts) -> Self {
        let count =
            |count: Count| OrderCount { count: u64::try_from(count.number).unwrap_or(u64::MAX), or_more: count.capped };
        Self {
            pending: count(counts.pending),
            ready: count(counts.ready),
            processing: count(counts.processing),
            valid: count(counts.valid),
            invalid: count(counts.invalid),
            canceled: count(counts.canceled),
        }
    }
}

/// With what a key signs: each kind of key has one algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1), or
/// says it (RFC 9964 section 3).
fn algorithm(jwk: &str) -> &'static str {
    #[derive(serde::Deserialize)]
    struct Kind {
        kty: String,
        crv: Option<String>,
        alg: Option<String>,
    }
    let kind: Option<Kind> = serde_json::from_str(jwk).ok();
    match kind.as_ref().map(|kind| (kind.kty.as_str(), kind.crv.as_deref())) {
        Some(("EC", Some("P-256"))) => "ES256",
        Some(("EC", Some("P-384"))) => "ES384",
        Some(("EC", Some("P-521"))) => "ES512",
        Some(("OKP", _)) => "EdDSA",
        Some(("RSA", _)) => "RS256",
        Some(("AKP", _)) => {
            let named = kind.as_ref().and_then(|kind| ParameterSet::from_name(kind.alg.as_deref()?));
            named.map_or("unknown", ParameterSet::name)
        }
        Some(_) | None => "unknown",
    }
}
