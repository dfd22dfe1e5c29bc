//! Whoever looks at a page.

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev, web};

use crate::admin::Admin;
use crate::admin::error::AdminError;
use crate::admin::operator::Operator;
use crate::admin::sessions::Session;

/// Somebody who has signed in, and what every use case has at hand.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) admin: web::Data<Admin>,
    pub(super) session: Session,
}

impl Visitor {
    /// Who it is.
    pub(super) fn operator(&self) -> &Operator {
        &self.session.operator
    }
}

impl FromRequest for Visitor {
    type Error = AdminError;
    type Future = std::future::Ready<Result<Self, AdminError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let unknown = || AdminError::Unauthenticated("sign in first".to_owned());
        std::future::ready(request.extensions().get::<Self>().cloned().ok_or_else(unknown))
    }
}
