//! One action on many objects: each is done by itself, and answered for by itself.

use std::sync::Arc;

use chancery_actors::error::TurnError;

use super::Admin;
use super::error::AdminError;
use super::operator::{Operator, Role};
use super::settings::Fault;

/// How many objects one request may name.
pub const MOST: usize = 1000;

/// What became of one object.
pub type Outcome = (String, Result<(), AdminError>);

/// Does an action to each of these objects, one after the other, and to its end even if the client hangs up: for whoever
/// has sent a thousand, not to know how many were done would be the worst answer. Outcomes stand in the order of the items.
///
/// # Errors
/// [`AdminError`] if none was begun: the role does not allow it, or there are too many.
pub async fn each<F>(
    admin: Arc<Admin>,
    operator: Operator,
    needed: Role,
    items: Vec<String>,
    action: impl Fn(Arc<Admin>, Operator, String) -> F + 'static,
) -> Result<Vec<Outcome>, AdminError>
where
    F: Future<Output = Result<(), AdminError>> + 'static,
{
    operator.may(needed)?;
    bounded(&items)?;
    let all = async move {
        let mut outcomes = Vec::with_capacity(items.len());
        for item in items {
            let done = action(Arc::clone(&admin), operator.clone(), item.clone()).await;
            outcomes.push((item, done));
        }
        outcomes
    };
    to_its_end(all).await
}

/// Nothing, if one request may name so many.
///
/// # Errors
/// [`Fault`] says how many there are, and how many there may be.
pub fn bounded(items: &[String]) -> Result<(), Fault> {
    match items.len() {
        number if number > MOST => Err(Fault::new("items", format!("there are {number}; {MOST} are the most"))),
        _ => Ok(()),
    }
}

/// What comes of work that is done even if the client hangs up meanwhile.
pub(crate) async fn to_its_end<T: 'static>(work: impl Future<Output = T> + 'static) -> Result<T, AdminError> {
    let stopping = |_| TurnError::Unavailable("the server is stopping".to_owned());
    Ok(actix_rt::spawn(work).await.map_err(stopping)?)
}
