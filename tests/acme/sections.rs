//! What RFC 8555 asks of every endpoint, by section. Both forms of URL include this file, so each test runs on both:
//! `super::endpoint` of a section is the endpoint of that name in the form at hand, `super::endpoint_of` that of profiles
//! which the test has made.

use super::{endpoint, endpoint_of};

mod profiles_limits;
mod rfc8739_star;
mod rfc9444_subdomains;
mod rfc9773_renewal;
mod rfc9964_ml_dsa;
mod s6_2_signatures;
mod s6_5_nonces;
mod s6_transport;
mod s7_1_resources;
mod s7_3_3_terms;
mod s7_3_4_binding;
mod s7_3_5_key_change;
mod s7_3_accounts;
mod s7_4_1_pre_authorization;
mod s7_4_finalization;
mod s7_4_orders;
mod s7_4_validity;
mod s7_5_authorizations;
mod s7_6_revocation;
