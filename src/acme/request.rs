//! Who asks, and for what: from a POST to a verified request (RFC 8555 sections 6.2 to 6.5).

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest, dev, web};
use chancery_actors::Versioned;
use chancery_actors::error::LoadError;
use chancery_machine::account::{Account, AccountKey, AccountStatus};
use chancery_machine::id::AccountId;
use chancery_machine::problem::ProblemType;
use chancery_machine::rejection::Rejection;
use futures::future::LocalBoxFuture;

use super::json::Excerpt;
use super::jwk::PublicKey;
use super::jws::{Jws, JwsError, KeyRef, MAX_BYTES};
use super::payload::Payload;
use super::problem::ProblemDocument;
use super::wire::Site;

/// How long the body of a request may take; the largest fits through 100 kbit/s.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// A verified request of an account in good standing.
pub(super) struct AccountRequest {
    pub(super) site: Site,
    /// Where it came to, as both sides say.
    pub(super) url: String,
    pub(super) id: AccountId,
    pub(super) account: Versioned<Account>,
    pub(super) payload: Payload,
}

/// A verified request whose key came with it.
pub(super) struct KeyRequest {
    pub(super) site: Site,
    /// Where it came to, as both sides say.
    pub(super) url: String,
    pub(super) key: PublicKey,
    pub(super) payload: Payload,
}

/// A request that may be either.
pub(super) enum EitherRequest {
    Account(Box<AccountRequest>),
    Key(Box<KeyRequest>),
}

/// Extractors: a handler that asks for one of them gets a verified request or is not called.
macro_rules! extracted {
    ($($request:ident by $read:ident),*) => {$(
        impl FromRequest for $request {
            type Error = ProblemDocument;
            type Future = LocalBoxFuture<'static, Result<Self, ProblemDocument>>;

            fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
                let site = Site::find(request);
                let body = web::Payload::from_request(request, payload);
                let request = request.clone();
                Box::pin(async move {
                    let body = body.await.map_err(|_| ProblemDocument::internal("a body was taken twice"))?;
                    $read(site?, &request, body).await
                })
            }
        }
    )*};
}

extracted!(AccountRequest by by_account, KeyRequest by by_key, EitherRequest by by_either);

/// Everything but newAccount and, for some, revokeCert (RFC 8555 section 6.2).
async fn by_account(site: Site, request: &HttpRequest, body: web::Payload) -> Result<AccountRequest, ProblemDocument> {
    let jws = site.read(request, body).await?;
    match jws.header().key.clone() {
        KeyRef::Kid(kid) => site.of_account(jws, &kid).await,
        KeyRef::Jwk(_) => Err(ProblemDocument::new(
            ProblemType::Malformed,
            "this request has to name its account: send the account URL as \"kid\", not the key as \"jwk\"",
        )),
    }
}

/// newAccount.
async fn by_key(site: Site, request: &HttpRequest, body: web::Payload) -> Result<KeyRequest, ProblemDocument> {
    let jws = site.read(request, body).await?;
    match jws.header().key {
        KeyRef::Jwk(_) => site.of_key(jws),
        KeyRef::Kid(_) => Err(ProblemDocument::new(
            ProblemType::Malformed,
            "this request has to carry its key: send it as \"jwk\", not an account URL as \"kid\"",
        )),
    }
}

/// revokeCert.
async fn by_either(site: Site, request: &HttpRequest, body: web::Payload) -> Result<EitherRequest, ProblemDocument> {
    let jws = site.read(request, body).await?;
    match jws.header().key.clone() {
        KeyRef::Kid(kid) => site.of_account(jws, &kid).await.map(Box::new).map(EitherRequest::Account),
        KeyRef::Jwk(_) => site.of_key(jws).map(Box::new).map(EitherRequest::Key),
    }
}

impl EitherRequest {
    pub(super) const fn site(&self) -> &Site {
        match self {
            Self::Account(asked) => &asked.site,
            Self::Key(asked) => &asked.site,
        }
    }

    pub(super) const fn payload(&self) -> &Payload {
        match self {
            Self::Account(asked) => &asked.payload,
            Self::Key(asked) => &asked.payload,
        }
    }
}

impl Site {
    /// Everything that can be said without knowing the key; the cheap refusals come first.
    async fn read(&self, request: &HttpRequest, body: web::Payload) -> Result<Jws, ProblemDocument> {
        let media = request.headers().get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let essence = media.as_deref().and_then(|media| media.split(';').next()).map(str::trim);
        if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/jose+json")) {
            return Err(ProblemDocument::unsupported_media_type(media.as_deref()));
        }
        // A body that trickles in holds a connection: actix bounds the time of the head only.
        let read = tokio::time::timeout(BODY_PATIENCE, body.to_bytes_limited(MAX_BYTES));
        let Ok(read) = read.await else {
            let detail = format!("the request's body was not there within {} seconds", BODY_PATIENCE.as_secs());
            let late = ProblemDocument::new(ProblemType::Malformed, detail).status(StatusCode::REQUEST_TIMEOUT);
            return Err(late.closing());
        };
        let bytes = match read {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) => {
                return Err(ProblemDocument::new(
                    ProblemType::Malformed,
                    "the request's body broke off before its end",
                ));
            }
            Err(_) => return Err(JwsError::TooLarge(MAX_BYTES + 1).into()),
        };
        let jws = Jws::parse(&bytes)?;
        let header = jws.header();
        // RFC 8555 section 6.4: compared as text, and as the client is known to reach us.
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", self.acme.origin);
        if header.url != url {
            let detail = format!(
                "the \"url\" in the protected header is {:?}, and the request came to {:?}; they have to be equal",
                Excerpt::new(&header.url),
                Excerpt::new(&url)
            );
            return Err(ProblemDocument::new(ProblemType::Unauthorized, detail));
        }
        let nonce = header.nonce.as_deref().ok_or_else(|| {
            let detail = "the protected header has no \"nonce\"; use the one in Replay-Nonce";
            ProblemDocument::new(ProblemType::BadNonce, detail)
        })?;
        self.acme.nonces.redeem(nonce, self.acme.engine.now())?;
        Ok(jws)
    }

    async fn of_account(self, jws: Jws, kid: &str) -> Result<AccountRequest, ProblemDocument> {
        let unknown = || {
            let detail = format!(
                "the \"kid\" {:?} is not the URL of an account at this endpoint; register with new-account, and use the \
                 URL in its Location",
                Excerpt::new(kid)
            );
            ProblemDocument::new(ProblemType::AccountDoesNotExist, detail)
        };
        let id = self.urls.read_account(kid).ok_or_else(unknown)?;
        let account = match self.acme.engine.account(id).await {
            Ok(account) => account,
            Err(LoadError::Absent) => return Err(unknown()),
            Err(error) => return Err(error.into()),
        };
        if !self.counts(&account.state) {
            return Err(unknown());
        }
        let key = PublicKey::from_jwk(account.state.key.jwk.as_bytes()).map_err(|bad| {
            ProblemDocument::internal(&format!("the stored key of account {id} cannot be read: {bad}"))
        })?;
        let verified = jws.verify(&key)?;
        self.acme.engine.saw(id);
        standing(&account.state)?;
        Ok(AccountRequest { site: self, url: verified.header.url, id, account, payload: verified.payload })
    }

    /// An account counts only with the pair of profiles that it registered with. Under `/acme/{acmeProfile}/…` that is
    /// whatever RA Profile is the default, so that accounts stay when it changes.
    pub(super) fn counts(&self, account: &Account) -> bool {
        account.endpoint == self.endpoint && account.acme_profile.as_ref() == self.activated()
    }

    /// Whether this is an account of this endpoint.
    pub(super) async fn has(&self, id: AccountId) -> Result<bool, ProblemDocument> {
        match self.acme.engine.account(id).await {
            Ok(account) => Ok(self.counts(&account.state)),
            Err(LoadError::Absent) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn of_key(self, jws: Jws) -> Result<KeyRequest, ProblemDocument> {
        let (key, verified) = jws.verify_embedded()?;
        Ok(KeyRequest { site: self, url: verified.header.url, key, payload: verified.payload })
    }
}

impl AccountRequest {
    /// What a resource answers that belongs to another account: no more than if there were none.
    pub(super) fn owns(&self, owner: AccountId, what: &str) -> Result<(), ProblemDocument> {
        if owner == self.id {
            return Ok(());
        }
        let detail = format!("this {what} belongs to another account");
        Err(ProblemDocument::new(ProblemType::Unauthorized, detail))
    }
}

/// RFC 8555 section 7.3.6: a closed account gets 401, whatever it asks for. One that an operator has disabled gets 403: it
/// is not closed, and its key goes on to be its key.
pub(super) fn standing(account: &Account) -> Result<(), ProblemDocument> {
    match account.status() {
        AccountStatus::Valid if account.disabled.is_some() => Err(Rejection::AccountDisabled.into()),
        AccountStatus::Valid => Ok(()),
        status @ (AccountStatus::Deactivated | AccountStatus::Revoked) => {
            let detail = format!("the account is {}; register a new one with another key", status.token());
            Err(ProblemDocument::account_closed(detail))
        }
    }
}

/// The forms in which an account keeps its key.
pub(super) fn account_key(key: &PublicKey) -> AccountKey {
    AccountKey { jwk: key.canonical_jwk(), thumbprint: key.thumbprint(), spki_sha256: key.spki_sha256() }
}
