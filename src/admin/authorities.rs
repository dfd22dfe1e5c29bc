//! The authorities that RA Profiles can name.

use chancery_machine::id::AuthorityId;

/// Finds authorities for RA Profiles.
pub trait Authorities: Send + Sync {
    /// The authority of this id or name, or the one to take where nothing is said.
    ///
    /// # Errors
    /// A sentence for the person who asked.
    fn resolve(&self, asked: Option<&str>) -> Result<AuthorityId, String>;
}
