//! `/api/v1/whoami`.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::problem::Problems;
use super::reply::ok;
use super::request::Caller;
use crate::admin::error::AdminError;
use crate::admin::operator::{Operator, Role};

/// The description of this room.
#[derive(OpenApi)]
#[openapi(paths(read), components(schemas(WhoamiView)))]
pub(super) struct Description;

/// Adds this room's route.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(web::resource("/whoami").get(read));
}

/// Whoever asks.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct WhoamiView {
    /// As the audit log names them: `token:{id} {name}` or `certificate:{name}`.
    who: String,
    /// What they may do.
    role: Role,
}

/// Read who the server takes you for, and what you may do.
#[utoipa::path(get, path = "/api/v1/whoami", operation_id = "whoami", tag = "Tokens",
    responses((status = 200, body = WhoamiView), Problems))]
async fn read(caller: Caller) -> Result<HttpResponse, AdminError> {
    let Operator { who, role } = caller.operator;
    Ok(ok(&WhoamiView { who, role }, None))
}
