//! The `issue-value` of RFC 8659 section 4.2: an issuer and parameters, as CAA records and those of dns-persist-01 have it.

/// What such a value says. Exactly what the grammar allows; everything else is no such value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueValue {
    /// `issuer-domain-name` in small letters; `None` where it is empty, which means no issuer at all.
    pub issuer: Option<String>,
    /// Tags in small letters with their values, in order.
    parameters: Vec<(String, String)>,
}

/// A parameter is there more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeated;

impl IssueValue {
    /// Reads a value; `None` if it does not match the grammar. Takes time and memory in proportion to its length.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        // The grammar has no octet beyond ASCII.
        let text = std::str::from_utf8(value).ok().filter(|text| text.is_ascii())?;
        let (issuer, parameters) = match text.split_once(';') {
            Some((issuer, parameters)) => (trimmed(issuer), trimmed(parameters)),
            None => (trimmed(text), ""),
        };
        let issuer = match issuer {
            "" => None,
            name => Some(name.split('.').all(is_label).then(|| name.to_ascii_lowercase())?),
        };
        let parameters = match parameters {
            "" => Vec::new(),
            several => several.split(';').map(parameter).collect::<Option<_>>()?,
        };
        Some(Self { issuer, parameters })
    }

    /// The value of a parameter, whose tag is given in small letters.
    ///
    /// # Errors
    /// [`Repeated`]: which of them counts, nobody could tell.
    pub fn parameter(&self, tag: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self.parameters.iter().filter(|(found, _)| found == tag).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(Repeated),
        }
    }

    /// Whether it names one of these issuers.
    #[must_use]
    pub fn names(&self, issuers: &[String]) -> bool {
        self.issuer.as_ref().is_some_and(|issuer| issuers.iter().any(|ours| ours.eq_ignore_ascii_case(issuer)))
    }
}

/// `tag *WSP "=" *WSP value`
fn parameter(text: &str) -> Option<(String, String)> {
    let (tag, value) = text.split_once('=')?;
    let (tag, value) = (trimmed(tag), trimmed(value));
    let sound = is_label(tag) && value.bytes().all(|byte| byte.is_ascii_graphic());
    sound.then(|| (tag.to_ascii_lowercase(), value.to_owned()))
}

/// `(ALPHA / DIGIT) *( *("-") (ALPHA / DIGIT))`: the form of labels and of tags.
fn is_label(text: &str) -> bool {
    let ends = |text: &str| text.starts_with(|c: char| c.is_ascii_alphanumeric());
    ends(text)
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Without the white space (WSP: space and tab) around it.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Read<'a> = Option<(Option<&'a str>, Vec<(&'a str, &'a str)>)>;

    #[test]
    fn values_are_read_by_the_grammar_of_section_4_2() {
        let account = "https://example.net/account/1234";
        let table: &[(&str, Read<'_>)] = &[
            ("ca1.example.net", Some((Some("ca1.example.net"), vec![]))),
            ("CA1.Example.net", Some((Some("ca1.example.net"), vec![]))),
            (" \tca1.example.net \t", Some((Some("ca1.example.net"), vec![]))),
            ("ca1.example.net;", Some((Some("ca1.example.net"), vec![]))),
            ("ca1.example.net ; ", Some((Some("ca1.example.net"), vec![]))),
            (";", Some((None, vec![]))),
            ("", Some((None, vec![]))),
            ("  ", Some((None, vec![]))),
            ("; account=1", Some((None, vec![("account", "1")]))),
            ("ca1.example.net; account=230123", Some((Some("ca1.example.net"), vec![("account", "230123")]))),
            ("a;B-2 \t= \tx=y:z,1 ;c=", Some((Some("a"), vec![("b-2", "x=y:z,1"), ("c", "")]))),
            (
                "example.net; accounturi=https://example.net/account/1234; validationmethods=dns-01",
                Some((Some("example.net"), vec![("accounturi", account), ("validationmethods", "dns-01")])),
            ),
            ("%%%%%", None),
            ("ca1.example.net.", None),
            (".ca1.example.net", None),
            ("ca1..net", None),
            ("-ca1.net", None),
            ("ca1-.net", None),
            ("ca_1.net", None),
            ("ca1.example.net account=1", None),
            ("ca1.example.net, account=1", None),
            ("ca1.example.net; account", None),
            ("ca1.example.net; =1", None),
            ("ca1.example.net; -a=1", None),
            ("ca1.example.net; a_b=1", None),
            ("ca1.example.net; a=1 2", None),
            ("ca1.example.net; a=1;", None),
            ("ca1.example.net;; a=1", None),
            ("ca1.example.net; a=\u{e4}", None),
            ("ca1.example.net; a=\u{7f}", None),
            ("ca1.example.net\n", None),
        ];
        for (value, expected) in table {
            let expected = expected.as_ref().map(|(issuer, parameters)| {
                let owned = parameters.iter().map(|&(tag, value)| (tag.to_owned(), value.to_owned()));
                IssueValue { issuer: issuer.map(str::to_owned), parameters: owned.collect() }
            });
            assert_eq!(IssueValue::parse(value.as_bytes()), expected, "{value:?}");
        }
        assert_eq!(IssueValue::parse(b"ca\xff.example"), None);
    }

    #[test]
    fn a_parameter_counts_only_where_it_stands_once() {
        let value = IssueValue::parse(b"a; x=1; Y=2; y=3").expect("a value");
        assert_eq!(value.parameter("x"), Ok(Some("1")));
        assert_eq!(value.parameter("y"), Err(Repeated));
        assert_eq!(value.parameter("z"), Ok(None));
    }

    proptest! {
        #[test]
        fn nothing_panics_and_nothing_grows(value in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Some(read) = IssueValue::parse(&value) {
                let parameters = read.parameters.iter().map(|(tag, value)| tag.len() + value.len() + 1).sum::<usize>();
                prop_assert!(read.issuer.map_or(0, |issuer| issuer.len()) + parameters <= value.len());
            }
        }

        #[test]
        fn what_was_read_reads_the_same_again(value in "[ \t]{0,2}([a-c.-]{0,6})[ \t]?(;[ \t]?[a-c-]{1,3}[ \t]?=[ \t]?[!-:<-~]{0,4}[ \t]?){0,4}") {
            if let Some(read) = IssueValue::parse(value.as_bytes()) {
                let again = read.parameters.iter().map(|(tag, value)| format!("{tag}={value}")).collect::<Vec<_>>();
                let again = format!("{};{}", read.issuer.clone().unwrap_or_default(), again.join(";"));
                prop_assert_eq!(IssueValue::parse(again.as_bytes()), Some(read));
            }
        }
    }
}
