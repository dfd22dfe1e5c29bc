//! What went wrong, in the words of RFC 8555 section 6.7: kept with challenges and orders, shown on the wire.

use std::fmt;

use minicbor::{Decode, Encode};

use crate::identifier::Identifier;

macro_rules! types {
    ($($number:literal $name:ident $urn:literal $(#[$doc:meta])*),* $(,)?) => {
        /// The error types registered for ACME (RFC 8555 section 9.7.3).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
        pub enum ProblemType {$(
            $(#[$doc])*
            #[n($number)]
            $name,
        )*}

        impl ProblemType {
            /// Every type, in the order of the registry.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The last part of `urn:ietf:params:acme:error:…`.
            #[must_use]
            pub const fn token(self) -> &'static str {
                match self {$(Self::$name => $urn),*}
            }
        }
    };
}

types! {
    0 AccountDoesNotExist "accountDoesNotExist" /** The request names an account that does not exist. */,
    1 AlreadyRevoked "alreadyRevoked" /** The certificate has been revoked before. */,
    2 BadCsr "badCSR" /** The CSR is unacceptable. */,
    3 BadNonce "badNonce" /** The anti-replay nonce is unacceptable. */,
    4 BadPublicKey "badPublicKey" /** The public key of the JWS is not supported. */,
    5 BadRevocationReason "badRevocationReason" /** The revocation reason is not allowed. */,
    6 BadSignatureAlgorithm "badSignatureAlgorithm" /** The algorithm of the JWS is not supported. */,
    7 Caa "caa" /** CAA records forbid the issuance. */,
    8 Compound "compound" /** Details are in the subproblems. */,
    9 Connection "connection" /** The server could not connect to the validation target. */,
    10 Dns "dns" /** A DNS query failed. */,
    11 ExternalAccountRequired "externalAccountRequired" /** The request lacks an external account binding. */,
    12 IncorrectResponse "incorrectResponse" /** The response does not match what the challenge asks for. */,
    13 InvalidContact "invalidContact" /** A contact URL is invalid. */,
    14 Malformed "malformed" /** The request is malformed. */,
    15 OrderNotReady "orderNotReady" /** The order cannot be finalized yet, or any more. */,
    16 RateLimited "rateLimited" /** The request exceeds a limit. */,
    17 RejectedIdentifier "rejectedIdentifier" /** The server does not issue for the identifier. */,
    18 ServerInternal "serverInternal" /** The server had an internal error. */,
    19 Tls "tls" /** TLS failed during validation. */,
    20 Unauthorized "unauthorized" /** The client lacks authorization. */,
    21 UnsupportedContact "unsupportedContact" /** The scheme of a contact is not supported. */,
    22 UnsupportedIdentifier "unsupportedIdentifier" /** The type of an identifier is not supported. */,
    23 UserActionRequired "userActionRequired" /** A person has to visit the `instance` URL. */,
    24 AlreadyReplaced "alreadyReplaced" /** The certificate to be replaced has been replaced before (RFC 9773). */,
    25 InvalidProfile "invalidProfile" /** The profile that was asked for is not offered (draft-ietf-acme-profiles). */,
    26 AutoRenewalCanceled "autoRenewalCanceled" /** The automatic renewal was canceled (RFC 8739). */,
    27 AutoRenewalExpired "autoRenewalExpired" /** The automatic renewal is past its end date (RFC 8739). */,
    28 AutoRenewalCancellationInvalid "autoRenewalCancellationInvalid"
        /** Only automatic renewal that goes on can be canceled (RFC 8739). */,
    29 AutoRenewalRevocationNotSupported "autoRenewalRevocationNotSupported"
        /** Certificates that are renewed automatically are not revoked (RFC 8739). */,
}

impl fmt::Display for ProblemType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token())
    }
}

/// A problem: its type, and a sentence that tells a person what to do.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Problem {
    /// The registered type.
    #[n(0)]
    pub kind: ProblemType,
    /// For a person; never more than the client may know.
    #[n(1)]
    pub detail: String,
    /// RFC 8555 section 6.7.1; empty in most.
    #[n(2)]
    pub subproblems: Vec<Subproblem>,
}

/// What is wrong with one identifier (RFC 8555 section 6.7.1).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Subproblem {
    /// The registered type.
    #[n(0)]
    pub kind: ProblemType,
    /// For a person.
    #[n(1)]
    pub detail: String,
    /// The identifier at fault, and whether the order asked for its wildcard.
    #[n(2)]
    pub identifier: Option<Identifier>,
}

impl Problem {
    /// A problem without subproblems.
    pub fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), subproblems: Vec::new() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.detail)
    }
}
