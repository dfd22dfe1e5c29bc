//! The management API over HTTPS, by hand, against the real binary: what operators do, who may, and what holds when they do
//! it at once; with real ACME clients to look after.

mod access;
mod accounts;
mod apply;
mod audit;
mod certificates;
#[path = "../support/acme.rs"]
mod client;
#[allow(dead_code, reason = "the ACME tests use all of it")]
#[path = "../acme/house.rs"]
mod clients;
mod concurrency;
mod described;
mod desk;
#[path = "../support/dns.rs"]
mod dns;
mod eab;
mod house;
#[path = "../support/jws.rs"]
mod jws;
mod lists;
mod openapi;
mod orders;
mod profiles;
mod roles;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
mod trail;
mod trial;
