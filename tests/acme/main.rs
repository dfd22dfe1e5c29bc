//! RFC 8555 over HTTPS, by hand, against the real binary: a file for each section, and each test named by its own; and a
//! file for each side of profiles, which the tests change through the API while the server runs. What
//! holds for every response (nonce, index, CORS, problem documents) is checked in `support/acme.rs` on every one of them.

#[path = "../support/acme.rs"]
mod client;
#[path = "../support/dns.rs"]
mod dns;
mod house;
#[path = "../support/jws.rs"]
mod jws;
mod profiles;
mod profiles_acme;
mod profiles_binding;
mod profiles_limits;
mod profiles_ra;
mod profiles_urls;
mod s6_2_signatures;
mod s6_5_nonces;
mod s6_5_restart;
mod s6_transport;
mod s7_1_resources;
mod s7_3_5_key_change;
mod s7_3_accounts;
mod s7_4_finalization;
mod s7_4_orders;
mod s7_5_authorizations;
mod s7_6_revocation;
#[path = "../support/scripted_web.rs"]
mod scripted_web;
#[path = "../support/mod.rs"]
mod support;
