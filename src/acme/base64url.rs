//! Base64url as JOSE and ACME write it (RFC 7515 section 2, RFC 8555 section 6.1): one spelling for the same bytes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

/// Why a text is not base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadBase64Url {
    /// RFC 8555 section 6.1: padding is malformed.
    #[error("it ends with '='; base64url in ACME is written without padding")]
    Padding,
    /// The letters of base64 that base64url replaces.
    #[error("it has '+' or '/', which are of base64; base64url writes '-' and '_'")]
    Base64,
    /// White space, a line break, or another character outside of the alphabet.
    #[error("character {0} is not one of A-Z, a-z, 0-9, '-' and '_'")]
    Character(usize),
    /// No bytes have a text of this length, or the last character carries bits that encode nothing.
    #[error("it is cut short, or its last character has bits set that encode nothing")]
    Tail,
}

/// Writes bytes, without padding.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads what [`encode`] writes and nothing else: no padding, no white space, no stray trailing bits.
///
/// # Errors
/// [`BadBase64Url`] says what is wrong with the text.
pub fn decode(text: &str) -> Result<Vec<u8>, BadBase64Url> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| diagnose(text))
}

/// Whether the text is base64url, without keeping what it says.
pub(crate) fn check(text: &str) -> Result<(), BadBase64Url> {
    decode(text).map(drop)
}

/// Reads a text of exactly `N` bytes without allocating; `Ok(None)` where it has another length.
pub(crate) fn decode_exactly<const N: usize>(text: &str) -> Result<Option<[u8; N]>, BadBase64Url> {
    if text.len() != (N * 8).div_ceil(6) {
        return check(text).map(|()| None);
    }
    let mut bytes = [0; N];
    match URL_SAFE_NO_PAD.decode_slice_unchecked(text, &mut bytes) {
        Ok(_) => Ok(Some(bytes)),
        Err(_) => Err(diagnose(text)),
    }
}

fn diagnose(text: &str) -> BadBase64Url {
    let stray = text.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
    match stray {
        None => BadBase64Url::Tail,
        Some(place) if text[place..].bytes().all(|byte| byte == b'=') => BadBase64Url::Padding,
        Some(place) if matches!(text.as_bytes()[place], b'+' | b'/') => BadBase64Url::Base64,
        Some(place) => BadBase64Url::Character(place + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_encode_writes_decode_reads(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Ok(bytes));
        }

        #[test]
        fn bytes_have_one_spelling(text in "[A-Za-z0-9_=+/ -]{0,12}") {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(bytes), text);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let exact = decode_exactly::<4>(&text);
            match decode(&text) {
                Ok(bytes) => prop_assert_eq!(exact, Ok(bytes.try_into().ok())),
                Err(bad) => prop_assert_eq!(exact, Err(bad)),
            }
        }
    }

    #[test]
    fn what_is_not_base64url_is_refused_with_its_reason() {
        for (text, reason) in [
            ("QQ==", BadBase64Url::Padding),
            ("QUI=", BadBase64Url::Padding),
            ("=", BadBase64Url::Padding),
            ("ab+d", BadBase64Url::Base64),
            ("ab/d", BadBase64Url::Base64),
            ("QU JD", BadBase64Url::Character(3)),
            ("QUJD\n", BadBase64Url::Character(5)),
            ("QQ==QQ", BadBase64Url::Character(3)),
            ("äää", BadBase64Url::Character(1)),
            ("Q", BadBase64Url::Tail),
            ("QUJDR", BadBase64Url::Tail),
            ("QR", BadBase64Url::Tail),
            ("QUL", BadBase64Url::Tail),
        ] {
            assert_eq!(decode(text), Err(reason), "{text:?}");
        }
        assert_eq!(decode(""), Ok(Vec::new()));
        assert_eq!(decode_exactly::<1>("QR"), Err(BadBase64Url::Tail));
    }
}
