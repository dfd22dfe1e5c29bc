//! CAA (RFC 8659, and RFC 8657 for `accounturi` and `validationmethods`): whether the holders of a name let this authority
//! issue for it.

use std::fmt;

use chancery_actors::ports::CaaQuestion;
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::transcript::{Happening, excerpt};
use thiserror::Error;

use super::issue_value::IssueValue;
use super::lookup_error::LookupError;
use super::notes::Notes;
use super::resolver::{LOOPBACK, Resolvers, is_loopback};

/// One property: the contents of one CAA record (RFC 8659 section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Whether nobody may issue who does not understand it.
    pub critical: bool,
    /// What it is about.
    pub tag: String,
    /// What it says.
    pub value: Vec<u8>,
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = if self.critical { 128 } else { 0 };
        write!(f, "CAA {flags} {} \"{}\"", self.tag, String::from_utf8_lossy(&self.value))
    }
}

/// Why the relevant records do not let this authority issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Forbidden {
    /// RFC 8659 section 4.5.
    #[error("one of them is critical and has a tag that this server does not know")]
    Critical,
    /// Every one names somebody else, or nobody.
    #[error("none of them names it")]
    NotNamed,
    /// Every one that names this authority has parameters that this request does not satisfy (RFC 8657).
    #[error("those that name it are for another account or another way of validation, or cannot be understood")]
    Unsatisfied,
}

/// Finds the relevant records, and judges by them.
pub(super) async fn permits(question: &CaaQuestion, resolvers: &Resolvers, notes: &Notes) -> Result<(), Problem> {
    let Some((owner, properties)) = relevant(question, resolvers, notes).await? else { return Ok(()) };
    let Err((forbidden, by)) = judge(question, &properties) else { return Ok(()) };
    let record = excerpt(&format!("{owner} {by}"));
    notes.note(Happening::GaveUp {
        reason: excerpt(&format!("the CAA records of {owner} forbid it: {forbidden}: {record}")),
    });
    let star = if question.wildcard { "*." } else { "" };
    let method = question.method.map_or_else(
        || "without validation".to_owned(),
        |method| format!("for account {} by {method}", question.account_url),
    );
    Err(Problem::new(
        ProblemType::Caa,
        format!(
            "the CAA records of {owner} do not let this authority issue for {star}{} {method}: {forbidden} ({record}); {}",
            question.name,
            advice(question, &owner, forbidden),
        ),
    ))
}

/// Who can do something about it, and what.
fn advice(question: &CaaQuestion, owner: &str, forbidden: Forbidden) -> String {
    let tag = if question.wildcard { "issuewild" } else { "issue" };
    match (question.issuers.first(), forbidden) {
        (_, Forbidden::Critical) => {
            format!("whoever keeps the records of {owner} has to remove that one, or its critical flag")
        }
        (Some(first), Forbidden::NotNamed | Forbidden::Unsatisfied) => format!(
            "it goes by the name of {}, so add a record such as {owner} CAA 0 {tag} \"{first}\" and try again",
            question.issuers.join(" or "),
        ),
        (None, Forbidden::NotNamed | Forbidden::Unsatisfied) => format!(
            "no record can name it, since this endpoint has no caaIdentities: ask its operator for one, have a record \
             {owner} CAA 0 {tag} name it, and try again"
        ),
    }
}

/// The first set that is not empty on the way from the name to its top-level domain, and whose it is (RFC 8659 section 3).
/// What fails to be looked up may be a set that forbids, so it ends the search.
async fn relevant(
    question: &CaaQuestion,
    resolvers: &Resolvers,
    notes: &Notes,
) -> Result<Option<(String, Vec<Property>)>, Problem> {
    if is_loopback(&question.name) {
        notes.note(Happening::Resolved {
            resolver: LOOPBACK.into(),
            name: question.name.to_string(),
            record: "CAA".into(),
            answer: Err(LookupError::NoData.to_string()),
        });
        return Ok(None);
    }
    let mut name = question.name.as_str();
    loop {
        match resolvers.properties(&question.network, name, notes).await {
            Ok(properties) => return Ok(Some((name.to_owned(), properties))),
            Err(LookupError::NoSuchName | LookupError::NoData) => {}
            Err(error) => return Err(error.problem(name, "CAA", "")),
        }
        match name.split_once('.') {
            Some((_, parent)) => name = parent,
            None => return Ok(None),
        }
    }
}

/// Whether these records let the authority issue (RFC 8659 section 4). Where it has no name, none can name it.
///
/// # Errors
/// [`Forbidden`], and the record that says so, or the first of them.
pub fn judge<'a>(question: &CaaQuestion, properties: &'a [Property]) -> Result<(), (Forbidden, &'a Property)> {
    let is = |property: &Property, tag: &str| property.tag.eq_ignore_ascii_case(tag);
    let known = |property: &Property| ["issue", "issuewild", "iodef"].iter().any(|tag| is(property, tag));
    if let Some(unknown) = properties.iter().find(|property| property.critical && !known(property)) {
        return Err((Forbidden::Critical, unknown));
    }
    // Section 4.3: issuewild is for wildcards alone, and for them takes the place of issue.
    let wild = question.wildcard && properties.iter().any(|property| is(property, "issuewild"));
    let tag = if wild { "issuewild" } else { "issue" };
    let mut forbidden = None;
    // Section 4.2: they add up, and what does not match the grammar names nobody.
    for property in properties.iter().filter(|property| is(property, tag)) {
        match IssueValue::parse(&property.value).filter(|value| value.names(&question.issuers)) {
            Some(value) if satisfied(question, &value) => return Ok(()),
            Some(_) if !matches!(forbidden, Some((Forbidden::Unsatisfied, _))) => {
                forbidden = Some((Forbidden::Unsatisfied, property));
            }
            None if forbidden.is_none() => forbidden = Some((Forbidden::NotNamed, property)),
            Some(_) | None => {}
        }
    }
    forbidden.map_or(Ok(()), Err)
}

/// Whether the parameters of RFC 8657 are for this request. Others have no meaning here.
fn satisfied(question: &CaaQuestion, value: &IssueValue) -> bool {
    // What is no URI equals no account's URL.
    let account = match value.parameter("accounturi") {
        Ok(uri) => uri.is_none_or(|uri| uri == question.account_url),
        Err(_) => false,
    };
    let method = match value.parameter("validationmethods") {
        Ok(methods) => methods.is_none_or(|methods| lists(methods, question)),
        Err(_) => false,
    };
    account && method
}

/// Whether the list of methods has the one that was used. A list that is none has nothing.
fn lists(methods: &str, question: &CaaQuestion) -> bool {
    let label =
        |method: &str| !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    methods.split(',').all(label)
        && question.method.is_some_and(|used| methods.split(',').any(|method| method == used.token()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chancery_machine::challenge::ChallengeType;
    use chancery_machine::identifier::DnsName;
    use chancery_machine::network::NetworkRules;
    use proptest::prelude::*;

    use super::*;

    fn question(wildcard: bool) -> CaaQuestion {
        CaaQuestion {
            name: DnsName::parse("example.com").expect("a name"),
            wildcard,
            account_url: "https://example.net/account/1234".into(),
            issuers: vec!["ca1.example.net".into(), "example.net".into()],
            method: Some(ChallengeType::Dns01),
            network: Arc::new(NetworkRules::default()),
            perspectives: Arc::default(),
        }
    }

    fn why(question: &CaaQuestion, properties: &[Property]) -> Result<(), Forbidden> {
        judge(question, properties).map_err(|(forbidden, _)| forbidden)
    }

    fn set(records: &[(u8, &str, &str)]) -> Vec<Property> {
        let property = |&(flags, tag, value): &(u8, &str, &str)| Property {
            critical: flags & 0x80 != 0,
            tag: tag.to_owned(),
            value: value.as_bytes().to_vec(),
        };
        records.iter().map(property).collect()
    }

    /// The examples of RFC 8659 sections 4.2 to 4.5, for the name and for the wildcard below it.
    #[test]
    fn the_examples_of_rfc_8659() {
        use Forbidden::{Critical, NotNamed};
        type Case<'a> = (&'a [(u8, &'a str, &'a str)], Result<(), Forbidden>, Result<(), Forbidden>);
        let cases: &[Case<'_>] = &[
            (&[(0, "issue", "ca1.example.net"), (0, "issue", "ca2.example.org")], Ok(()), Ok(())),
            (&[(0, "issue", "ca2.example.org")], Err(NotNamed), Err(NotNamed)),
            (&[(0, "issue", ";")], Err(NotNamed), Err(NotNamed)),
            (&[(0, "issue", "%%%%%")], Err(NotNamed), Err(NotNamed)),
            (&[(0, "issue", ";"), (0, "issue", "ca1.example.net")], Ok(()), Ok(())),
            (&[(0, "issue", "ca1.example.net; account=230123")], Ok(()), Ok(())),
            (&[(0, "issue", "ca1.example.net"), (0, "issuewild", "ca2.example.org")], Ok(()), Err(NotNamed)),
            (&[(0, "issue", "ca2.example.org"), (0, "issuewild", "ca1.example.net")], Err(NotNamed), Ok(())),
            (&[(0, "issuewild", "ca2.example.org")], Ok(()), Err(NotNamed)),
            (&[(0, "issue", "ca1.example.net"), (0, "issuewild", ";")], Ok(()), Err(NotNamed)),
            (&[(0, "issue", ";"), (0, "issuewild", "ca1.example.net")], Err(NotNamed), Ok(())),
            (&[(0, "iodef", "mailto:security@example.com")], Ok(()), Ok(())),
            (&[(0, "issue", "ca1.example.net"), (128, "tbs", "Unknown")], Err(Critical), Err(Critical)),
            (&[(128, "tbs", "Unknown")], Err(Critical), Err(Critical)),
            (&[(0, "tbs", "Unknown")], Ok(()), Ok(())),
            // All other bits are reserved and ignored.
            (&[(127, "tbs", "Unknown")], Ok(()), Ok(())),
            (
                &[(128, "ISSUE", "CA1.Example.Net"), (128, "IODEF", "mailto:a@b"), (128, "issueWild", ";")],
                Ok(()),
                Err(NotNamed),
            ),
            (&[(0, "issue", "")], Err(NotNamed), Err(NotNamed)),
            (&[], Ok(()), Ok(())),
        ];
        for (records, name, wildcard) in cases {
            assert_eq!(why(&question(false), &set(records)), *name, "{records:?}");
            assert_eq!(why(&question(true), &set(records)), *wildcard, "*. {records:?}");
        }
    }

    /// Section 4.2 for an authority that has no name: whatever restricts, restricts it too, and what does not, does not.
    #[test]
    fn nobody_names_an_authority_without_a_name() {
        use Forbidden::{Critical, NotNamed};
        type Case<'a> = (&'a [(u8, &'a str, &'a str)], Result<(), Forbidden>, Result<(), Forbidden>);
        let cases: &[Case<'_>] = &[
            (&[(0, "issue", "ca1.example.net")], Err(NotNamed), Err(NotNamed)),
            (&[(0, "issue", ";")], Err(NotNamed), Err(NotNamed)),
            (&[(0, "issue", "")], Err(NotNamed), Err(NotNamed)),
            (&[(0, "issuewild", "ca1.example.net")], Ok(()), Err(NotNamed)),
            (&[(128, "tbs", "Unknown")], Err(Critical), Err(Critical)),
            (&[(0, "iodef", "mailto:security@example.com")], Ok(()), Ok(())),
            (&[(0, "tbs", "Unknown")], Ok(()), Ok(())),
            (&[], Ok(()), Ok(())),
        ];
        let nameless = |wildcard| CaaQuestion { issuers: Vec::new(), ..question(wildcard) };
        for (records, name, wildcard) in cases {
            assert_eq!(why(&nameless(false), &set(records)), *name, "{records:?}");
            assert_eq!(why(&nameless(true), &set(records)), *wildcard, "*. {records:?}");
        }
    }

    /// Who has to change a record is told which.
    #[test]
    fn the_record_that_decides_is_the_one_that_comes_closest() {
        let by = |records: &[(u8, &str, &str)]| {
            let set = set(records);
            judge(&question(false), &set).expect_err("is forbidden").1.to_string()
        };
        let (other, another) = ((0, "issue", "ca2.example.org"), (0, "issue", "ca3.example.org"));
        let mine = (0, "issue", "example.net; validationmethods=http-01");
        assert_eq!(by(&[other, another]), "CAA 0 issue \"ca2.example.org\"");
        assert_eq!(by(&[other, mine, another]), "CAA 0 issue \"example.net; validationmethods=http-01\"");
        assert_eq!(by(&[other, mine, (128, "tbs", "Unknown")]), "CAA 128 tbs \"Unknown\"");
    }

    /// RFC 8657 sections 3 and 4, with the examples of its appendix.
    #[test]
    fn the_parameters_of_rfc_8657() {
        let exempt = CaaQuestion { method: None, ..question(false) };
        for (values, with, without) in [
            (&["example.net; accounturi=https://example.net/account/1234"][..], true, true),
            (&["example.net; accounturi=https://example.net/account/2345"], false, false),
            (
                &[
                    "example.net; accounturi=https://example.net/account/2345",
                    "example.net; accounturi=https://example.net/account/1234",
                ],
                true,
                true,
            ),
            // Compared letter by letter.
            (&["example.net; accounturi=https://EXAMPLE.net/account/1234"], false, false),
            (&["example.net; accounturi=https://example.net/account/1234/"], false, false),
            (&["example.net; AccountURI=https://example.net/account/2345"], false, false),
            (&["example.net; accounturi="], false, false),
            (&["example.net; accounturi=1234"], false, false),
            (
                &[
                    "example.net; accounturi=https://example.net/account/1234; accounturi=https://example.net/account/1234",
                ],
                false,
                false,
            ),
            (&["ca2.example.org; accounturi=https://example.net/account/1234"], false, false),
            (&["example.net; validationmethods=dns-01,xyz-01"], true, false),
            (&["example.net; validationmethods=dns-01", "example.net; validationmethods=xyz-01"], true, false),
            (&["example.net; validationmethods=dns-01,ca-foo"], true, false),
            (&["example.net; validationmethods=xyz-01,dns-01"], true, false),
            (&["example.net; validationmethods=http-01"], false, false),
            (&["example.net; validationmethods=dns-0"], false, false),
            (&["example.net; validationmethods="], false, false),
            (&["example.net; validationmethods=dns-01,"], false, false),
            (&["example.net; validationmethods=dns-01,x_y"], false, false),
            (&["example.net; validationmethods=dns-01; validationmethods=dns-01"], false, false),
            (
                &[
                    "example.net; accounturi=https://example.net/account/1234; validationmethods=http-01",
                    "example.net; accounturi=https://example.net/account/2345; validationmethods=dns-01",
                ],
                false,
                false,
            ),
            (
                &[
                    "example.net; accounturi=https://example.net/account/1234; validationmethods=dns-01",
                    "example.net; accounturi=https://example.net/account/2345; validationmethods=http-01",
                ],
                true,
                false,
            ),
        ] {
            let set = set(&values.iter().map(|value| (0, "issue", *value)).collect::<Vec<_>>());
            assert_eq!(judge(&question(false), &set).is_ok(), with, "{values:?}");
            assert_eq!(judge(&exempt, &set).is_ok(), without, "exempt {values:?}");
        }
    }

    proptest! {
        /// Whatever else stands in the set: who is not named does not issue, and a critical unknown forbids all.
        #[test]
        fn nobody_issues_who_is_not_named(
            noise in proptest::collection::vec((any::<u8>(), "[a-z]{0,9}", proptest::collection::vec(any::<u8>(), 0..64)), 0..8),
            wildcard in any::<bool>(),
        ) {
            let mut properties = noise
                .into_iter()
                .map(|(flags, tag, value)| Property { critical: flags & 0x80 != 0, tag, value })
                .collect::<Vec<_>>();
            properties.extend(set(&[(0, "issue", "elsewhere.example"), (0, "issuewild", "elsewhere.example")]));
            let unnamed = properties.iter().all(|property| {
                !IssueValue::parse(&property.value).is_some_and(|value| value.names(&question(false).issuers))
            });
            if unnamed {
                prop_assert!(judge(&question(wildcard), &properties).is_err());
            }
            properties.extend(set(&[(0, "issue", "example.net"), (128, "future", "")]));
            prop_assert_eq!(why(&question(wildcard), &properties), Err(Forbidden::Critical));
        }
    }
}
