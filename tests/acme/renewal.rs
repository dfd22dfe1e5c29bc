//! What the tests of RFC 9773 have in common.

use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, ParsedExtension, X509Certificate};

use crate::client::{Account, Endpoint, Response, text};
use crate::jws::encode;
use crate::support::certificate::Chain;

/// Section 4.1, from the certificate itself: keyIdentifier and the contents of the serial number as DER has them.
pub(crate) fn certificate_name(chain: &Chain) -> String {
    let (_, certificate) = X509Certificate::from_der(chain.der()).expect("a certificate");
    let identifier = certificate.extensions().iter().find_map(|extension| {
        let ParsedExtension::AuthorityKeyIdentifier(found) = extension.parsed_extension() else { return None };
        found.key_identifier.as_ref().map(|key| key.0.to_vec())
    });
    format!("{}.{}", encode(identifier.expect("it names the key of its issuer")), encode(certificate.raw_serial()))
}

/// What anybody is told of a certificate, without an account.
pub(crate) fn ask(endpoint: &Endpoint, certificate: &str) -> Response {
    endpoint.send("GET", &format!("{}/{certificate}", endpoint.url("renewalInfo")), &[], b"")
}

/// The seconds at which the suggested window begins and ends.
pub(crate) fn window(response: &Response) -> (i64, i64) {
    let object = response.json();
    let at = |member: &str| {
        let moment: jiff::Timestamp = text(&object["suggestedWindow"], member).parse().expect("RFC 3339");
        moment.as_second()
    };
    (at("start"), at("end"))
}

/// A new order for these names that replaces a certificate.
pub(crate) fn replacing(account: &Account<'_>, names: &[&str], certificate: &str) -> Response {
    let identifiers: Vec<Value> = names.iter().map(|name| json!({"type": "dns", "value": name})).collect();
    let payload = json!({"identifiers": identifiers, "replaces": certificate});
    account.post(account.endpoint.url("newOrder"), &payload)
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
