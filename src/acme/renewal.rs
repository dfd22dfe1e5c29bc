//! When certificates are to be renewed (RFC 9773): how clients name them, and what they are told.

use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use chancery_actors::error::LoadError;
use chancery_actors::renewal::{CertificateName, RenewalInfo};
use chancery_machine::problem::ProblemType;
use serde::Serialize;
use thiserror::Error;

use super::account::Named;
use super::base64url::{self, BadBase64Url};
use super::json::Excerpt;
use super::problem::ProblemDocument;
use super::reply::Reply;
use super::wire::Site;
use crate::moment::rfc3339;

/// Longer than the name of any certificate: 64 octets of keyIdentifier and 20 of serial number have 116 characters.
const LONGEST: usize = 200;

/// For how long anybody on the way may keep an answer. Windows move at once when a certificate is revoked.
const KEPT: Duration = Duration::from_secs(300);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RenewalInfoObject<'a> {
    suggested_window: WindowObject,
    #[serde(rename = "explanationURL", skip_serializing_if = "Option::is_none")]
    explanation_url: Option<&'a str>,
}

#[derive(Serialize)]
struct WindowObject {
    start: String,
    end: String,
}

/// Why a text names no certificate (RFC 9773 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
enum BadName {
    #[error("it is longer than that of any certificate")]
    Length,
    #[error("it has to be two parts with one dot between them")]
    Parts,
    #[error("its first part, the keyIdentifier, is not base64url: {0}")]
    KeyIdentifier(BadBase64Url),
    #[error("its second part, the serial number, is not base64url: {0}")]
    Serial(BadBase64Url),
    #[error("its first part is empty")]
    NoKeyIdentifier,
    #[error("its second part is no positive number as DER has it")]
    NoSerial,
}

/// GET renewal-info/{certID}, of anybody: it is no secret, and may be kept by whoever passes it on (RFC 9773 section 6).
pub(super) async fn renewal_info(site: Site, path: web::Path<Named>) -> Result<HttpResponse, ProblemDocument> {
    let rules = &site.pair.acme.renewal;
    if !rules.offered {
        return Err(ProblemDocument::not_found("this endpoint does not say when certificates are to be renewed"));
    }
    let named = name("the last part of the path", &path.id)?;
    let unknown = || ProblemDocument::not_found("there is no such certificate; it may be past its retention");
    let certificate = match site.acme.engine.certificate_named(&named).await {
        Ok(certificate) => certificate,
        Err(LoadError::Absent) => return Err(unknown()),
        Err(error) => return Err(error.into()),
    };
    if certificate.state.record.order.is_none() {
        // The server issued it to itself.
        return Err(unknown());
    }
    if certificate.state.record.period.is_some() {
        let detail =
            "the certificate is renewed automatically (RFC 8739): fetch the next one from its order's URL for it";
        return Err(ProblemDocument::not_found(detail));
    }
    let RenewalInfo { window, look_again } = site.acme.engine.renewal_info(rules, &certificate);
    let look_again = Duration::from(look_again);
    Ok(Reply::ok()
        .header(CACHE_CONTROL, format!("public, max-age={}", look_again.min(KEPT).as_secs()))
        .retry_after(Some(look_again))
        .json(&RenewalInfoObject {
            suggested_window: WindowObject { start: rfc3339(window.start), end: rfc3339(window.end) },
            explanation_url: rules.explanation_url.as_deref(),
        }))
}

/// Reads the name of a certificate that stands in `place`.
pub(super) fn name(place: &str, text: &str) -> Result<CertificateName, ProblemDocument> {
    read(text).map_err(|bad| {
        let detail = format!(
            "{place} is {:?}, which does not name a certificate: {bad}; write base64url of its authority key identifier, a \
             dot, and base64url of its serial number, as in aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE",
            Excerpt::new(text)
        );
        ProblemDocument::new(ProblemType::Malformed, detail)
    })
}

fn read(text: &str) -> Result<CertificateName, BadName> {
    if text.len() > LONGEST {
        return Err(BadName::Length);
    }
    let (key_identifier, serial) = text.split_once('.').ok_or(BadName::Parts)?;
    if serial.contains('.') {
        return Err(BadName::Parts);
    }
    let key_identifier = base64url::decode(key_identifier).map_err(BadName::KeyIdentifier)?;
    let serial = base64url::decode(serial).map_err(BadName::Serial)?;
    if key_identifier.is_empty() {
        return Err(BadName::NoKeyIdentifier);
    }
    // The contents of a DER INTEGER that is positive: a zero in front only where the sign needs it.
    let serial = match serial.as_slice() {
        [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => rest.to_vec(),
        positive @ [0x01..=0x7f, ..] => positive.to_vec(),
        [] | [0, ..] | [0x80..=0xff, ..] => return Err(BadName::NoSerial),
    };
    Ok(CertificateName { key_identifier, serial, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9773 section 4.1.
    const EXAMPLE: &str = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE";

    #[test]
    fn the_example_of_the_rfc_is_read() {
        let name = read(EXAMPLE).expect("it names a certificate");
        let identifier = [
            0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41, 0xe1, 0xb3, 0x7b, 0x84, 0x7b, 0xa0, 0xae, 0x2c, 0xde, 0x01,
            0xc8, 0xd4,
        ];
        assert_eq!(name.key_identifier, identifier);
        assert_eq!(name.serial, [0x87, 0x65, 0x43, 0x21], "the zero in front is DER's");
        assert_eq!(name.text, EXAMPLE);
    }

    #[test]
    fn what_names_no_certificate_is_told_apart() {
        let long = format!("{}.AQ", "A".repeat(200));
        for (text, bad) in [
            ("", BadName::Parts),
            ("aYhba4dGQEHhs3uEe6CuLN4ByNQ", BadName::Parts),
            ("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE.", BadName::Parts),
            (".AIdlQyE", BadName::NoKeyIdentifier),
            ("aYhb.", BadName::NoSerial),
            ("aYhb.AA", BadName::NoSerial),
            ("aYhb.AAE", BadName::NoSerial),
            ("aYhb.h2VDIQ", BadName::NoSerial),
            ("aYhb.AIdlQyE=", BadName::Serial(BadBase64Url::Padding)),
            ("aYhba4dGQEHhs3uEe6CuLN4ByNQ=.AIdlQyE", BadName::KeyIdentifier(BadBase64Url::Padding)),
            ("aY+b.AIdlQyE", BadName::KeyIdentifier(BadBase64Url::Base64)),
            (&long, BadName::Length),
        ] {
            assert_eq!(read(text), Err(bad), "{text:?}");
        }
    }
}
