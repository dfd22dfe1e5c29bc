//! What operators do with the credentials of external accounts (RFC 8555 section 7.3.4).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_actors::Versioned;
use chancery_actors::audit::{Act, Deed};
use chancery_actors::catalog::Catalog;
use chancery_actors::error::TurnError;
use chancery_actors::listing::{AccountQuery, Cursor, EabQuery, Page};
use chancery_actors::ports::{Kind, ObjectId, Revision, Write};
use chancery_machine::eab::{BindingRefused, EabCredential, EabEvent, EabScope};
use chancery_machine::id::EabId;
use chancery_machine::profile::{Endpoint, ProfileName};
use chancery_machine::rejection::Rejection;
use chancery_machine::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::Admin;
use super::error::AdminError;
use super::idempotency::{Created, IdempotencyKey};
use super::objects::{deed, found, guard, json, path_id, unstored};
use super::operator::{Operator, Role};
use super::precondition::Precondition;
use super::settings::{EabSettings, Fault, changed};
use super::time::rfc3339;
use super::words::EabStatus;
use crate::vault;

const KIND: &str = "EAB credential";

/// How many bound accounts an error names.
const NAMED: usize = 100;

/// How often a change is tried again where accounts are bound at the same moment.
const ATTEMPTS: usize = 16;

/// The credential of an external account, without its key.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EabCredential)]
pub struct EabCredentialView {
    /// Names it; the `kid` of an external account binding.
    pub key_id: String,
    /// Counts changes, and what it was used for; the ETag.
    pub revision: u64,
    /// How it stands now.
    pub status: EabStatus,
    /// When it was made (RFC 3339).
    pub created: String,
    /// When it was revoked (RFC 3339).
    pub revoked: Option<String>,
    /// How many accounts were bound with it.
    pub bound_accounts: u32,
    /// How many orders those accounts have placed while there was a limit to that.
    pub placed_orders: u64,
    /// What may be done with it.
    #[serde(flatten)]
    pub settings: EabSettings,
}

/// A new credential with its key, which is shown only here.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NewEabCredential)]
pub struct NewEabCredentialView {
    /// The credential.
    #[serde(flatten)]
    pub credential: EabCredentialView,
    /// The MAC key, 256 bits, base64url.
    pub hmac_key: String,
    /// With what the binding is signed: `HS256`.
    pub algorithm: String,
    /// A command line that registers an account with it.
    pub example: String,
}

impl Admin {
    /// A page of the credentials.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_eab_credentials(
        &self,
        operator: &Operator,
        query: &EabQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page<EabCredentialView>, AdminError> {
        operator.may(Role::Auditor)?;
        let now = self.engine.now();
        let page = self.engine.list_eab_credentials(query, after, limit).await?;
        Ok(page.map(|credential| EabCredentialView::of(&credential, now)))
    }

    /// One credential.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn read_eab_credential(&self, operator: &Operator, id: &str) -> Result<EabCredentialView, AdminError> {
        operator.may(Role::Auditor)?;
        let (_, credential) = self.eab_credential(id).await?;
        Ok(EabCredentialView::of(&credential, self.engine.now()))
    }

    /// Makes a credential; what is left out limits nothing. Its key is in this answer only.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn create_eab_credential(
        &self,
        operator: &Operator,
        members: &Map<String, Value>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created, AdminError> {
        operator.may(Role::Operator)?;
        let now = self.engine.now();
        let settings: EabSettings = changed(&EabSettings::default(), members)?;
        let (description, scope) = settings.scope(None, now)?;
        let id = EabId(self.engine.new_id());
        let mut secret = Zeroizing::new([0_u8; 32]);
        aws_lc_rs::rand::fill(&mut *secret).expect("the operating system gives randomness, or nothing here is safe");
        let credential = EabCredential {
            description,
            sealed_key: self.vault.seal(&vault::eab_key(id), &*secret)?,
            created: now,
            scope,
            accounts: 0,
            orders: 0,
            revoked: None,
        };
        let plan = async || {
            check(&self.engine.catalog().await?, &credential.scope, None)?;
            let stored = Versioned { id: id.0, revision: Revision::ABSENT.next(), state: credential.clone() };
            let view = EabCredentialView::of(&stored, now);
            let after = Some(json(&view).to_string());
            let deed = Deed { action: "create", object: object(id), before: None, after };
            let shown = self.with_key(view, &credential.scope, &secret);
            // An object of plain members: writing it cannot fail.
            let view = serde_json::to_value(&shown).unwrap_or_default();
            let writes = vec![self.engine.eab_creation(id, &credential)];
            Ok(Act { guards: Vec::new(), writes, deeds: vec![deed], outcome: view })
        };
        self.create_once(&operator.who, key, plan).await
    }

    /// Changes what may be done with a credential; what is left out stays as it was. Accounts that are bound stay bound.
    ///
    /// # Errors
    /// [`AdminError::Refused`] if it is revoked.
    pub async fn update_eab_credential(
        &self,
        operator: &Operator,
        id: &str,
        members: &Map<String, Value>,
        precondition: Precondition,
    ) -> Result<EabCredentialView, AdminError> {
        operator.may(Role::Operator)?;
        let mut members = members.clone();
        // What an answer shows beside the settings may be sent back as it came.
        for shown in ["keyId", "revision", "status", "created", "revoked", "boundAccounts", "placedOrders"] {
            members.remove(shown);
        }
        for _ in 0..ATTEMPTS {
            let (_, before) = self.eab_credential(id).await?;
            precondition.check(before.revision.0)?;
            let settings = changed(&EabSettings::of(&before.state), &members)?;
            let (description, scope) = settings.scope(Some(&before.state.scope), self.engine.now())?;
            check(&self.engine.catalog().await?, &scope, Some(&before.state.scope))?;
            let event = EabEvent::Revised { description, scope };
            // What was merged counts only for what it was merged with.
            let seen = Precondition::Revision(before.revision.0);
            match self.change_eab_credential(operator, "update", id, event, seen).await {
                Err(AdminError::Changed { .. } | AdminError::Turn(TurnError::GuardChanged(_)))
                    if precondition == Precondition::Any => {}
                outcome => return outcome,
            }
        }
        Err(TurnError::Conflict.into())
    }

    /// Revokes a credential: no more accounts are bound with it. Those that are stay bound; disable or revoke them if they
    /// are to end too. Once more does nothing.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn revoke_eab_credential(
        &self,
        operator: &Operator,
        id: &str,
        precondition: Precondition,
    ) -> Result<EabCredentialView, AdminError> {
        self.change_eab_credential(operator, "revoke", id, EabEvent::Revoked, precondition).await
    }

    /// Deletes a credential. With `force` though accounts are bound with it: those place no more orders.
    ///
    /// # Errors
    /// [`AdminError::InUse`] names the bound accounts.
    pub async fn delete_eab_credential(
        &self,
        operator: &Operator,
        id: &str,
        force: bool,
        precondition: Precondition,
    ) -> Result<(), AdminError> {
        operator.may(Role::Operator)?;
        let act = async || {
            let (named, credential) = self.eab_credential(id).await?;
            precondition.check(credential.revision.0)?;
            // Whoever binds another account meanwhile changes the credential, and this is planned anew.
            if !force {
                let dependents = self.bound(named).await?;
                if !dependents.is_empty() {
                    return Err(AdminError::InUse { object: format!("{KIND} {id:?}"), dependents });
                }
            }
            let before = Some(json(&EabCredentialView::of(&credential, self.engine.now())).to_string());
            let mut act = Act::nothing(());
            let place = ObjectId { kind: Kind::EabCredential, id: named.0 };
            act.writes.push(Write { object: place, expected: credential.revision, body: None });
            act.deeds.push(Deed { action: "delete", object: object(named), before, after: None });
            Ok(act)
        };
        Ok(self.engine.administer(&operator.who, act).await?)
    }

    /// The accounts that are bound with a credential, the first hundred, each as in `acmeAccount/…`.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn bound_accounts(&self, operator: &Operator, id: &str) -> Result<Vec<String>, AdminError> {
        operator.may(Role::Auditor)?;
        self.bound(self.eab_credential(id).await?.0).await
    }

    async fn bound(&self, credential: EabId) -> Result<Vec<String>, AdminError> {
        let query = AccountQuery { credential: Some(credential), ..AccountQuery::default() };
        let bound = self.engine.list_accounts(&query, None, NAMED).await?;
        Ok(bound.items.iter().map(|account| format!("acmeAccount/{}", account.id)).collect())
    }

    async fn change_eab_credential(
        &self,
        operator: &Operator,
        action: &'static str,
        id: &str,
        event: EabEvent,
        precondition: Precondition,
    ) -> Result<EabCredentialView, AdminError> {
        operator.may(Role::Operator)?;
        let (named, credential) = self.eab_credential(id).await?;
        let seen = guard(precondition, credential.revision)?;
        let now = self.engine.now();
        let describe = move |before: &EabCredential, after: &EabCredential| {
            let view = |state| EabCredentialView::of(&unstored(named.0, state), now);
            deed(action, object(named), &view(before), &view(after))
        };
        let changed = self.engine.administer_eab_credential(&operator.who, named, event, seen, describe).await;
        if let Err(TurnError::Rejected(Rejection::Binding(BindingRefused::Revoked))) = changed {
            return Err(AdminError::Refused("the credential is revoked, and stays as it is".to_owned()));
        }
        Ok(EabCredentialView::of(&changed?, now))
    }

    async fn eab_credential(&self, id: &str) -> Result<(EabId, Versioned<EabCredential>), AdminError> {
        let named = path_id(KIND, id, EabId::parse)?;
        Ok((named, found(KIND, id, self.engine.eab_credential(named).await)?))
    }

    fn with_key(&self, credential: EabCredentialView, scope: &EabScope, secret: &[u8; 32]) -> NewEabCredentialView {
        let hmac_key = URL_SAFE_NO_PAD.encode(secret);
        let endpoint = match (scope.acme_profiles.first(), scope.ra_profiles.first()) {
            (Some(acme_profile), _) => acme_profile.to_string(),
            (None, Some(ra_profile)) => format!("raProfile/{ra_profile}"),
            (None, None) => {
                // An endpoint that asks for a binding and answers; else any that answers.
                let profiles = self.engine.profiles();
                let answers = |name: &ProfileName| profiles.resolve(&Endpoint::AcmeProfile(name.clone())).is_ok();
                let mut serving = profiles.acme.values().filter(|profile| answers(&profile.name));
                let first = serving.clone().next();
                let named = serving.find(|profile| profile.binding_required).or(first);
                named.map_or_else(|| "PROFILE".to_owned(), |profile| profile.name.to_string())
            }
        };
        let (origin, key_id) = (&self.origin, &credential.key_id);
        // With "=": a key may begin with a hyphen.
        let example = format!(
            "certbot register --agree-tos --server {origin}/acme/{endpoint}/directory --eab-kid={key_id} \
             --eab-hmac-key={hmac_key}"
        );
        NewEabCredentialView { credential, hmac_key, algorithm: "HS256".to_owned(), example }
    }
}

impl EabCredentialView {
    /// The view of a credential at this moment.
    #[must_use]
    pub fn of(credential: &Versioned<EabCredential>, now: Timestamp) -> Self {
        let Versioned { id, revision, state } = credential;
        Self {
            key_id: id.to_string(),
            revision: revision.0,
            status: state.status(now).into(),
            created: rfc3339(state.created),
            revoked: state.revoked.map(rfc3339),
            bound_accounts: state.accounts,
            placed_orders: state.orders,
            settings: EabSettings::of(state),
        }
    }
}

fn object(id: EabId) -> String {
    format!("eabCredential/{id}")
}

/// The profiles that a scope names have to exist, unless it named them before.
fn check(catalog: &Catalog, scope: &EabScope, before: Option<&EabScope>) -> Result<(), Fault> {
    let missing = |field: &str,
                   kind: &str,
                   named: &[ProfileName],
                   before: &[ProfileName],
                   there: &dyn Fn(&ProfileName) -> bool| {
        for (place, name) in named.iter().enumerate() {
            if !before.contains(name) && !there(name) {
                let detail = format!("there is no {kind} {:?}", name.as_str());
                return Err(Fault::new(format!("{field}[{place}]"), detail));
            }
        }
        Ok(())
    };
    let none = EabScope::default();
    let before = before.unwrap_or(&none);
    let (acme, ra) = (&scope.acme_profiles, &scope.ra_profiles);
    missing("acmeProfiles", "ACME Profile", acme, &before.acme_profiles, &|name| catalog.acme.contains_key(name))?;
    missing("raProfiles", "RA Profile", ra, &before.ra_profiles, &|name| catalog.ra.contains_key(name))
}
