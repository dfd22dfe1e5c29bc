//! The management API over HTTPS, by hand, against the real binary: what operators do, who may, and what holds when they do
//! it at once.

mod access;
mod apply;
mod concurrency;
mod house;
mod openapi;
mod profiles;
mod roles;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
