//! RFC 8555 section 7.4: `notBefore` and `notAfter` are honoured within the RA Profile's bounds, refused outside of them, and
//! never changed.

use rcgen::KeyPair;
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::client::{Account, Response, text};
use crate::house::{csr, download, finalize, moment, name, prove};

use super::endpoint;

const DAY: i64 = 86_400;

fn order(account: &Account<'_>, host: &str, members: &Value) -> Response {
    let mut payload = json!({"identifiers": [{"type": "dns", "value": host}]});
    payload.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    account.post(account.endpoint.url("newOrder"), &payload)
}

/// The validity of the certificate that an order leads to, RFC 3339.
fn issued(account: &Account<'_>, host: &str, placed: &Response) -> (String, String) {
    let object = placed.json();
    prove(account, object["authorizations"][0].as_str().expect("a URL"), "http-01");
    account.await_status(placed.location(), "ready");
    let key = KeyPair::generate().expect("a key is made");
    let chain = download(account, &finalize(account, placed.location(), &object, &csr(&[host], &key)));
    let (_, certificate) = X509Certificate::from_der(chain.der()).expect("a certificate");
    let text = |seconds| jiff::Timestamp::from_second(seconds).expect("a moment").to_string();
    let validity = certificate.validity();
    (text(validity.not_before.timestamp()), text(validity.not_after.timestamp()))
}

#[test]
fn s7_4_a_validity_within_the_bounds_is_the_certificate_s_to_the_second() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let both = json!({"notBefore": moment(-600), "notAfter": moment(7 * DAY)});
    let (later, early) = (json!({"notBefore": moment(3 * DAY), "notAfter": moment(9 * DAY)}), moment(5 * DAY));
    for members in [both, later, json!({"notAfter": early})] {
        let host = name("validity");
        let placed = order(&account, &host, &members).expect(201);
        let shown = placed.json();
        for member in ["notBefore", "notAfter"] {
            assert_eq!(shown.get(member), members.get(member), "it is echoed, and nothing else: {shown}");
        }
        let read = account.read(placed.location()).expect(200).json();
        assert_eq!(read["notAfter"], members["notAfter"]);
        let (not_before, not_after) = issued(&account, &host, &placed);
        assert_eq!(not_after, text(&members, "notAfter"));
        if let Some(asked) = members.get("notBefore") {
            assert_eq!(*asked, not_before.as_str());
        }
    }
}

#[test]
fn s7_4_a_validity_outside_of_the_bounds_is_refused_and_never_changed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let host = name("validity-out");
    for (what, members) in [
        ("longer than the profile allows", json!({"notAfter": moment(91 * DAY)})),
        ("as long, but from an earlier moment", json!({"notBefore": moment(-1800), "notAfter": moment(90 * DAY)})),
        ("further back than the profile back-dates", json!({"notBefore": moment(-2 * 3600)})),
        ("further ahead than a certificate lasts", json!({"notBefore": moment(400 * DAY)})),
        ("over already", json!({"notAfter": moment(-60)})),
        ("ends before it begins", json!({"notBefore": moment(2 * DAY), "notAfter": moment(DAY)})),
        ("ends as it begins", json!({"notBefore": moment(2 * DAY), "notAfter": moment(2 * DAY)})),
        ("past the authority's own end", json!({"notBefore": moment(36_500 * DAY), "notAfter": moment(36_510 * DAY)})),
        ("no time", json!({"notAfter": "tomorrow"})),
        ("a date alone", json!({"notBefore": "2027-01-01"})),
    ] {
        let refused = order(&account, &host, &members);
        assert_eq!((refused.status, refused.problem().as_str()), (400, "malformed"), "{what}: {refused:?}");
    }
    order(&account, &host, &json!({"notAfter": 5})).expect_problem(400, "malformed");
    order(&account, &host, &json!({"notBefore": null, "notAfter": null})).expect(201);
}
