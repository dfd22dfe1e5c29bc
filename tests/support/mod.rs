//! What the tests of the real server share.
#![allow(dead_code, reason = "each test target uses its part")]

pub(crate) mod admin;
pub(crate) mod certificate;
pub(crate) mod crossing;
pub(crate) mod https;
pub(crate) mod process;
pub(crate) mod server;
pub(crate) mod web;
