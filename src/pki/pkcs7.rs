//! Certificates in one file of PKCS #7 (RFC 2315, today's RFC 5652): signed data that nobody has signed, which holds nothing
//! but certificates (RFC 5652 section 5.1, RFC 8551 section 3.8). Windows and Java import it.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5911::{ID_DATA, ID_SIGNED_DATA};
use der::asn1::SetOfVec;
use der::{Any, Decode, Encode, Sequence};

/// RFC 5652 section 3.
#[derive(Sequence)]
struct ContentInfo {
    content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: SignedData,
}

/// RFC 5652 section 5.1.
#[derive(Sequence)]
struct SignedData {
    version: u8,
    digest_algorithms: SetOfVec<Any>,
    encapsulated: Encapsulated,
    #[asn1(context_specific = "0", constructed = "true", tag_mode = "IMPLICIT")]
    certificates: SetOfVec<Any>,
    signers: SetOfVec<Any>,
}

/// RFC 5652 section 5.2, without content.
#[derive(Sequence)]
struct Encapsulated {
    content_type: ObjectIdentifier,
}

/// These certificates, each byte for byte as it is.
///
/// # Errors
/// [`der::Error`] if one of them is no DER.
pub fn certificates_only<'a>(certificates: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, der::Error> {
    let certificates: Result<Vec<_>, _> = certificates.into_iter().map(Any::from_der).collect();
    let content = SignedData {
        // Without signers, and with certificates of X.509 alone.
        version: 1,
        digest_algorithms: SetOfVec::new(),
        encapsulated: Encapsulated { content_type: ID_DATA },
        certificates: SetOfVec::try_from(certificates?)?,
        signers: SetOfVec::new(),
    };
    ContentInfo { content_type: ID_SIGNED_DATA, content }.to_der()
}
