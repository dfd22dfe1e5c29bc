//! dns-account-01 (draft-ietf-acme-dns-account-label): dns-01 below a label that is the account's own, so that several may
//! prove control of one name at the same time.

use aws_lc_rs::digest::{SHA256, digest};
use chancery_machine::problem::Problem;

use super::{Errand, dns01};

/// How many octets of the digest the label carries: sixteen letters.
const OCTETS: usize = 10;

/// As dns-01 does, at the account's own name.
pub(super) async fn prove(errand: &Errand<'_>) -> Result<(), Problem> {
    dns01::prove_at(errand, &format!("{}._acme-challenge", label(&errand.attempt.account_url))).await
}

/// The label of an account: the base32 (RFC 4648 section 6, in small letters) of the beginning of its URL's SHA-256.
fn label(account_url: &str) -> String {
    let digest = digest(&SHA256, account_url.as_bytes());
    let mut label = String::from("_");
    for group in digest.as_ref().iter().take(OCTETS).collect::<Vec<_>>().chunks(5) {
        let bits = group.iter().fold(0_u64, |bits, &&octet| (bits << 8) | u64::from(octet));
        label.extend((0..8).rev().map(|place| char::from(ALPHABET[(bits >> (5 * place)) as usize & 0x1f])));
    }
    label
}

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_of_the_draft() {
        assert_eq!(label("https://example.com/acme/acct/ExampleAccount"), "_ujmmovf2vn55tgye");
    }

    #[test]
    fn accounts_have_different_labels() {
        assert_ne!(label("https://example.com/acme/acct/1"), label("https://example.com/acme/acct/2"));
    }
}
