//! One action on many objects: each is done by itself, and answered for by itself.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use super::reply::{ok, to_its_end};
use super::request::Caller;
use crate::admin::Admin;
use crate::admin::error::AdminError;
use crate::admin::operator::{Operator, Role};
use crate::admin::settings::Fault;

/// How many objects one request may name.
const MOST: usize = 1000;

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

/// Does an action to each of these objects, one after the other, and to its end even if the client hangs up: for whoever
/// has sent a thousand, not to know how many were done would be the worst answer.
///
/// # Errors
/// [`AdminError`] if none was begun: the role does not allow it, or there are too many.
pub(super) async fn each<F>(
    caller: Caller,
    needed: Role,
    items: Vec<String>,
    action: impl Fn(web::Data<Admin>, Operator, String) -> F + 'static,
) -> Result<HttpResponse, AdminError>
where
    F: Future<Output = Result<(), AdminError>> + 'static,
{
    let Caller { admin, operator } = caller;
    operator.may(needed)?;
    if items.len() > MOST {
        return Err(Fault::new("items", format!("there are {}; {MOST} are the most", items.len())).into());
    }
    let all = async move {
        let mut results = Vec::with_capacity(items.len());
        for item in items {
            let done = action(admin.clone(), operator.clone(), item.clone()).await;
            results.push(match done {
                Ok(()) => BulkResult { item, status: StatusCode::OK.as_u16(), problem: None },
                Err(error) => {
                    let status = error.status_code().as_u16();
                    BulkResult { item, status, problem: Some(Problem::of(&error)) }
                }
            });
        }
        results
    };
    Ok(ok(&BulkResults { results: to_its_end(all).await? }, None))
}
