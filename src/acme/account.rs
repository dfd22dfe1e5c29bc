//! Accounts (RFC 8555 section 7.3): new, read, update, deactivate, change of key, and the list of orders.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use chancery_actors::Versioned;
use chancery_actors::engine::NewAccount;
use chancery_actors::error::{LoadError, TurnError};
use chancery_machine::account::{Account, AccountBinding, AccountEvent};
use chancery_machine::id::{AccountId, EabId, OrderId};
use chancery_machine::order::OrderStatus;
use chancery_machine::problem::ProblemType;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::binding::Binding;
use super::contact;
use super::jwk::PublicKey;
use super::jws::Jws;
use super::payload::Payload;
use super::problem::ProblemDocument;
use super::registrations::Counted;
use super::reply::Reply;
use super::request::{AccountRequest, KeyRequest, account_key, standing};
use super::wire::Site;
use crate::vault;

/// How many orders a page of an account's list has.
const PAGE: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewAccountPayload {
    contact: Option<Vec<String>>,
    #[serde(default)]
    terms_of_service_agreed: bool,
    #[serde(default)]
    only_return_existing: bool,
    external_account_binding: Option<Box<RawValue>>,
}

/// The members of an update that mean something; all others are ignored (RFC 8555 section 7.3.2).
#[derive(Deserialize)]
struct UpdatePayload {
    contact: Option<Vec<String>>,
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyChangePayload {
    account: String,
    old_key: serde_json::Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountObject<'a> {
    status: &'static str,
    contact: &'a [String],
    terms_of_service_agreed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_account_binding: Option<&'a RawValue>,
    orders: String,
}

#[derive(Serialize)]
struct OrderList {
    orders: Vec<String>,
}

/// The cursor of a page.
#[derive(Deserialize)]
pub(super) struct Cursor {
    cursor: Option<String>,
}

/// POST new-account (RFC 8555 sections 7.3, 7.3.1 and 7.3.4).
pub(super) async fn new_account(asked: KeyRequest, request: HttpRequest) -> Result<HttpResponse, ProblemDocument> {
    let site = &asked.site;
    let profile = &site.pair.acme;
    let payload: NewAccountPayload = asked.payload.json()?;
    let key = account_key(&asked.key);
    let engine = &site.acme.engine;
    match engine.account_of(&site.endpoint, site.activated(), &key).await {
        Ok(account) => return existing(site, &account),
        Err(LoadError::Absent) => {}
        Err(error) => return Err(error.into()),
    }
    if payload.only_return_existing {
        let detail = "this key has no account at this endpoint, and the request asks not to make one";
        return Err(ProblemDocument::new(ProblemType::AccountDoesNotExist, detail));
    }
    let contacts = contact::accept(payload.contact.unwrap_or_default(), profile.contact_required)?;
    if let Some(terms) = &profile.terms.url
        && profile.terms.agreement_required
        && !payload.terms_of_service_agreed
    {
        let detail = format!(
            "an account needs agreement to the terms of service at {terms}; send \"termsOfServiceAgreed\": true once \
             they are agreed to"
        );
        return Err(ProblemDocument::new(ProblemType::UserActionRequired, detail).link(terms, "terms-of-service"));
    }
    let binding = match payload.external_account_binding {
        Some(object) => Some(bind(&asked, &object).await?),
        None if profile.binding_required => return Err(unbound()),
        None => None,
    };
    let counted = match profile.limits.accounts_per_hour {
        Some(most) => Some(count(site, &request, most)?),
        None => None,
    };
    let new = NewAccount {
        endpoint: site.endpoint.clone(),
        acme_profile: site.activated().cloned(),
        key,
        contacts,
        terms_agreed: payload.terms_of_service_agreed,
        binding,
    };
    let outcome = engine.create_account(new, &site.pair).await;
    if let Some(counted) = counted
        && !matches!(outcome, Ok((_, true)))
    {
        site.acme.registrations.uncount(counted);
    }
    let (account, made) = outcome?;
    if !made {
        return existing(site, &account);
    }
    engine.saw(AccountId(account.id));
    Ok(Reply::new(StatusCode::CREATED)
        .location(&site.urls.account(AccountId(account.id)))
        .json(&object(site, &account)))
}

/// POST to an account (RFC 8555 sections 7.3.2 and 7.3.6).
pub(super) async fn account(asked: AccountRequest, path: web::Path<Named>) -> Result<HttpResponse, ProblemDocument> {
    let site = &asked.site;
    let id = own(&asked, &path.id)?;
    let update: UpdatePayload = match &asked.payload {
        Payload::Empty => return Ok(Reply::ok().json(&object(site, &asked.account))),
        Payload::Json(_) => asked.payload.json()?,
    };
    let event = match (update.status.as_deref(), update.contact) {
        (Some("deactivated"), _) => AccountEvent::Deactivated,
        (_, Some(contacts)) => {
            AccountEvent::ContactsUpdated(contact::accept(contacts, site.pair.acme.contact_required)?)
        }
        (_, None) => return Ok(Reply::ok().json(&object(site, &asked.account))),
    };
    let account = site.acme.engine.change_account(id, event).await?;
    Ok(Reply::ok().json(&object(site, &account)))
}

/// POST-as-GET to an account's list of orders (RFC 8555 section 7.1.2.1).
pub(super) async fn orders(
    asked: AccountRequest,
    path: web::Path<Named>,
    query: web::Query<Cursor>,
) -> Result<HttpResponse, ProblemDocument> {
    let site = &asked.site;
    let id = own(&asked, &path.id)?;
    asked.payload.empty()?;
    let after = match &query.cursor {
        Some(cursor) => Some(OrderId::parse(cursor).ok_or_else(|| {
            ProblemDocument::new(
                ProblemType::Malformed,
                "the cursor is not one of this server; follow Link rel=\"next\"",
            )
        })?),
        None => None,
    };
    let page = site.acme.engine.orders_of(id, after, PAGE).await?;
    let mut reply = Reply::ok();
    if page.len() == PAGE {
        reply = reply.link(&site.urls.orders(id, page.last().copied()), "next");
    }
    // RFC 8555 section 7.1.2.1: no invalid ones, those included that ran out while nobody looked.
    let mut orders = Vec::with_capacity(page.len());
    for id in page {
        match site.acme.engine.order(id).await {
            Ok(order) if order.state.status(site.acme.engine.now()) == OrderStatus::Invalid => {}
            Ok(_) => orders.push(site.urls.order(id)),
            Err(LoadError::Absent) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(reply.json(&OrderList { orders }))
}

/// POST key-change (RFC 8555 section 7.3.5).
pub(super) async fn key_change(asked: AccountRequest) -> Result<HttpResponse, ProblemDocument> {
    let site = &asked.site;
    let malformed = |detail: &str| ProblemDocument::new(ProblemType::Malformed, detail);
    let Payload::Json(inner) = &asked.payload else {
        return Err(malformed("the payload has to be a JWS by the new key (RFC 8555 section 7.3.5)"));
    };
    let inner = Jws::parse(inner)?;
    if inner.header().url != asked.url {
        return Err(malformed("the inner JWS has another \"url\" than the outer; they have to be equal"));
    }
    if inner.header().nonce.is_some() {
        return Err(malformed("the inner JWS has a \"nonce\"; only the outer may have one"));
    }
    let (new_key, verified) = inner.verify_embedded()?;
    let payload: KeyChangePayload = verified.payload.json()?;
    if payload.account != site.urls.account(asked.id) {
        return Err(malformed("\"account\" in the inner payload is not the account URL in the outer \"kid\""));
    }
    let old_key = PublicKey::from_jwk(payload.old_key.to_string().as_bytes()).map(|key| account_key(&key));
    if old_key.as_ref() != Ok(&asked.account.state.key) {
        return Err(malformed("\"oldKey\" in the inner payload is not the key of the account"));
    }
    let new_key = account_key(&new_key);
    // RFC 8555 section 7.3.5, the ninth check: no account has it, the client's own neither.
    if new_key == asked.account.state.key {
        return Err(ProblemDocument::key_in_use(site.urls.account(asked.id)));
    }
    let event = AccountEvent::KeyChanged(new_key);
    match site.acme.engine.change_account_as_seen(&asked.account, event).await {
        Ok(account) => {
            Ok(Reply::ok().location(&site.urls.account(AccountId(account.id))).json(&object(site, &account)))
        }
        Err(TurnError::Taken(holder)) => Err(ProblemDocument::key_in_use(site.urls.account(AccountId(holder.id)))),
        Err(other) => Err(other.into()),
    }
}

/// The name in a path.
#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
}

fn own(asked: &AccountRequest, id: &str) -> Result<AccountId, ProblemDocument> {
    let id = AccountId::parse(id).ok_or_else(|| ProblemDocument::not_found("the path names no account"))?;
    asked.owns(id, "account")?;
    Ok(id)
}

/// Verifies a binding (RFC 8555 section 7.3.4), also where none is required: an account that shows one has one. Whether the
/// credential takes another account is for the engine to say, in the commit that counts it.
async fn bind(asked: &KeyRequest, object: &RawValue) -> Result<AccountBinding, ProblemDocument> {
    let acme = &asked.site.acme;
    let binding = Binding::parse(object.get(), &asked.url, &asked.key)?;
    // The same for both, so that nobody finds out by trying which credentials there are.
    let unproven = || {
        let detail = "the MAC of \"externalAccountBinding\" does not verify: its \"kid\" is no key identifier that this server \
                      has given out, or the MAC key is not the one of that identifier; use both as the operator gave them";
        ProblemDocument::new(ProblemType::Unauthorized, detail)
    };
    let credential = EabId::parse(binding.kid()).ok_or_else(unproven)?;
    let sealed = match acme.engine.eab_credential(credential).await {
        Ok(found) => found.state.sealed_key,
        Err(LoadError::Absent) => return Err(unproven()),
        Err(error) => return Err(error.into()),
    };
    let key = acme.vault.unseal(&vault::eab_key(credential), &sealed).map_err(|error| {
        ProblemDocument::internal(&format!("the key of external account credential {credential}: {error}"))
    })?;
    if !binding.verifies(&key) {
        return Err(unproven());
    }
    Ok(AccountBinding { credential, object: object.get().to_owned() })
}

fn unbound() -> ProblemDocument {
    let detail = "an account of this endpoint has to be bound to an external account; ask the operator of this server for a \
                  key identifier and a MAC key, and send \"externalAccountBinding\"";
    ProblemDocument::new(ProblemType::ExternalAccountRequired, detail)
}

fn count(site: &Site, request: &HttpRequest, most: u32) -> Result<Counted, ProblemDocument> {
    let address = request.peer_addr().map(|address| address.ip());
    let counted = site.acme.registrations.count(&site.pair.acme.name, address, most, site.acme.engine.now());
    counted.map_err(|wait| {
        let detail = format!("{most} accounts an hour may be made from one address here, and those were made");
        ProblemDocument::new(ProblemType::RateLimited, detail).retry_after(wait)
    })
}

/// RFC 8555 section 7.3.1: 200 and the object as it is, unless the account is closed or disabled.
fn existing(site: &Site, account: &Versioned<Account>) -> Result<HttpResponse, ProblemDocument> {
    site.acme.engine.saw(AccountId(account.id));
    standing(&account.state)?;
    Ok(Reply::ok().location(&site.urls.account(AccountId(account.id))).json(&object(site, account)))
}

fn object<'a>(site: &Site, account: &'a Versioned<Account>) -> AccountObject<'a> {
    let binding = account.state.binding.as_ref();
    AccountObject {
        status: account.state.status().token(),
        contact: &account.state.contacts,
        terms_of_service_agreed: account.state.terms_agreed.is_some(),
        external_account_binding: binding.and_then(|binding| serde_json::from_str(&binding.object).ok()),
        orders: site.urls.orders(AccountId(account.id), None),
    }
}
