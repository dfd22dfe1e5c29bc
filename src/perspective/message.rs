//! What a server and its perspectives say to each other: a question, an answer, each in the form of a snapshot. What the
//! machines add to rules and transcripts so travels along by itself.
//!
//! The first byte is the version. A rule that an older perspective must not pass over takes the next one, and then
//! perspectives are brought up to date before their servers.

use std::sync::Arc;

use chancery_actors::ports::{AccountUri, Attempt, CaaQuestion, Verdict};
use chancery_machine::challenge::{ChallengeType, Reliance, Token};
use chancery_machine::identifier::{DnsName, Identifier};
use chancery_machine::network::NetworkRules;
use chancery_machine::problem::Problem;
use chancery_machine::snapshot::{self, Snapshot, Unreadable};
use chancery_machine::transcript::{Happening, PERSPECTIVE_STEPS, TranscriptStep, excerpt};
use minicbor::{Decode, Encode};
use thiserror::Error;

/// Where questions are asked.
pub const PATH: &str = "/question";

/// Both directions.
pub const MEDIA_TYPE: &str = "application/cbor";

/// The most bytes of a question. The largest that a profile can make is half of it.
pub const QUESTION: usize = 256 * 1024;

/// The most bytes of an answer.
pub const ANSWER: usize = 128 * 1024;

/// The longest text of a question that is neither a name nor a URL, in bytes.
const TEXT: usize = 512;

/// The longest URL, in bytes.
const URL: usize = 2048;

/// The longest sentence for a client, in characters.
const DETAIL: usize = 1024;

/// What a perspective is asked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Question {
    /// Whether it sees the proof of control.
    #[n(0)]
    Attempt(#[n(0)] Attempting),
    /// Whether the CAA records that it sees let the authority issue.
    #[n(1)]
    Caa(#[n(0)] Permitting),
}

/// An attempt as it travels: all of it but from where else it is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Attempting {
    #[n(0)]
    kind: ChallengeType,
    #[n(1)]
    identifier: Identifier,
    #[n(2)]
    wildcard: bool,
    #[n(3)]
    account_url: String,
    #[n(4)]
    issuers: Vec<String>,
    #[n(5)]
    token: Token,
    #[n(6)]
    key_authorization: String,
    #[n(7)]
    network: NetworkRules,
    #[n(8)]
    account_uri: Uri,
    #[cbor(n(9), default)]
    subdomains: bool,
    #[cbor(n(10), default)]
    ignores_caa: bool,
}

/// A question about CAA records as it travels, likewise.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Permitting {
    #[n(0)]
    name: DnsName,
    #[n(1)]
    wildcard: bool,
    #[n(2)]
    account_url: String,
    #[n(3)]
    issuers: Vec<String>,
    #[n(4)]
    method: Option<ChallengeType>,
    #[n(5)]
    network: NetworkRules,
}

/// How a record that stays names the account, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
enum Uri {
    #[n(0)]
    Url,
    #[n(1)]
    Hashed {
        #[n(0)]
        prefix: String,
        #[n(1)]
        thumbprints: Vec<String>,
    },
}

/// What a perspective has seen.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Answer {
    /// It saw what was asked for, and how long that may be relied on; or what the client may read of why not.
    #[n(0)]
    pub outcome: Result<Reliance, Problem>,
    /// What happened, at most [`PERSPECTIVE_STEPS`].
    #[n(1)]
    pub steps: Vec<TranscriptStep>,
}

impl Snapshot for Question {}
impl Snapshot for Answer {}

/// Why a message does not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadMessage {
    /// It is of another version.
    #[error("it speaks version {found} and this side version {known}: update the perspectives first, then the servers")]
    Version {
        /// What came.
        found: u8,
        /// What is understood here.
        known: u8,
    },
    /// It is not what its version says.
    #[error("it is no message of this kind: {0}")]
    Damaged(String),
}

impl From<Unreadable> for BadMessage {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Format { found, known } => Self::Version { found, known },
            Unreadable::Empty => Self::Damaged("it is empty".to_owned()),
            Unreadable::Damaged(reason) => Self::Damaged(excerpt(&reason)),
        }
    }
}

impl Question {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        snapshot::encode(self)
    }

    /// Reads a question. What the types leave open is held to what a server sends: nothing here may surprise a validator.
    ///
    /// # Errors
    /// [`BadMessage`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BadMessage> {
        let question: Self = snapshot::decode(bytes)?;
        let sound = match &question {
            Self::Attempt(asked) => asked.is_sound(),
            Self::Caa(asked) => are_sound(&asked.account_url, &asked.issuers),
        };
        if !sound {
            return Err(BadMessage::Damaged("a text in it is not what a server sends".to_owned()));
        }
        Ok(question)
    }
}

impl From<&Attempt> for Question {
    fn from(attempt: &Attempt) -> Self {
        Self::Attempt(Attempting {
            kind: attempt.kind,
            identifier: attempt.identifier.clone(),
            wildcard: attempt.wildcard,
            subdomains: attempt.subdomains,
            account_url: attempt.account_url.clone(),
            issuers: attempt.issuers.clone(),
            token: attempt.token.clone(),
            key_authorization: attempt.key_authorization.clone(),
            account_uri: match attempt.account_uri.clone() {
                AccountUri::Url => Uri::Url,
                AccountUri::Hashed { prefix, thumbprints } => Uri::Hashed { prefix, thumbprints },
            },
            network: (*attempt.network).clone(),
            ignores_caa: attempt.ignores_caa,
        })
    }
}

impl From<&CaaQuestion> for Question {
    fn from(question: &CaaQuestion) -> Self {
        Self::Caa(Permitting {
            name: question.name.clone(),
            wildcard: question.wildcard,
            account_url: question.account_url.clone(),
            issuers: question.issuers.clone(),
            method: question.method,
            network: (*question.network).clone(),
        })
    }
}

impl Attempting {
    /// The attempt, to be made under these rules instead of its own.
    pub(super) fn attempt(self, rules: impl FnOnce(NetworkRules) -> NetworkRules) -> Attempt {
        Attempt {
            kind: self.kind,
            identifier: self.identifier,
            wildcard: self.wildcard,
            subdomains: self.subdomains,
            account_url: self.account_url,
            issuers: self.issuers,
            token: self.token,
            key_authorization: self.key_authorization,
            account_uri: match self.account_uri {
                Uri::Url => AccountUri::Url,
                Uri::Hashed { prefix, thumbprints } => AccountUri::Hashed { prefix, thumbprints },
            },
            network: Arc::new(rules(self.network)),
            perspectives: Arc::default(),
            ignores_caa: self.ignores_caa,
        }
    }

    fn is_sound(&self) -> bool {
        let word = |text: &str| !text.is_empty() && text.len() <= TEXT && text.bytes().all(in_words);
        let uri = match &self.account_uri {
            Uri::Url => true,
            Uri::Hashed { prefix, thumbprints } => {
                prefix.len() <= URL
                    && prefix.bytes().all(|byte| byte.is_ascii_graphic())
                    && thumbprints.iter().all(|text| word(text))
            }
        };
        word(self.token.as_str())
            && self.key_authorization.split('.').all(word)
            && self.key_authorization.len() <= TEXT
            && uri
            && are_sound(&self.account_url, &self.issuers)
    }
}

impl Permitting {
    /// The question, to be asked under these rules instead of its own.
    pub(super) fn question(self, rules: impl FnOnce(NetworkRules) -> NetworkRules) -> CaaQuestion {
        CaaQuestion {
            name: self.name,
            wildcard: self.wildcard,
            account_url: self.account_url,
            issuers: self.issuers,
            method: self.method,
            network: Arc::new(rules(self.network)),
            perspectives: Arc::default(),
        }
    }
}

fn are_sound(account_url: &str, issuers: &[String]) -> bool {
    account_url.len() <= URL
        && account_url.bytes().all(|byte| byte.is_ascii_graphic())
        && issuers.iter().all(|name| name.len() <= TEXT)
}

/// The letters of base64url (RFC 4648 section 5).
fn in_words(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_".contains(&byte)
}

impl Answer {
    /// Its bytes, within [`ANSWER`]: the last steps are left out where all would be too many.
    #[must_use]
    pub fn encode(mut self) -> Vec<u8> {
        loop {
            let bytes = snapshot::encode(&self);
            if bytes.len() <= ANSWER || self.steps.is_empty() {
                return bytes;
            }
            self.steps.truncate(self.steps.len() / 2);
        }
    }

    /// Reads an answer. A perspective is trusted to say what it saw, not to write into logs and consoles: texts are cut and
    /// cleaned as our own validators' are.
    ///
    /// # Errors
    /// [`BadMessage`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BadMessage> {
        let Self { outcome, mut steps } = snapshot::decode(bytes)?;
        steps.truncate(PERSPECTIVE_STEPS);
        let steps = steps.into_iter().map(|step| TranscriptStep { what: cleaned(step.what), ..step }).collect();
        let outcome = outcome.map_err(|problem| {
            let detail = problem.detail.chars().filter(|letter| !letter.is_control()).take(DETAIL);
            Problem::new(problem.kind, detail.collect::<String>())
        });
        Ok(Self { outcome, steps })
    }
}

impl From<Verdict> for Answer {
    fn from(Verdict { outcome, reliance, transcript }: Verdict) -> Self {
        let mut steps = transcript.steps;
        steps.truncate(PERSPECTIVE_STEPS);
        Self { outcome: outcome.map(|()| reliance), steps }
    }
}

fn cleaned(what: Happening) -> Happening {
    let text = |text: String| excerpt(&text);
    match what {
        Happening::Resolved { resolver, name, record, answer } => Happening::Resolved {
            resolver: text(resolver),
            name: text(name),
            record: text(record),
            answer: answer.map(|lines| lines.into_iter().map(text).collect()).map_err(text),
        },
        Happening::AddressRefused { address, rule } => {
            Happening::AddressRefused { address: text(address), rule: text(rule) }
        }
        Happening::Connected { to, error } => Happening::Connected { to: text(to), error: error.map(text) },
        Happening::Answered { url, status, location } => {
            Happening::Answered { url: text(url), status, location: location.map(text) }
        }
        Happening::Compared { expected, found } => Happening::Compared { expected: text(expected), found: text(found) },
        Happening::GaveUp { reason } => Happening::GaveUp { reason: text(reason) },
        Happening::Presented { from, version, protocol, names } => Happening::Presented {
            from: text(from),
            version: text(version),
            protocol: protocol.map(text),
            names: names.into_iter().map(text).collect(),
        },
    }
}

#[cfg(test)]
mod shape;

#[cfg(test)]
mod tests {
    use chancery_machine::challenge::TOKEN_ENTROPY;
    use chancery_machine::identifier::DnsName;
    use chancery_machine::network::SiteRules;
    use chancery_machine::problem::ProblemType;
    use chancery_machine::time::Timestamp;
    use chancery_machine::transcript::EXCERPT;
    use proptest::prelude::*;

    use super::*;

    fn asked() -> Attempting {
        let token = Token::new(&[7; TOKEN_ENTROPY]);
        Attempting {
            kind: ChallengeType::Dns01,
            identifier: Identifier::Dns(DnsName::parse("www.example.org").expect("a name")),
            wildcard: true,
            subdomains: true,
            account_url: "https://ca.example/acme/default/acct/1".into(),
            issuers: vec!["ca.example".into()],
            key_authorization: token.key_authorization(&[9; 32]),
            token,
            account_uri: Uri::Hashed { prefix: "https://ca.example/".into(), thumbprints: vec!["a-b_c".into()] },
            network: NetworkRules { resolvers: vec![([192, 0, 2, 53], 53).into()], ..NetworkRules::default() },
            ignores_caa: true,
        }
    }

    fn gave_up(reason: &str) -> TranscriptStep {
        TranscriptStep { at: Timestamp::from_seconds(1), what: Happening::GaveUp { reason: reason.into() } }
    }

    #[test]
    fn a_question_arrives_as_it_was_asked_but_for_what_is_each_hosts_own() {
        let mut question = asked();
        assert_eq!(Question::decode(&Question::Attempt(asked()).encode()), Ok(Question::Attempt(asked())));
        question.network.site = SiteRules { refused: Vec::new(), allowed: Some(Vec::new()) };
        assert_eq!(Question::decode(&Question::Attempt(question).encode()), Ok(Question::Attempt(asked())));
    }

    #[test]
    fn what_no_server_sends_is_refused() {
        let long = "x".repeat(TEXT + 1);
        for wrong in [
            Attempting { key_authorization: "a b".into(), ..asked() },
            Attempting { key_authorization: long.clone(), ..asked() },
            Attempting { key_authorization: String::new(), ..asked() },
            Attempting { account_url: "https://ca.example/\r\n".into(), ..asked() },
            Attempting { issuers: vec![long], ..asked() },
            Attempting {
                account_uri: Uri::Hashed { prefix: "https://ca.example/ ".into(), thumbprints: Vec::new() },
                ..asked()
            },
            Attempting {
                account_uri: Uri::Hashed { prefix: String::new(), thumbprints: vec!["a b".into()] },
                ..asked()
            },
        ] {
            let found = Question::decode(&Question::Attempt(wrong.clone()).encode());
            assert!(matches!(found, Err(BadMessage::Damaged(_))), "{wrong:?}");
        }
    }

    #[test]
    fn a_token_cannot_break_out_of_a_request_line() {
        // A token cannot be made of such text here, so its bytes are exchanged on the way.
        let bytes = Question::Attempt(asked()).encode();
        let token = asked().token;
        let place = bytes.windows(43).position(|window| window == token.as_str().as_bytes()).expect("the token");
        for letter in [b' ', b'/', b'\n', b'.', b'"'] {
            let mut bytes = bytes.clone();
            bytes[place + 3] = letter;
            assert!(Question::decode(&bytes).is_err(), "{letter}");
        }
    }

    #[test]
    fn another_version_is_named() {
        let mut bytes = Question::Attempt(asked()).encode();
        bytes[0] = 2;
        assert_eq!(Question::decode(&bytes), Err(BadMessage::Version { found: 2, known: 1 }));
    }

    #[test]
    fn an_answer_is_cut_and_cleaned_whoever_sends_it() {
        let steps = vec![gave_up(&"\u{1b}[31mé".repeat(EXCERPT)); 3 * PERSPECTIVE_STEPS];
        let problem = Problem::new(ProblemType::Dns, format!("a\u{7}\n{}", "b".repeat(2 * DETAIL)));
        let bytes = snapshot::encode(&Answer { outcome: Err(problem), steps });
        let Answer { outcome, steps } = Answer::decode(&bytes).expect("it is read");
        assert_eq!(steps.len(), PERSPECTIVE_STEPS);
        let detail = outcome.expect_err("a problem").detail;
        assert!(detail.starts_with("ab") && detail.chars().count() == DETAIL, "{detail}");
        for step in steps {
            let Happening::GaveUp { reason } = step.what else { panic!("another step") };
            assert!(reason.chars().count() == EXCERPT && !reason.contains('\u{1b}'), "{reason}");
        }
    }

    #[test]
    fn an_answer_fits_however_much_was_seen() {
        let lines = vec!["日".repeat(EXCERPT); 17];
        let name = || "a.example".to_owned();
        let what = Happening::Resolved { resolver: name(), name: name(), record: "TXT".into(), answer: Ok(lines) };
        let steps = vec![TranscriptStep { at: Timestamp::from_seconds(1), what }; PERSPECTIVE_STEPS];
        let bytes = Answer { outcome: Ok(Reliance::default()), steps }.encode();
        assert!(bytes.len() <= ANSWER, "{}", bytes.len());
        assert!(!Answer::decode(&bytes).expect("it is read").steps.is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, at: prop::sample::Index, noise: [u8; 7]) {
            let _ = (Question::decode(&bytes), Answer::decode(&bytes));
            let mut question = Question::Attempt(asked()).encode();
            let start = at.index(question.len());
            for (byte, noise) in question.iter_mut().skip(start).zip(noise) {
                *byte = noise;
            }
            let _ = Question::decode(&question);
        }
    }
}
