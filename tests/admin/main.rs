//! The management API over HTTPS, against the real binary, with real ACME clients to look after.

mod accounts;
mod audit;
mod certificates;
#[path = "../support/acme.rs"]
mod client;
mod desk;
#[path = "../support/dns.rs"]
mod dns;
mod eab;
#[allow(dead_code, reason = "the ACME tests use all of it")]
#[path = "../acme/house.rs"]
mod house;
#[path = "../support/jws.rs"]
mod jws;
mod orders;
#[path = "../support/mod.rs"]
mod support;
