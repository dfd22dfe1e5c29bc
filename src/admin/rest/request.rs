//! What handlers need of a request: who asks, in which page of a list, under which condition, and the body.

use actix_web::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, TRANSFER_ENCODING};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_actors::error::TurnError;
use futures::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::{IntoParams, PartialSchema as _, ToSchema};

use crate::admin::Admin;
use crate::admin::error::AdminError;
use crate::admin::idempotency::IdempotencyKey;
use crate::admin::operator::Operator;
use crate::admin::precondition::Precondition;
use crate::admin::settings::{Fault, read, unread};

/// The largest body: a declared set of many profiles.
pub const MOST_BYTES: usize = 4 << 20;

/// Whoever asks, as the guard has made out, and what every use case has at hand.
pub struct Caller {
    /// What every use case has at hand.
    pub admin: web::Data<Admin>,
    /// Whoever asks.
    pub operator: Operator,
}

/// An operator whose client certificate the connection has verified; put there when the connection is made.
#[derive(Clone, Debug)]
pub struct CertificateOperator(pub Operator);

impl FromRequest for Caller {
    type Error = AdminError;
    type Future = std::future::Ready<Result<Self, AdminError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let operator = request.extensions().get::<Operator>().cloned();
        let caller = operator.ok_or_else(unknown).and_then(|operator| Ok(Self { admin: admin(request)?, operator }));
        std::future::ready(caller)
    }
}

/// Whoever asks: a token goes before a client certificate.
pub(super) async fn authenticate(request: &HttpRequest) -> Result<Operator, AdminError> {
    if let Some(secret) = bearer(request)? {
        return admin(request)?.authenticate(&secret).await;
    }
    let CertificateOperator(operator) = request.conn_data::<CertificateOperator>().ok_or_else(unknown)?;
    if from_elsewhere(request) {
        let refusal = "a client certificate counts for nothing in what a page of another site sends; use a token";
        return Err(AdminError::Unauthenticated(refusal.to_owned()));
    }
    Ok(operator.clone())
}

/// Whether a browser says that a page of another site has sent this. Browsers present certificates whoever asks, and forms
/// need nobody's leave to POST; a token, on the other hand, only this API's own page puts there.
pub(crate) fn from_elsewhere(request: &HttpRequest) -> bool {
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    match (header("Sec-Fetch-Site"), header("Origin")) {
        (Some(site), _) => !["same-origin", "none"].contains(&site),
        // Older browsers say only where from.
        (None, Some(origin)) => header("Host").is_none_or(|host| origin != format!("https://{host}")),
        (None, None) => false,
    }
}

fn admin(request: &HttpRequest) -> Result<web::Data<Admin>, AdminError> {
    let unset = || TurnError::Unavailable("the application was configured without its use cases".to_owned()).into();
    request.app_data::<web::Data<Admin>>().cloned().ok_or_else(unset)
}

fn unknown() -> AdminError {
    AdminError::Unauthenticated("send a token as \"Authorization: Bearer …\", or a client certificate".to_owned())
}

fn bearer(request: &HttpRequest) -> Result<Option<String>, AdminError> {
    let Some(value) = request.headers().get(AUTHORIZATION) else { return Ok(None) };
    let form = || AdminError::Unauthenticated("Authorization has to be \"Bearer\" and a token".to_owned());
    let (scheme, secret) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(form)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(secret.trim().to_owned())) } else { Err(form()) }
}

/// If-Match, which changes have to carry.
pub struct IfMatch(pub Precondition);

impl FromRequest for IfMatch {
    type Error = AdminError;
    type Future = std::future::Ready<Result<Self, AdminError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let read = match request.headers().get(IF_MATCH).map(|value| value.to_str()) {
            Some(Ok(text)) => Precondition::parse(text).map(Self),
            Some(Err(_)) => Err(AdminError::Malformed("If-Match is no text".to_owned())),
            None => Err(AdminError::PreconditionRequired),
        };
        std::future::ready(read)
    }
}

/// If-Match where it may be left out: without it, the change is done however the thing is.
pub struct MaybeMatch(pub Precondition);

impl FromRequest for MaybeMatch {
    type Error = AdminError;
    type Future = std::future::Ready<Result<Self, AdminError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        if request.headers().contains_key(IF_MATCH) {
            let IfMatch(precondition) = match IfMatch::from_request(request, payload).into_inner() {
                Ok(read) => read,
                Err(error) => return std::future::ready(Err(error)),
            };
            return std::future::ready(Ok(Self(precondition)));
        }
        std::future::ready(Ok(Self(Precondition::Any)))
    }
}

/// What a removal has to say: of which revision it is, and whether what depends on the thing speaks against it.
pub struct Removal {
    /// If-Match.
    pub precondition: Precondition,
    /// Whether it is removed though something depends on it.
    pub force: bool,
}

impl FromRequest for Removal {
    type Error = AdminError;
    type Future = std::future::Ready<Result<Self, AdminError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let mut read = || {
            let IfMatch(precondition) = IfMatch::from_request(request, payload).into_inner()?;
            let Params(Force { force }) = Params::from_request(request, payload).into_inner()?;
            Ok(Self { precondition, force })
        };
        std::future::ready(read())
    }
}

impl IntoParams for Removal {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let if_match = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some("The ETag that was read, or *"))
            .schema(Some(String::schema()));
        [vec![if_match.build()], Force::into_params(|| None)].concat()
    }
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Force {
    /// Remove it though something depends on it.
    #[serde(default)]
    force: bool,
}

/// A JSON body, read so that what is wrong is named, and its Idempotency-Key if it has one.
pub struct Body {
    /// The value.
    pub value: Value,
    bytes: Vec<u8>,
    key: Option<String>,
    method_and_path: String,
}

impl Body {
    /// The body as an object, whose members are read later.
    ///
    /// # Errors
    /// [`AdminError::Malformed`] if it is none.
    pub fn members(&self) -> Result<Map<String, Value>, AdminError> {
        match &self.value {
            Value::Object(members) => Ok(members.clone()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(AdminError::Malformed("the body has to be a JSON object".to_owned()))
            }
        }
    }

    /// The body as this type.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] names the field at fault.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, AdminError> {
        Ok(read(self.value.clone())?)
    }

    /// The request's Idempotency-Key, if it has one.
    ///
    /// # Errors
    /// [`AdminError::Malformed`].
    pub fn key(&self, operator: &Operator) -> Result<Option<IdempotencyKey>, AdminError> {
        let request = [self.method_and_path.as_bytes(), b"\0", &self.bytes].concat();
        self.key.as_deref().map(|key| IdempotencyKey::new(&operator.who, key, &request)).transpose()
    }
}

impl FromRequest for Body {
    type Error = AdminError;
    type Future = LocalBoxFuture<'static, Result<Self, AdminError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let media = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let json =
            media.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"));
        let key = request.headers().get("Idempotency-Key").map(|value| value.to_str().map(str::to_owned));
        let method_and_path = format!("{} {}", request.method(), request.path());
        let body = web::Payload::from_request(request, payload);
        Box::pin(async move {
            let malformed = |why: &str| AdminError::Malformed(why.to_owned());
            if !json {
                let advice = "the body has to be JSON: send Content-Type: application/json";
                return Err(AdminError::MediaType(advice.to_owned()));
            }
            let key = key.transpose().map_err(|_| malformed("Idempotency-Key is no text"))?;
            let body = body.await.map_err(|_| malformed("the body cannot be read"))?;
            let bytes = match body.to_bytes_limited(MOST_BYTES).await {
                Ok(Ok(bytes)) => bytes,
                Ok(Err(_)) => return Err(malformed("the body broke off before its end")),
                Err(_) => return Err(AdminError::TooLarge("the body is larger than 4 MiB".to_owned())),
            };
            let value = serde_json::from_slice(&bytes)
                .map_err(|bad| AdminError::Malformed(format!("the body is no JSON: {bad}")))?;
            Ok(Self { value, bytes: bytes.to_vec(), key, method_and_path })
        })
    }
}

/// What an action may be told in its body; nothing, where there is none.
pub struct Told<T>(pub T);

impl<T: DeserializeOwned + Default + 'static> FromRequest for Told<T> {
    type Error = AdminError;
    type Future = LocalBoxFuture<'static, Result<Self, AdminError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let headers = request.headers();
        let empty = headers.get(CONTENT_LENGTH).is_none_or(|length| length.as_bytes() == b"0");
        if empty && !headers.contains_key(TRANSFER_ENCODING) {
            return Box::pin(async { Ok(Self(T::default())) });
        }
        let body = Body::from_request(request, payload);
        Box::pin(async move { Ok(Self(body.await?.read()?)) })
    }
}

/// Which page of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many items at the most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub limit: Option<usize>,
    /// `next` of the page before; empty or left out for the first page.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// How many items at the most.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] outside of 1 to 1000.
    pub fn limit(&self) -> Result<usize, AdminError> {
        match self.limit.unwrap_or(100) {
            limit @ 1..=1000 => Ok(limit),
            other => Err(Fault::new("limit", format!("it is {other}, and has to be between 1 and 1000")).into()),
        }
    }

    /// The bytes of the cursor, if there is one.
    ///
    /// # Errors
    /// [`AdminError::Cursor`].
    pub fn cursor(&self) -> Result<Option<Vec<u8>>, AdminError> {
        match self.cursor.as_deref() {
            None | Some("") => Ok(None),
            Some(text) if text.len() <= 2048 => URL_SAFE_NO_PAD.decode(text).map(Some).map_err(|_| AdminError::Cursor),
            Some(_) => Err(AdminError::Cursor),
        }
    }
}

/// A page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items. A page may be shorter than its limit, and even empty, though another one follows: one request looks at
    /// 5,000 candidates at the most.
    pub items: Vec<T>,
    /// The cursor of the next page; there is none after the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page, and the bytes of the next one's cursor.
    pub fn new(items: Vec<T>, next: Option<Vec<u8>>) -> Self {
        Self { items, next: next.map(|bytes| URL_SAFE_NO_PAD.encode(bytes)) }
    }
}

/// A query string. What is wrong is said with the parameter at fault, and one that is not known is not passed over: a
/// filter with a slip of the pen would list everything.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned + IntoParams + 'static> FromRequest for Params<T> {
    type Error = AdminError;
    type Future = std::future::Ready<Result<Self, AdminError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let query = request.query_string();
        std::future::ready(known(query, &names::<T>()).and_then(|()| parameters(query)).map(Self))
    }
}

/// The parameters that the description of a structure names.
fn names<T: IntoParams>() -> Vec<String> {
    T::into_params(|| None).into_iter().map(|parameter| parameter.name).collect()
}

fn known(query: &str, names: &[String]) -> Result<(), AdminError> {
    for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
        if !names.iter().any(|known| *known == name) {
            let detail = format!("there is no such parameter here; there are {}", names.join(", "));
            return Err(Fault::new(name, detail).into());
        }
    }
    Ok(())
}

pub(crate) fn parameters<T: DeserializeOwned>(query: &str) -> Result<T, AdminError> {
    let pairs = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(query.as_bytes()));
    Ok(serde_path_to_error::deserialize(pairs).map_err(unread)?)
}
