//! Contact URLs of accounts (RFC 8555 section 7.3).

use chancery_machine::problem::{Problem, ProblemType};

use super::json::Excerpt;

/// How many contacts an account may have.
pub(super) const MOST: usize = 10;

/// How long one may be, in bytes: what RFC 5321 allows for an address, and its scheme.
const LONGEST: usize = 320 + "mailto:".len();

/// Accepts the contacts of an account.
///
/// # Errors
/// `unsupportedContact` for another scheme than mailto, `invalidContact` for what RFC 8555 section 7.3 forbids, and for
/// none at all where one is required.
pub(super) fn accept(contacts: Vec<String>, required: bool) -> Result<Vec<String>, Problem> {
    if required && contacts.is_empty() {
        let detail =
            "accounts of this endpoint need a contact; send one as in \"contact\": [\"mailto:name@example.org\"]";
        return Err(Problem::new(ProblemType::InvalidContact, detail));
    }
    if contacts.len() > MOST {
        let detail = format!("an account may have {MOST} contacts; the request has {}", contacts.len());
        return Err(Problem::new(ProblemType::InvalidContact, detail));
    }
    contacts.into_iter().map(accept_one).collect()
}

fn accept_one(contact: String) -> Result<String, Problem> {
    let shown = Excerpt::new(&contact);
    let invalid = |why: &str| Problem::new(ProblemType::InvalidContact, format!("the contact {shown:?} {why}"));
    let Some((scheme, address)) = contact.split_once(':') else {
        return Err(invalid("is no URL; write mailto:name@example.org"));
    };
    if !scheme.eq_ignore_ascii_case("mailto") {
        let detail = format!("the contact {shown:?} is not supported; only mailto: URLs are");
        return Err(Problem::new(ProblemType::UnsupportedContact, detail));
    }
    if contact.len() > LONGEST {
        return Err(invalid("is too long"));
    }
    if address.contains('?') {
        return Err(invalid("has header fields (after ?), which RFC 8555 section 7.3 forbids"));
    }
    if address.contains(',') || address.to_ascii_lowercase().contains("%2c") {
        return Err(invalid("has more than one address; give each a contact of its own"));
    }
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"<>\"\\()[]:;".contains(&byte);
    match address.rsplit_once('@') {
        Some((local, domain))
            if !local.is_empty()
                && !local.contains('@')
                && address.bytes().all(plain)
                && chancery_machine::identifier::DnsName::parse(domain).is_ok() =>
        {
            Ok(contact)
        }
        Some(_) | None => Err(invalid("has no mail address; write mailto:name@example.org")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(contact: &str) -> Option<ProblemType> {
        accept(vec![contact.to_owned()], true).err().map(|problem| problem.kind)
    }

    #[test]
    fn mail_addresses_are_accepted() {
        for good in ["mailto:a@example.org", "MAILTO:a.b+c@sub.example.org", "mailto:x%20y@example.org"] {
            assert_eq!(kind(good), None, "{good}");
        }
    }

    #[test]
    fn what_rfc_8555_section_7_3_forbids_is_refused() {
        for (contact, expected) in [
            ("mailto:a@example.org?subject=x", ProblemType::InvalidContact),
            ("mailto:a@example.org,b@example.org", ProblemType::InvalidContact),
            ("mailto:a@example.org%2Cb@example.org", ProblemType::InvalidContact),
            ("mailto:", ProblemType::InvalidContact),
            ("mailto:example.org", ProblemType::InvalidContact),
            ("mailto:a@", ProblemType::InvalidContact),
            ("mailto:a@exa mple.org", ProblemType::InvalidContact),
            ("a@example.org", ProblemType::InvalidContact),
            ("tel:+12025551212", ProblemType::UnsupportedContact),
            ("https://example.org", ProblemType::UnsupportedContact),
        ] {
            assert_eq!(kind(contact), Some(expected), "{contact}");
        }
        assert!(accept(vec!["mailto:a@example.org".into(); MOST + 1], false).is_err());
    }

    #[test]
    fn none_at_all_is_refused_where_one_is_required() {
        assert_eq!(accept(Vec::new(), false), Ok(Vec::new()));
        assert_eq!(accept(Vec::new(), true).map_err(|problem| problem.kind), Err(ProblemType::InvalidContact));
    }
}
