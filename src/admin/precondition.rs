//! If-Match (RFC 9110 section 13.1.1): two operators do not overwrite each other.

use super::error::AdminError;

/// What has to hold of a thing for a change to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// `*`: however it is.
    Any,
    /// It still has this revision.
    Revision(u64),
}

/// What stands for an ETag that this server never gave: revisions are counted from 1.
const FOREIGN: u64 = 0;

impl Precondition {
    /// Holds of nothing: for a change that does not say of which revision it is, and has to.
    pub const NEVER: Self = Self::Revision(FOREIGN);

    /// Reads If-Match: `*`, or the one ETag of a revision, as in `"7"`.
    ///
    /// # Errors
    /// [`AdminError::Malformed`] shows the forms.
    pub fn parse(text: &str) -> Result<Self, AdminError> {
        let text = text.trim();
        if text == "*" {
            return Ok(Self::Any);
        }
        // A weak one never matches (RFC 9110 section 8.8.3.2).
        let (weak, tag) = text.strip_prefix("W/").map_or((false, text), |tag| (true, tag));
        let tag = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).filter(|tag| !tag.contains('"'));
        match tag {
            None => Err(AdminError::Malformed(format!("If-Match is {text:?}; send the one ETag as it was, or *"))),
            Some(tag) if !weak => Ok(Self::Revision(tag.parse().unwrap_or(FOREIGN))),
            Some(_) => Ok(Self::Revision(FOREIGN)),
        }
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// [`AdminError::Changed`].
    pub fn check(self, now: u64) -> Result<(), AdminError> {
        match self {
            Self::Revision(seen) if seen != now => Err(AdminError::Changed { now }),
            Self::Any | Self::Revision(_) => Ok(()),
        }
    }

    /// The ETag of a revision.
    #[must_use]
    pub fn etag(revision: u64) -> String {
        format!("\"{revision}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_etag_of_now_holds() {
        for (text, holds) in [
            ("*", true),
            ("\"7\"", true),
            (" \"7\" ", true),
            ("\"6\"", false),
            ("W/\"7\"", false),
            ("\"of another server\"", false),
            ("\"\"", false),
        ] {
            let outcome = Precondition::parse(text).expect("an entity tag").check(7);
            assert_eq!(outcome.is_ok(), holds, "{text}");
            assert!(holds || matches!(outcome, Err(AdminError::Changed { now: 7 })), "{text}");
        }
        for text in ["", "7", "\"7", "7\"", "\"6\", \"7\""] {
            assert!(matches!(Precondition::parse(text), Err(AdminError::Malformed(_))), "{text}");
        }
    }
}
