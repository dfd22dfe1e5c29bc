//! DNSSEC (RFC 4033 to 4035) where a profile has this server validate it: whole orders, on both forms of URL, for names of a
//! zone that is really signed.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::KeyPair;
use serde_json::{Value, json};

use crate::client::{Account, challenge, text};
use crate::dns::DnsServer;
use crate::house::{csr, download, finalize, name};
use crate::jws::encode;
use crate::profiles::Profiles;
use crate::signed_dns::{SignedZone, ZONE, ZoneKey, issue, txt};

const HOUR: Duration = Duration::from_secs(3600);
const ISSUER: &str = "ca.dnssec-tests.example";

/// A zone whose records come when the challenge is known, always signed by the same key, and the profile that believes it.
struct Signed {
    key: ZoneKey,
    /// In front of the zone's own server, and what knows that `test` above it has no CAA records.
    front: DnsServer,
    profiles: Profiles,
}

/// What somebody does to the zone after it was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forgery {
    None,
    /// The proof of control is put into it.
    Proof,
    /// A CAA record that allows is put beside the one that forbids.
    Caa,
}

impl Signed {
    fn new() -> Self {
        let (key, front) = (ZoneKey::new(), DnsServer::start());
        front.zone().add_txt("test", "exists");
        let profiles = Profiles::acme(&json!({
            "resolvers": [front.address().to_string()],
            "dnssec": "validate",
            "trustAnchors": [key.anchor()],
            "challenges": ["dns-01"],
            "caaIdentities": [ISSUER],
        }));
        Self { key, front, profiles }
    }

    /// Has a challenge for this name tried, and answers the authorization and the order once they are settled.
    fn attempt(&self, account: &Account<'_>, host: &str, forgery: Forgery) -> (Value, String, Value) {
        let (order_url, order) = account.order(&[host]);
        let url = order["authorizations"][0].as_str().expect("an order has authorizations").to_owned();
        let challenge = challenge(&account.read(&url).expect(200).json(), "dns-01");
        let proof = txt(&encode(digest(&SHA256, account.key_authorization(&challenge).as_bytes())));
        let at = format!("_acme-challenge.{host}");
        let published = if forgery == Forgery::Proof { txt("what the holder published") } else { proof.clone() };
        let caa = issue(if forgery == Forgery::Caa { ";" } else { ISSUER });
        let mut zone = SignedZone::signed_by(&self.key, &[(&at, published), (host, caa)], None, HOUR);
        match forgery {
            Forgery::None => {}
            Forgery::Proof => zone.tamper(&at, proof),
            Forgery::Caa => zone.tamper(host, issue(ISSUER)),
        }
        let signed = zone.serve();
        self.front.zone().set_upstream(Some(signed.address()));
        account.post(text(&challenge, "url"), &json!({})).expect(200);
        (account.settle(&url), order_url.clone(), account.settle(&order_url))
    }
}

fn host(label: &str) -> String {
    name(label).replace("acme.test", ZONE)
}

#[test]
fn a_name_of_a_signed_zone_gets_its_certificate() {
    let signed = Signed::new();
    for endpoint in signed.profiles.both() {
        let (account, host) = (endpoint.register("ES256"), host("secure"));
        let (authorization, url, order) = signed.attempt(&account, &host, Forgery::None);
        assert_eq!(authorization["status"], "valid", "{authorization}");
        let key = KeyPair::generate().expect("a key is made");
        let order = finalize(&account, &url, &order, &csr(&[&host], &key));
        download(&account, &order);
    }
}

#[test]
fn what_was_changed_after_it_was_signed_is_a_dns_problem_that_the_client_reads() {
    let signed = Signed::new();
    for endpoint in signed.profiles.both() {
        let account = endpoint.register("ES256");
        for (forgery, kind) in [(Forgery::Proof, "TXT"), (Forgery::Caa, "CAA")] {
            let host = host("forged");
            let (authorization, _, order) = signed.attempt(&account, &host, forgery);
            assert_eq!(authorization["status"], "invalid", "{forgery:?} {authorization}");
            let error = &challenge(&authorization, "dns-01")["error"];
            assert_eq!(error["type"], "urn:ietf:params:acme:error:dns", "{error}");
            let detail = text(error, "detail");
            for word in ["DNSSEC", kind, &host] {
                assert!(detail.contains(word), "{word}: {detail}");
            }
            assert_eq!(order["status"], "invalid", "{order}");
        }
    }
}
