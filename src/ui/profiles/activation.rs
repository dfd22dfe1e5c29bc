//! What only RA Profiles have: an ACME Profile that is activated on them, and calls to renew what they have issued.

use actix_web::{HttpResponse, web};
use chancery_machine::profile::RaProfile;
use serde_json::{Map, Value};

use super::{Kind, detail};
use crate::admin::error::AdminError;
use crate::admin::renewal::NewRenewalCall;
use crate::admin::settings::{Fault, read};
use crate::ui::form::Form;
use crate::ui::visitor::Visitor;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    let below = |rest: &str| web::resource(format!("{}/{{name}}/{rest}", RaProfile::PLACE.trim_start_matches("/ui")));
    config
        .service(below("activate").post(activate))
        .service(below("deactivate").post(deactivate))
        .service(below("renew").post(renew));
}

async fn activate(visitor: Visitor, name: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let (operator, asked) = (visitor.operator(), form.text("acmeProfile"));
    let done = match asked {
        "" => Err(Fault::new("acmeProfile", "choose an ACME Profile").into()),
        _ => visitor.admin.activate_ra_profile(operator, &name, asked, form.precondition()).await,
    };
    detail::after::<RaProfile>(&visitor, &name, "activated", done).await
}

async fn deactivate(visitor: Visitor, name: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let done = visitor.admin.deactivate_ra_profile(visitor.operator(), &name, form.precondition()).await;
    detail::after::<RaProfile>(&visitor, &name, "deactivated", done).await
}

/// Without anything, it means at once.
async fn renew(visitor: Visitor, name: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let cancel = form.ticked("cancel");
    let mut members = Map::new();
    if cancel {
        members.insert("cancel".to_owned(), Value::Bool(true));
    } else if let Some(within) = form.given("within") {
        members.insert("within".to_owned(), Value::from(within));
    }
    let done = match read::<NewRenewalCall>(Value::Object(members)) {
        Ok(call) => visitor.admin.renew_ra_profile(visitor.operator(), &name, call, form.precondition()).await,
        Err(fault) => Err(fault.into()),
    };
    detail::after::<RaProfile>(&visitor, &name, if cancel { "recalled" } else { "called" }, done).await
}
