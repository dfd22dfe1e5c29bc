//! `/api/v1/overview`.

use actix_web::{HttpResponse, web};
use utoipa::OpenApi;

use super::problem::Problems;
use super::reply::ok;
use super::request::Caller;
use crate::admin::accounts::OrderCount;
use crate::admin::error::AdminError;
use crate::admin::overview::{CertificatesView, FailureView, HealthView, HourView, OverviewView, WaitingView};

/// The description of this room.
#[derive(OpenApi)]
#[openapi(
    paths(read),
    components(schemas(OverviewView, WaitingView, HourView, FailureView, CertificatesView, HealthView, OrderCount))
)]
pub(super) struct Description;

/// Adds this room's route.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(web::resource("/overview").get(read));
}

/// How the server does: what waits, what was issued, what fails and why, and whether store, issuers and resolvers answer.
#[utoipa::path(get, path = "/api/v1/overview", operation_id = "readOverview", tag = "Overview",
    responses((status = 200, body = OverviewView), Problems))]
async fn read(caller: Caller) -> Result<HttpResponse, AdminError> {
    Ok(ok(&*caller.admin.overview(&caller.operator).await?, None))
}
