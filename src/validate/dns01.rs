//! dns-01 (RFC 8555 section 8.4): a TXT record below the name carries the digest of the key authorization.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_machine::identifier::{DnsName, Identifier};
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::transcript::{EXCERPT, Happening, excerpt};

use super::Errand;

/// Asks for the TXT records at the place that the RFC names.
pub(super) async fn prove(errand: &Errand<'_>) -> Result<(), Problem> {
    prove_at(errand, "_acme-challenge").await
}

/// Asks for the TXT records at these labels before the name, and looks whether any one of them is the digest.
pub(super) async fn prove_at(errand: &Errand<'_>, labels: &str) -> Result<(), Problem> {
    let name = name(errand)?;
    let asked = format!("{labels}.{name}");
    let expected = URL_SAFE_NO_PAD.encode(digest(&SHA256, errand.attempt.key_authorization.as_bytes()));

    // No record at all is `dns` (section 6.7: a problem with a DNS query), whether the name is missing (NXDOMAIN) or
    // has other records only: which of the two it is depends on what else stands in the zone, not on the client.
    let texts = errand
        .resolvers
        .texts(&errand.attempt.network, &asked, errand.notes)
        .await
        .map_err(|error| error.problem(&asked, "TXT", &format!("with the value {expected}")))?;

    let found = texts.iter().map(|text| String::from_utf8_lossy(&text.value)).collect::<Vec<_>>();
    errand.notes.note(Happening::Compared { expected: expected.clone(), found: excerpts(&found) });
    if texts.iter().any(|text| text.value == expected.as_bytes()) {
        return Ok(());
    }
    // Records that say something else are `unauthorized`: the zone answers and does not vouch for this account's key.
    Err(Problem::new(
        ProblemType::Unauthorized,
        format!(
            "{asked} has {} TXT record{}, and none of them has the value {expected} that this challenge asks for; \
             publish that value, wait until all name servers of the zone answer with it, and try again",
            texts.len(),
            if texts.len() == 1 { "" } else { "s" },
        ),
    ))
}

/// The DNS proves nothing of an address (RFC 8738 section 7); such a challenge is never offered.
pub(super) fn name<'a>(errand: &Errand<'a>) -> Result<&'a DnsName, Problem> {
    match &errand.attempt.identifier {
        Identifier::Dns(name) => Ok(name),
        Identifier::Ip(_) => {
            Err(Problem::new(ProblemType::Malformed, "a challenge by DNS cannot prove control of an address"))
        }
    }
}

/// As many of the texts, each cut short, as an excerpt holds.
pub(super) fn excerpts(texts: &[std::borrow::Cow<'_, str>]) -> String {
    let mut joined = String::new();
    for text in texts {
        if joined.len() >= EXCERPT {
            break;
        }
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(&excerpt(text));
    }
    excerpt(&joined)
}
