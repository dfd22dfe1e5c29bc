//! One action on many objects: each is done by itself, and answered for by itself.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use super::reply::ok;
use super::request::Caller;
use crate::admin::error::AdminError;
use crate::admin::operator::{Operator, Role};
use crate::admin::{Admin, bulk};

/// What became of the objects, in the order in which they were named.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct BulkResults {
    /// One for each object.
    pub(super) results: Vec<BulkResult>,
}

/// What became of one object.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct BulkResult {
    /// As it was named.
    pub(super) item: String,
    /// The HTTP status that the action alone would have been answered with.
    pub(super) status: u16,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<Problem>,
}

/// Does an action to each of these objects: see [`bulk::each`].
///
/// # Errors
/// [`AdminError`] if none was begun: the role does not allow it, or there are too many.
pub(super) async fn each<F>(
    caller: Caller,
    needed: Role,
    items: Vec<String>,
    action: impl Fn(Arc<Admin>, Operator, String) -> F + 'static,
) -> Result<HttpResponse, AdminError>
where
    F: Future<Output = Result<(), AdminError>> + 'static,
{
    let Caller { admin, operator } = caller;
    let outcomes = bulk::each(admin.into_inner(), operator, needed, items, action).await?;
    let results = outcomes.into_iter().map(|(item, outcome)| match outcome {
        Ok(()) => BulkResult { item, status: StatusCode::OK.as_u16(), problem: None },
        Err(error) => {
            let status = error.status_code().as_u16();
            BulkResult { item, status, problem: Some(Problem::of(&error)) }
        }
    });
    Ok(ok(&BulkResults { results: results.collect() }, None))
}
