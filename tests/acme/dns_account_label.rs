//! dns-account-01 on the wire (draft-ietf-acme-dns-account-label): whole orders, on both forms of URL.

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::KeyPair;
use serde_json::{Value, json};

use crate::client::{Account, challenge, text};
use crate::house::{csr, finalize, house, name};
use crate::jws::encode;
use crate::profiles::Profiles;

/// `_` and the base32 of the first ten octets of the SHA-256 of the account's URL.
fn label(account: &Account<'_>) -> String {
    let digest = digest(&SHA256, account.kid.as_bytes());
    let number = digest.as_ref()[..10].iter().fold(0_u128, |number, &octet| (number << 8) | u128::from(octet));
    let letters = (0..16).rev().map(|place| b"abcdefghijklmnopqrstuvwxyz234567"[(number >> (5 * place)) as usize & 31]);
    format!("_{}", letters.map(char::from).collect::<String>())
}

/// Publishes what the challenge asks for at these labels, says so, and answers the settled authorization.
fn meet(account: &Account<'_>, authorization: &str, host: &str, labels: &str) -> Value {
    let object = account.read(authorization).expect(200).json();
    let challenge = challenge(&object, "dns-account-01");
    let value = encode(digest(&SHA256, account.key_authorization(&challenge).as_bytes()));
    house().zone().add_txt(&format!("{labels}.{host}"), &value);
    account.post(text(&challenge, "url"), &json!({})).expect(200);
    account.settle(authorization)
}

fn urls(order: &Value) -> Vec<String> {
    let urls = order["authorizations"].as_array().expect("an order has authorizations").iter();
    urls.map(|url| url.as_str().expect("a URL").to_owned()).collect()
}

#[test]
fn a_name_and_its_wildcard_are_proven_at_the_label_of_the_account() {
    let profiles = Profiles::acme(&json!({"challenges": ["dns-account-01"]}));
    for endpoint in [profiles.endpoint(), profiles.activated()] {
        let account = endpoint.register("ES256");
        let host = name("account-label");
        let wildcard = format!("*.{host}");
        let (url, order) = account.order(&[&host, &wildcard]);
        for authorization in urls(&order) {
            let settled = meet(&account, &authorization, &host, &format!("{}._acme-challenge", label(&account)));
            assert_eq!(settled["status"], "valid", "{settled}");
        }
        let csr = csr(&[&host, &wildcard], &KeyPair::generate().expect("a key is made"));
        finalize(&account, &url, &account.settle(&url), &csr);
    }
}

#[test]
fn the_label_of_another_account_and_none_at_all_prove_nothing() {
    let profiles = Profiles::acme(&json!({"challenges": ["dns-account-01"]}));
    for endpoint in [profiles.endpoint(), profiles.activated()] {
        let (account, other) = (endpoint.register("ES256"), endpoint.register("ES256"));
        for labels in ["_acme-challenge".to_owned(), format!("{}._acme-challenge", label(&other))] {
            let host = name("other-label");
            let (_, order) = account.order(&[&host]);
            let settled = meet(&account, &urls(&order)[0], &host, &labels);
            assert_eq!(settled["status"], "invalid", "{labels} {settled}");
        }
    }
}
