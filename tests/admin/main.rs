//! The management API over HTTPS, by hand, against the real binary: what operators do, who may, and what holds when they do
//! it at once.

mod access;
mod apply;
#[path = "../support/acme.rs"]
mod client;
mod concurrency;
mod house;
#[path = "../support/jws.rs"]
mod jws;
mod openapi;
mod profiles;
mod roles;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
