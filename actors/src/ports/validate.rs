//! What looks whether control is proven.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_machine::challenge::{ChallengeType, Reliance, Token};
use chancery_machine::identifier::{DnsName, Identifier};
use chancery_machine::network::NetworkRules;
use chancery_machine::perspective::Perspectives;
use chancery_machine::problem::Problem;
use chancery_machine::transcript::Transcript;

/// What one validation attempt needs to know.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// How control is proven.
    pub kind: ChallengeType,
    /// Control of what: never a wildcard.
    pub identifier: Identifier,
    /// Whether it is for the wildcard below the identifier.
    pub wildcard: bool,
    /// Whether it is for everything below the identifier too (RFC 9444).
    pub subdomains: bool,
    /// The URL of the account that asks, as clients know it.
    pub account_url: String,
    /// The names by which DNS records may mean this authority (`caaIdentities` of the directory).
    pub issuers: Vec<String>,
    /// The challenge's token.
    pub token: Token,
    /// Token and thumbprint (RFC 8555 section 8.1).
    pub key_authorization: String,
    /// How a record of dns-persist-01 names the account.
    pub account_uri: AccountUri,
    /// What may be contacted, and how.
    pub network: Arc<NetworkRules>,
    /// From where else it is to be looked at, and how many must agree.
    pub perspectives: Arc<Perspectives>,
    /// Whether the profile has CAA records not asked for.
    pub ignores_caa: bool,
}

impl Attempt {
    /// What has to be asked of the CAA records before this attempt proves anything; nothing where the profile says so. Of all
    /// names below a name only those count that an order has, so then it is asked when the order is finalized.
    #[must_use]
    pub fn caa(&self) -> Option<CaaQuestion> {
        let Identifier::Dns(name) = &self.identifier else { return None };
        (!self.ignores_caa && !self.subdomains).then(|| CaaQuestion {
            name: name.clone(),
            wildcard: self.wildcard,
            account_url: self.account_url.clone(),
            issuers: self.issuers.clone(),
            method: Some(self.kind),
            network: Arc::clone(&self.network),
            perspectives: Arc::clone(&self.perspectives),
        })
    }
}

/// How a record that stays names the account (draft-ietf-acme-dns-persist).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountUri {
    /// By its URL: draft -01.
    Url,
    /// By a digest over name, key and URL: draft -02.
    Hashed {
        /// What stands before the digest's name: `accountHashPrefix` of the directory.
        prefix: String,
        /// The thumbprints of the keys that the account has had, base64url, the present one first.
        thumbprints: Vec<String>,
    },
}

/// Whether CAA records let this authority issue (RFC 8659). It is asked of every name unless the ACME Profile says that it is
/// not, and never of addresses.
#[derive(Clone, Debug)]
pub struct CaaQuestion {
    /// For which name: never a wildcard.
    pub name: DnsName,
    /// Whether the certificate is for the wildcard below the name.
    pub wildcard: bool,
    /// The URL of the account that asks, as clients know it: the `accounturi` of RFC 8657 section 3.
    pub account_url: String,
    /// The names by which the records may mean this authority; where there are none, no record can.
    pub issuers: Vec<String>,
    /// How control was proven (RFC 8657 section 4); `None` where nothing had to be.
    pub method: Option<ChallengeType>,
    /// Who is asked, and how.
    pub network: Arc<NetworkRules>,
    /// From where else it is to be asked, and how many must agree.
    pub perspectives: Arc<Perspectives>,
}

/// How an attempt, or a question about CAA records, ended.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Control was proven and CAA records allow it, or why not: a problem that the client may read (RFC 8555 section 8).
    pub outcome: Result<(), Problem>,
    /// How long the proof may be relied on.
    pub reliance: Reliance,
    /// What happened, for operators.
    pub transcript: Transcript,
}

/// Tries challenges. One attempt or question in, one verdict out, always within the validator's own time limits; never a
/// panic.
#[async_trait]
pub trait Validate: Send + Sync + 'static {
    /// Makes one attempt, and where control is proven asks for CAA records too, if [`Attempt::caa`] has a question.
    async fn attempt(&self, attempt: Attempt) -> Verdict;

    /// Asks for CAA records alone. The problem is `caa` where they forbid it, and `dns` where they cannot be had.
    async fn permits(&self, question: CaaQuestion) -> Verdict;
}
