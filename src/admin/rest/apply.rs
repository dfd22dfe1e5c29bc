//! `/api/v1/apply`.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use chancery_actors::audit::ActError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{OpenApi, ToSchema};

use super::problem::Problems;
use super::reply::ok;
use super::request::{Body, Caller};
use crate::admin::apply::{Applied, Change, Declared, Options};
use crate::admin::error::AdminError;
use crate::admin::operator::Role;
use crate::admin::settings::{AcmeProfileSettings, RaProfileSettings};

/// The description of this room.
#[derive(OpenApi)]
#[openapi(paths(apply), components(schemas(ApplyRequest, Changes, Change)))]
pub(super) struct Description;

/// Adds this room's route.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(web::resource("/apply").post(apply));
}

/// A declared set of profiles. What a profile leaves out has its default, whatever it was before; only what signs stays as
/// it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(example = json!({"acmeProfiles": {"web": {"defaultRaProfile": "web"}}, "raProfiles": {"web": {}}}))]
struct ApplyRequest {
    /// ACME Profiles, by name.
    #[schema(value_type = BTreeMap<String, AcmeProfileSettings>)]
    acme_profiles: BTreeMap<String, Map<String, Value>>,
    /// RA Profiles, by name.
    #[schema(value_type = BTreeMap<String, RaProfileSettings>)]
    ra_profiles: BTreeMap<String, Map<String, Value>>,
    /// Only say what would be done.
    dry_run: bool,
    /// Remove the profiles that are not declared. Accounts that are registered at one, and external accounts' credentials
    /// that are for it, speak against that.
    prune: bool,
    /// With `prune`: remove them all the same; the accounts and credentials stay.
    force: bool,
    /// The `basis` of a dry run: with it, nothing is done if another operator has changed a profile since (412).
    basis: Option<String>,
}

/// What was done, or would be.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Changes {
    /// One for each profile that is declared or removed.
    changes: Vec<Change>,
    /// Names what the changes were made of: sent back with the request that is to do them, it keeps that from undoing what
    /// another operator did meanwhile.
    basis: String,
}

/// Make the profiles as they are declared: all of it in one commit, or nothing.
#[utoipa::path(post, path = "/api/v1/apply", operation_id = "apply", tag = "Declared profiles", request_body = ApplyRequest,
    responses((status = 200, body = Changes), Problems))]
async fn apply(caller: Caller, body: Body) -> Result<HttpResponse, AdminError> {
    caller.operator.may(Role::Operator)?;
    let ApplyRequest { acme_profiles, ra_profiles, dry_run, prune, force, basis } = body.read()?;
    let declared = Declared { acme_profiles, ra_profiles };
    let options = Options { dry_run, prune, force, basis };
    match caller.admin.apply(&caller.operator.who, &declared, options).await {
        Ok(Applied { changes, basis }) => Ok(ok(&Changes { changes, basis }, None)),
        Err(ActError::Refused(refused)) => Err(refused.into()),
        Err(ActError::Turn(error)) => Err(error.into()),
    }
}
