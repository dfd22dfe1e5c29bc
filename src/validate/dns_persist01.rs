//! dns-persist-01 (draft-ietf-acme-dns-persist): a TXT record that stays names the authority and the account.
//!
//! Drafts -01 and -02 differ in how the record names the account ([`AccountUri`]), and in what its end and its time to live
//! mean for what was proven ([`reliance`]).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_actors::ports::{AccountUri, Attempt};
use chancery_machine::challenge::Reliance;
use chancery_machine::identifier::DnsName;
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::time::Timestamp;
use chancery_machine::transcript::Happening;
use thiserror::Error;

use super::Errand;
use super::dns01;
use super::issue_value::IssueValue;
use super::resolver::Text;

/// The digest that every draft with digests knows, by its name in the registry of RFC 6920 section 9.4.
const HASH: &str = "sha-256";

/// Why a record proves nothing, those that came closest to a proof last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
enum Unfit {
    #[error("names another authority")]
    Issuer,
    #[error("is no issue-value of RFC 8659 section 4.2")]
    Unreadable,
    #[error("has a parameter twice that may stand there once")]
    Repeated,
    #[error("has no accounturi")]
    NoAccount,
    #[error("has an accounturi that is no digest below this server's accountHashPrefix")]
    NoDigest,
    #[error("has a persistUntil that is no number of seconds since 1970")]
    NoTime,
    #[error("names another account")]
    Account,
    #[error("does not have policy=wildcard, without which it is for the name alone")]
    Policy,
    #[error("has a persistUntil that has passed")]
    Expired,
}

impl Unfit {
    /// As the drafts' section on error handling has it.
    const fn kind(self) -> ProblemType {
        match self {
            Self::Unreadable | Self::Repeated | Self::NoAccount | Self::NoDigest | Self::NoTime => {
                ProblemType::Malformed
            }
            Self::Issuer | Self::Account | Self::Policy | Self::Expired => ProblemType::Unauthorized,
        }
    }
}

/// Asks for the records, and looks whether any one of them fits.
pub(super) async fn prove(errand: &Errand<'_>) -> Result<Reliance, Problem> {
    let attempt = errand.attempt;
    let name = dns01::name(errand)?;
    let asked = format!("_validation-persist.{name}");
    let accounts = accounts(attempt, name);
    let wanted = wanted(attempt, &accounts);
    let texts = errand
        .resolvers
        .texts(&attempt.network, &asked, errand.notes)
        .await
        .map_err(|error| error.problem(&asked, "TXT", &format!("with the value \"{wanted}\"")))?;

    let found = texts.iter().map(|text| String::from_utf8_lossy(&text.value)).collect::<Vec<_>>();
    errand.notes.note(Happening::Compared { expected: wanted.clone(), found: dns01::excerpts(&found) });
    let now = errand.notes.now();
    let judged = texts.iter().map(|text| judge(attempt, &accounts, text, now)).collect::<Vec<_>>();
    // Any one suffices. Of several, the one that lasts longest: an end that is not there is the latest.
    let fitting = judged.iter().filter_map(|judged| judged.as_ref().ok());
    if let Some(reliance) = fitting.max_by_key(|reliance| reliance.until.map_or((1, None), |until| (0, Some(until)))) {
        return Ok(*reliance);
    }
    let unfit = judged.iter().filter_map(|judged| judged.as_ref().err()).max().copied().unwrap_or(Unfit::Issuer);
    let which = if texts.len() == 1 { "the TXT record" } else { "none of the TXT records fits; the closest" };
    Err(Problem::new(
        unfit.kind(),
        format!(
            "at {asked}, {which} {unfit}; publish the value \"{wanted}\", wait until all name servers of the zone answer \
             with it, and try again"
        ),
    ))
}

/// Whether a record proves control, and how long that may be relied on.
fn judge(attempt: &Attempt, accounts: &[String], text: &Text, now: Timestamp) -> Result<Reliance, Unfit> {
    let value = IssueValue::parse(&text.value).ok_or(Unfit::Unreadable)?;
    if !value.names(&attempt.issuers) {
        return Err(Unfit::Issuer);
    }
    let parameter = |tag| value.parameter(tag).map_err(|_| Unfit::Repeated);
    let (account, policy) = (parameter("accounturi")?.ok_or(Unfit::NoAccount)?, parameter("policy")?);
    let until = parameter("persistuntil")?.map(|until| seconds(until).ok_or(Unfit::NoTime)).transpose()?;
    if let AccountUri::Hashed { prefix, .. } = &attempt.account_uri
        && !is_digest(account, prefix)
    {
        return Err(Unfit::NoDigest);
    }
    // Letter by letter (RFC 3986 section 6.2.1).
    if !accounts.iter().any(|ours| ours == account) {
        return Err(Unfit::Account);
    }
    // Other policies are as none.
    if (attempt.wildcard || attempt.subdomains) && !policy.is_some_and(|policy| policy.eq_ignore_ascii_case("wildcard"))
    {
        return Err(Unfit::Policy);
    }
    if until.is_some_and(|until| now > until) {
        return Err(Unfit::Expired);
    }
    Ok(reliance(&attempt.account_uri, until, text.ttl, now))
}

/// In draft -01 the time to live is how long other orders may rely on what was proven, and the record's end does not count
/// for what was proven before it. In draft -02 it is the other way round.
fn reliance(uri: &AccountUri, until: Option<Timestamp>, ttl: u32, now: Timestamp) -> Reliance {
    match uri {
        AccountUri::Url => {
            let lived = now.plus(std::time::Duration::from_secs(ttl.into()));
            Reliance { until: None, reuse_until: Some(lived) }
        }
        AccountUri::Hashed { .. } => Reliance { until, reuse_until: None },
    }
}

/// Every `accounturi` that means this account, the one to publish first.
fn accounts(attempt: &Attempt, name: &DnsName) -> Vec<String> {
    match &attempt.account_uri {
        AccountUri::Url => vec![attempt.account_url.clone()],
        AccountUri::Hashed { prefix, thumbprints } => thumbprints
            .iter()
            .flat_map(|thumbprint| {
                // `*` is for any name: the holder does not mind that the same value stands at several.
                [name.as_str(), "*"].map(|name| hashed(prefix, name, thumbprint, &attempt.account_url))
            })
            .collect(),
    }
}

/// The hashed URI of draft -02 section 4.1.
fn hashed(prefix: &str, name: &str, thumbprint: &str, account_url: &str) -> String {
    // No domain name is longer than 253 letters.
    let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    let input = [&[length], name.as_bytes(), thumbprint.as_bytes(), account_url.as_bytes()].concat();
    format!("{prefix}{HASH}/{}", URL_SAFE_NO_PAD.encode(digest(&SHA256, &input)))
}

/// Whether it has the form of what [`hashed`] makes.
fn is_digest(uri: &str, prefix: &str) -> bool {
    let digest = uri.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(HASH)?.strip_prefix('/'));
    digest.is_some_and(|digest| URL_SAFE_NO_PAD.decode(digest).is_ok_and(|octets| octets.len() == 32))
}

/// What the client should publish.
fn wanted(attempt: &Attempt, accounts: &[String]) -> String {
    let issuer = attempt.issuers.first().map(|issuer| issuer.to_ascii_lowercase()).unwrap_or_default();
    let account = accounts.first().map_or("", String::as_str);
    let policy = if attempt.wildcard || attempt.subdomains { "; policy=wildcard" } else { "" };
    format!("{issuer}; accounturi={account}{policy}")
}

/// A number in base 10. One that is too big for a clock is after every moment.
fn seconds(text: &str) -> Option<Timestamp> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Timestamp::from_seconds(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of draft -02 section 10.2.
    #[test]
    fn hashed_uris_of_the_draft() {
        let thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        let prefix = "https://ca.example/account-hash/";
        for (name, expected) in [
            ("example.com", "5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"),
            ("*", "NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug"),
        ] {
            let uri = hashed(prefix, name, thumbprint, "https://ca.example/acct/123");
            assert_eq!(uri, format!("https://ca.example/account-hash/sha-256/{expected}"));
            assert!(is_digest(&uri, prefix));
        }
        for other in [
            "https://ca.example/acct/123",
            "https://ca.example/account-hash/sha-512/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw",
            "https://ca.example/account-hash/sha-256/5SQm7n6tPh2",
            "https://ca.example/account-hash/sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw=",
            "https://ca.example/account-hash/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw",
            "https://CA.example/account-hash/sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw",
        ] {
            assert!(!is_digest(other, prefix), "{other}");
        }
    }

    #[test]
    fn times_are_whole_numbers_in_base_10() {
        assert_eq!(seconds("1721952000"), Some(Timestamp::from_seconds(1_721_952_000)));
        assert_eq!(seconds("99999999999999999999999"), Some(Timestamp::from_seconds(u64::MAX)));
        for bad in ["", "-1", "+1", "1.0", "0x10", "1721952000Z", " 1"] {
            assert_eq!(seconds(bad), None, "{bad:?}");
        }
    }
}
