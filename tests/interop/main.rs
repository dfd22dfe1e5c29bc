//! Real clients against the real server. Each test has a server of its own, its name says what the client did, and a whole
//! run writes what was seen into `docs/INTEROP.md` (see `matrix.rs`).

mod acme_client;
mod acme_tiny;
mod acmeow;
mod aioacme;
mod caddy;
mod certbot;
mod dehydrated;
#[path = "../support/dns.rs"]
mod dns;
#[path = "../support/dns_control.rs"]
mod dns_control;
mod instant;
mod lab;
mod lacks;
mod lacme;
mod lego;
mod matrix;
mod ml_dsa;
mod nginx;
mod pkilint;
#[path = "../support/responder.rs"]
mod responder;
mod script;
#[path = "../support/mod.rs"]
mod support;
mod uacme;
