//! What an action may be told.

use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::{FromRequest, HttpRequest, dev};
use futures::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::request::Body;
use crate::admin::error::AdminError;

/// What an action may be told in its body; nothing, where there is none.
pub(super) struct Told<T>(pub(super) T);

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
