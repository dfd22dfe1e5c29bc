//! Real clients against the real server. Each test has a server of its own, and its name says what the client did:
//!
//! | client       | account keys     | http-01 | dns-01 | renewal | revocation by       | key change | update, deactivation |
//! |--------------|------------------|---------|--------|---------|---------------------|------------|----------------------|
//! | certbot      | RS256            | x       | x      | x       | account, certificate| it has none| x, x                 |
//! | lego         | ES256, ES384, RS256 | x    | x      | x       | account             | it has none| it has none          |
//! | dehydrated   | RS256            | x       | x      | x       | account             | it has none| x, x                 |
//! | uacme        | ES256, ES384, RS256 | x    | x      | x       | account, certificate| x          | x, x                 |
//! | acme-tiny    | RS256            | x       |        | x       |                     |            | x                    |
//! | instant-acme | ES256            | x       | x      | x       | account             | x          | x, x                 |

mod acme_tiny;
mod certbot;
mod dehydrated;
#[path = "../support/dns.rs"]
mod dns;
#[path = "../support/dns_control.rs"]
mod dns_control;
mod instant;
mod lab;
mod lego;
mod nginx;
mod pkilint;
#[path = "../support/mod.rs"]
mod support;
mod uacme;
