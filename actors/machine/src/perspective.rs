//! Validation from several vantage points: which perspectives are asked, how many must agree, and what follows from what
//! they have said so far (the CA/Browser Forum's Baseline Requirements section 3.2.2.9).

use std::collections::BTreeMap;
use std::fmt;

use minicbor::{Decode, Encode};
use thiserror::Error;

/// How many perspectives a profile may name: what is kept of an attempt grows with them.
pub const PERSPECTIVES: usize = 10;

/// The name of a perspective: 1 to 64 letters, digits and `-._~`. Clients are told which ones disagreed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct PerspectiveName(String);

/// Why a text is no perspective's name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} cannot be a perspective's name: it takes 1 to 64 letters, digits and -._~")]
pub struct BadPerspectiveName(pub String);

impl PerspectiveName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`BadPerspectiveName`] repeats the text and the rule.
    pub fn parse(text: &str) -> Result<Self, BadPerspectiveName> {
        let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        if text.is_empty() || text.len() > 64 || !letters {
            return Err(BadPerspectiveName(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PerspectiveName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// From where a profile has control and CAA records looked at, besides from the server itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Perspectives {
    /// The perspectives that are asked; none of them twice. Without any, the server alone decides.
    #[n(0)]
    pub names: Vec<PerspectiveName>,
    /// How many of them must agree with the server; [`usual`] if `None`.
    #[n(1)]
    pub required: Option<u32>,
}

impl Perspectives {
    /// How many of them must agree with the server: never more than there are.
    #[must_use]
    pub fn required(&self) -> usize {
        let count = self.names.len();
        match self.required {
            Some(required) => usize::try_from(required).unwrap_or(count).min(count),
            None => usual(count),
        }
    }
}

/// How many of so many perspectives must agree where nobody has said: all but one of two to five, all but two of more
/// (Baseline Requirements section 3.2.2.9, the table of quorum requirements), and a single one always.
#[must_use]
pub const fn usual(count: usize) -> usize {
    match count {
        0 | 1 => count,
        2..=5 => count - 1,
        _ => count - 2,
    }
}

/// What is known so far of one attempt: what the server saw, and which perspectives agree.
///
/// Whatever comes counts once, in any order; who has not been asked for has no voice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    required: usize,
    primary: Option<bool>,
    remotes: BTreeMap<PerspectiveName, Option<bool>>,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corroboration {
    /// The server saw the proof, and enough perspectives did.
    Corroborated,
    /// The server itself did not see it, whatever the others say.
    Refused,
    /// The server saw it, and too few perspectives can still do so.
    Missed,
}

impl Tally {
    /// Nobody has said anything yet.
    #[must_use]
    pub fn new(perspectives: &Perspectives) -> Self {
        let remotes = perspectives.names.iter().cloned().map(|name| (name, None)).collect::<BTreeMap<_, _>>();
        Self { required: perspectives.required().min(remotes.len()), primary: None, remotes }
    }

    /// What the server saw. Said again, it counts as it was said first.
    pub fn primary(&mut self, passed: bool) {
        self.primary.get_or_insert(passed);
    }

    /// What a perspective saw: it disagrees if it could not be asked. Said again, it counts as it was said first.
    pub fn remote(&mut self, name: &PerspectiveName, agrees: bool) {
        if let Some(said) = self.remotes.get_mut(name) {
            said.get_or_insert(agrees);
        }
    }

    /// How many perspectives agree.
    #[must_use]
    pub fn agreed(&self) -> usize {
        self.count(Some(true))
    }

    /// How many must agree.
    #[must_use]
    pub const fn required(&self) -> usize {
        self.required
    }

    /// What follows, as soon as nothing that is still to come can change it. Nothing does before the server itself has
    /// looked, so that who is at fault never depends on who was first.
    #[must_use]
    pub fn outcome(&self) -> Option<Corroboration> {
        match self.primary {
            None => None,
            Some(false) => Some(Corroboration::Refused),
            Some(true) if self.agreed() >= self.required => Some(Corroboration::Corroborated),
            Some(true) if self.agreed() + self.count(None) < self.required => Some(Corroboration::Missed),
            Some(true) => None,
        }
    }

    fn count(&self, said: Option<bool>) -> usize {
        self.remotes.values().filter(|&&found| found == said).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_letters_of_a_url_segment() {
        for good in ["a", "eu-west.1~B_", &"x".repeat(64)] {
            assert_eq!(PerspectiveName::parse(good).map(|name| name.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert_eq!(PerspectiveName::parse(bad), Err(BadPerspectiveName(bad.to_owned())));
        }
    }

    #[test]
    fn without_a_word_it_is_the_table_of_the_baseline_requirements() {
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7, 10].map(usual), [0, 1, 1, 2, 3, 4, 4, 5, 8]);
    }

    #[test]
    fn more_than_there_are_can_never_be_required() {
        let names = vec![PerspectiveName("a".into()), PerspectiveName("b".into())];
        for (required, found) in [(None, 1), (Some(0), 0), (Some(2), 2), (Some(u32::MAX), 2)] {
            assert_eq!(Perspectives { names: names.clone(), required }.required(), found, "{required:?}");
        }
    }
}
