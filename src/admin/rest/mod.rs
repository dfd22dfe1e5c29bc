//! The REST API under `/api/v1`, described by OpenAPI 3.1 made from the code.
//!
//! Each resource has a room with its handlers, their descriptions and their routes. Handlers read the request, call a use
//! case and write its answer: nothing is decided here.

#![allow(unused_qualifications, reason = "utoipa's macros write out paths")]

mod acme_accounts;
mod acme_profiles;
mod apply;
mod audit;
mod authorities;
mod authorizations;
mod bulk;
mod certificates;
mod docs;
mod eab_credentials;
mod filter;
mod guard;
mod orders;
mod overview;
pub mod problem;
mod profiles;
mod ra_profiles;
mod reply;
pub mod request;
mod routes;
mod schemas;
mod tokens;
mod whoami;

pub use routes::{configure, description};

/// The queries of lists, which the web interface reads too.
pub(crate) mod filters {
    pub(crate) use super::acme_accounts::Filter as Accounts;
    pub(crate) use super::acme_profiles::Filter as AcmeProfiles;
    pub(crate) use super::audit::{Filter as Audit, Note as AuditNote};
    pub(crate) use super::authorities::Filter as Authorities;
    pub(crate) use super::certificates::Filter as Certificates;
    pub(crate) use super::eab_credentials::Filter as EabCredentials;
    pub(crate) use super::filter::place;
    pub(crate) use super::orders::Filter as Orders;
    pub(crate) use super::profiles::{Found, page as profiles};
    pub(crate) use super::ra_profiles::Filter as RaProfiles;
}
