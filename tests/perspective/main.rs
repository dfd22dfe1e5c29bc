//! Validation from several vantage points, against the real binary on both sides: one server, and perspectives that are
//! processes of their own on other loopback addresses. Each has a DNS of its own, so each sees what its zone says.

#[path = "../support/background.rs"]
mod background;
#[path = "../support/acme.rs"]
mod client;
mod credentials;
#[path = "../support/dns.rs"]
mod dns;
mod house;
#[path = "../support/jws.rs"]
mod jws;
mod methods;
mod orders;
mod renewed;
#[path = "../support/responder.rs"]
mod responder;
#[path = "../support/signed_dns.rs"]
mod signed_dns;
mod site;
#[path = "../support/mod.rs"]
mod support;
mod unknown;
mod wire;
