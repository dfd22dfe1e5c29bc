//! The same asked for many things at once: each is done by itself, and answered for by itself.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError, web};
use chancery_actors::error::TurnError;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use super::reply::ok;
use super::request::Caller;
use crate::admin::Admin;
use crate::admin::error::AdminError;
use crate::admin::operator::{Operator, Role};
use crate::admin::settings::Fault;

/// How many things one request may name.
const MOST_ITEMS: usize = 1000;

/// What one request names, not more than can be answered for.
pub(super) struct Batch(Vec<String>);

impl Batch {
    pub(super) fn new(items: Vec<String>) -> Result<Self, AdminError> {
        if items.len() > MOST_ITEMS {
            let detail = format!("there are {}, and at most {MOST_ITEMS} in one request", items.len());
            return Err(Fault::new("items", detail).into());
        }
        Ok(Self(items))
    }
}

/// What became of each, in the order of the request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct BulkResults {
    /// One for each.
    results: Vec<BulkResult>,
}

/// What became of one.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct BulkResult {
    /// As the request names it.
    item: String,
    /// The HTTP status that it would have been answered with by itself.
    status: u16,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// Does it to one after the other.
pub(super) async fn each(
    Batch(items): Batch,
    act: impl AsyncFn(&str) -> Result<StatusCode, AdminError>,
) -> BulkResults {
    let mut results = Vec::with_capacity(items.len());
    for item in items {
        let (status, problem) = match act(&item).await {
            Ok(status) => (status, None),
            Err(error) => (error.status_code(), Some(Problem::of(&error))),
        };
        results.push(BulkResult { item, status: status.as_u16(), problem });
    }
    BulkResults { results }
}

/// Does it to one after the other, and to the end even if the client hangs up: for whoever asked it of a thousand, not to
/// know how many were done would be the worst answer.
///
/// # Errors
/// [`AdminError`] if none was begun: the role does not allow it, or there are too many.
pub(super) async fn to_the_end<F>(
    Caller { admin, operator }: Caller,
    needed: Role,
    items: Vec<String>,
    act: impl Fn(web::Data<Admin>, Operator, String) -> F + 'static,
) -> Result<HttpResponse, AdminError>
where
    F: Future<Output = Result<(), AdminError>> + 'static,
{
    operator.may(needed)?;
    let batch = Batch::new(items)?;
    let all = actix_rt::spawn(async move {
        let one =
            async |item: &str| act(admin.clone(), operator.clone(), item.to_owned()).await.map(|()| StatusCode::OK);
        each(batch, one).await
    });
    let stopping = |_| AdminError::Turn(TurnError::Unavailable("the server is stopping".to_owned()));
    Ok(ok(&all.await.map_err(stopping)?, None))
}
