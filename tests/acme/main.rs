//! RFC 8555 over HTTPS, by hand, against the real binary: a file for each section, and each test named by its own; and a
//! file for each side of profiles, which the tests change through the API while the server runs. What
//! holds for every response (nonce, index, CORS, problem documents) is checked in `support/acme.rs` on every one of them.

#[path = "../support/background.rs"]
mod background;
#[path = "../support/acme.rs"]
mod client;
mod credential;
mod directory_truth;
#[path = "../support/dns.rs"]
mod dns;
mod dns_account_label;
mod dns_persist;
mod house;
#[path = "../support/jws.rs"]
mod jws;
mod profiles;
mod profiles_acme;
mod profiles_authorizing;
mod profiles_choice;
mod profiles_ra;
mod profiles_renewal;
mod profiles_urls;
mod renewal;
#[path = "../support/responder.rs"]
mod responder;
mod rfc4035_dnssec;
mod rfc8659_caa;
mod rfc8737_tls_alpn;
mod rfc8738_addresses;
mod s6_5_restart;
mod s7_4_2_chains;
#[path = "../support/scripted_web.rs"]
mod scripted_web;
#[path = "../support/signed_dns.rs"]
mod signed_dns;
#[path = "../support/mod.rs"]
mod support;

/// The sections at `/acme/{acmeProfile}/…`.
#[path = "."]
mod by_acme_profile {
    use crate::house::endpoint;
    use crate::profiles::by_acme_profile as endpoint_of;

    #[path = "sections.rs"]
    mod sections;
}

/// The sections at `/acme/raProfile/{raProfile}/…`.
#[path = "."]
mod by_ra_profile {
    use crate::house::endpoint_by_ra_profile as endpoint;
    use crate::profiles::by_ra_profile as endpoint_of;

    #[allow(clippy::duplicate_mod, reason = "what holds at one form of URL holds at the other")]
    #[path = "sections.rs"]
    mod sections;
}
