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

impl Precondition {
    /// Reads If-Match: `*`, or the one ETag of a revision, as in `"7"`.
    ///
    /// # Errors
    /// [`AdminError::Malformed`] shows the forms.
    pub fn parse(text: &str) -> Result<Self, AdminError> {
        let text = text.trim();
        if text == "*" {
            return Ok(Self::Any);
        }
        let revision =
            text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
        let malformed = || AdminError::Malformed(format!("If-Match is {text:?}; send the ETag as it was, or *"));
        revision.map(Self::Revision).ok_or_else(malformed)
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
