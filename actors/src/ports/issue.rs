//! What drafts and signs certificates and CRLs.

use std::sync::Arc;

use chancery_machine::id::AuthorityId;
use chancery_machine::identifier::Subject;
use chancery_machine::order::Draft;
use chancery_machine::profile::RaProfile;
use chancery_machine::renewal::IssuerStanding;
use chancery_machine::time::Timestamp;
use thiserror::Error;

/// What a certificate is wanted for.
#[derive(Clone, Debug)]
pub struct DraftRequest {
    /// The rules.
    pub profile: Arc<RaProfile>,
    /// Which key it is for.
    pub key: KeySource,
    /// The order's identifiers: what the certificate will carry, whatever else the CSR asks for.
    pub subjects: Vec<Subject>,
    /// Sixteen random bytes for the serial number.
    pub serial_entropy: [u8; 16],
    /// The `notBefore` of the order, if it states one; with automatic renewal, that of its period.
    pub not_before: Option<Timestamp>,
    /// The `notAfter` of the order, if it states one; with automatic renewal, that of its period.
    pub not_after: Option<Timestamp>,
    /// The present moment.
    pub now: Timestamp,
}

/// What says which key a certificate is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The client's CSR, DER (RFC 2986).
    Csr(Vec<u8>),
    /// A SubjectPublicKeyInfo, DER, that the order had in a CSR before: its certificate is renewed (RFC 8739 section 2.2).
    Renewed(Vec<u8>),
}

/// Why a CSR gets no certificate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DraftError {
    /// The client's fault (RFC 8555 section 7.4: badCSR); the sentence says what is wrong and what was expected.
    #[error("{0}")]
    BadCsr(String),
    /// The profile or the authority does not allow a sound certificate; the sentence is for operators.
    #[error("{0}")]
    Refused(String),
}

/// Why something was not signed. The caller tries again later.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignError {
    /// The key cannot be used now, or ever.
    #[error("the authority cannot sign: {0}")]
    Unavailable(String),
    /// What is to be signed does not pass the lint.
    #[error("the lint refuses it: {0}")]
    Refused(String),
}

/// Another chain above what an authority signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlternateChain {
    /// Names it, and no other chain, for ever: part of a URL.
    pub name: String,
    /// As in [`Issue::chain`].
    pub certificates: Vec<Vec<u8>>,
    /// When the first of them ends.
    pub not_after: Timestamp,
}

/// One entry of a CRL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlEntry {
    /// The certificate's serial number, big-endian.
    pub serial: Vec<u8>,
    /// When it was revoked.
    pub revoked_at: Timestamp,
    /// CRLReason (RFC 5280 section 5.3.1), if one was given.
    pub reason: Option<u8>,
}

/// What a CRL says.
#[derive(Clone, Debug)]
pub struct CrlRequest {
    /// Whose certificates it lists, and who signs it.
    pub authority: AuthorityId,
    /// Grows with every CRL of this authority (RFC 5280 section 5.2.3).
    pub number: u64,
    /// When it is made.
    pub this_update: Timestamp,
    /// By when the next one is there.
    pub next_update: Timestamp,
    /// What is revoked.
    pub entries: Vec<CrlEntry>,
}

/// Makes certificates and CRLs. These calls use the processor and may wait for a device: callers run them off the
/// actors' threads.
pub trait Issue: Send + Sync + 'static {
    /// Checks the CSR against order and profile, drafts the certificate and lints it. Signs nothing.
    ///
    /// # Errors
    /// [`DraftError`] says whether the client or the server is at fault.
    fn draft(&self, request: &DraftRequest) -> Result<Draft, DraftError>;

    /// Signs a draft that passes the lint, and answers the DER of the certificate. The same draft gives the same bytes
    /// every time.
    ///
    /// # Errors
    /// [`SignError`]; the order goes on waiting.
    fn sign(&self, draft: &Draft) -> Result<Vec<u8>, SignError>;

    /// Whether an operator lets this authority issue. One that does not exist is another matter, of
    /// [`Issue::lifetime`].
    fn issues(&self, authority: AuthorityId) -> bool {
        let _ = authority;
        true
    }

    /// The authorities that certificates name by this keyIdentifier in their authorityKeyIdentifier (RFC 5280 section
    /// 4.2.1.1); two may have the same key. Read from memory.
    fn with_key_identifier(&self, key_identifier: &[u8]) -> Vec<AuthorityId>;

    /// What is known of an authority whose certificates are to be renewed some day; `None` if there is none. Read from
    /// memory.
    fn standing(&self, authority: AuthorityId) -> Option<IssuerStanding>;

    /// Every authority that can sign: the publisher keeps a CRL of each.
    fn authorities(&self) -> Vec<AuthorityId>;

    /// When the authority's own life begins and ends: nothing that it signs goes beyond.
    ///
    /// # Errors
    /// [`SignError::Unavailable`] if there is no such authority, or if it may not issue now: no orders are placed then.
    fn lifetime(&self, authority: AuthorityId) -> Result<(Timestamp, Timestamp), SignError>;

    /// The DER certificates above an end entity of this authority, the issuing one first, without the root.
    ///
    /// # Errors
    /// [`SignError::Unavailable`] if there is no such authority.
    fn chain(&self, authority: AuthorityId) -> Result<Vec<Vec<u8>>, SignError>;

    /// Other chains above an end entity of this authority (RFC 8555 section 7.4.2), as operators have added them.
    ///
    /// # Errors
    /// [`SignError::Unavailable`] if there is no such authority.
    fn alternates(&self, authority: AuthorityId) -> Result<Vec<AlternateChain>, SignError> {
        let _ = authority;
        Ok(Vec::new())
    }

    /// Makes and signs a CRL, and answers its DER.
    ///
    /// # Errors
    /// [`SignError`]; the caller tries again later.
    fn crl(&self, request: &CrlRequest) -> Result<Vec<u8>, SignError>;
}
