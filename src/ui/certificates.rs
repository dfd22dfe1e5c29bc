//! Certificates.

mod search;

use actix_web::http::header::{ContentDisposition, DispositionParam, DispositionType};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use chancery_machine::time::Timestamp;

use super::filter::Asked;
use super::form::{Form, looked_at};
use super::frame::Frame;
use super::life::Life;
use super::list::{self, Choice, Confirm, Pager, REASONS, WITHIN, reason, renewal_call};
use super::reply;
use super::visitor::Visitor;
use super::words::{self, filters};
use crate::admin::certificates::{CertificateDetail, CertificateView, Decoded, Form as Bytes};
use crate::admin::error::AdminError;
use crate::admin::operator::Role;
use crate::admin::precondition::Precondition;
use crate::admin::renewal::NewRenewalCall;
use crate::admin::rest::filters::{Certificates as Filter, place};
use crate::admin::time::rfc3339;
use crate::admin::words::{CertificateStatus, RevocationReason};

const PLACE: &str = "/ui/certificates";

/// The field of the search box.
const SEARCH: &str = "q";

const STATUSES: &[(&str, &str)] = &[("valid", "Valid"), ("expired", "Expired"), ("revoked", "Revoked")];
const SORTS: &[(&str, &str)] = &[
    ("-created", "Newest first"),
    ("created", "Oldest first"),
    ("expires", "What expires first"),
    ("-expires", "What expires last"),
];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/certificates").get(list))
        .service(web::resource("/certificates/bulk").post(bulk))
        .service(web::resource("/certificates/{id}").get(read))
        .service(web::resource("/certificates/{id}/files/{form}").get(download))
        .service(web::resource("/certificates/{id}/renew").post(renew))
        .service(web::resource("/certificates/{id}/revoke").get(ask_revoke).post(revoke));
}

#[derive(Template)]
#[template(path = "certificates/list.html")]
struct List {
    frame: Frame,
    asked: Asked,
    now: Timestamp,
    certificates: Vec<CertificateView>,
    pager: Pager,
}

#[derive(Template)]
#[template(path = "certificates/detail.html")]
struct Detail<'a> {
    frame: Frame,
    certificate: &'a CertificateView,
    pem: &'a str,
    decoded: &'a Decoded,
    life: Option<Life>,
    /// Whether it can still be revoked and renewed.
    open: bool,
}

impl List {
    /// What the search box holds, or what a link from elsewhere searches for.
    fn searched(&self) -> &str {
        [SEARCH, "name", "serial", "fingerprint"]
            .into_iter()
            .map(|name| self.asked.text(name))
            .find(|text| !text.is_empty())
            .unwrap_or("")
    }

    fn fault(&self) -> Option<String> {
        ["name", "serial", "fingerprint"].into_iter().find_map(|name| self.frame.fault(name))
    }

    fn badge(&self, certificate: &CertificateView) -> String {
        badge(certificate, Life::of(&certificate.not_before, &certificate.not_after, self.now).as_ref())
    }
}

/// How a certificate stands: revoked, or how long it still lives.
fn badge(certificate: &CertificateView, life: Option<&Life>) -> String {
    match (certificate.status, life) {
        (CertificateStatus::Revoked, _) => words::badge("bad", "revoked"),
        (CertificateStatus::Expired, Some(life)) => words::badge("", &life.words),
        (CertificateStatus::Valid, Some(life)) => words::badge(life.kind, &life.words),
        (CertificateStatus::Valid, None) => words::badge("good", "valid"),
        (CertificateStatus::Expired, None) => words::badge("", "expired"),
    }
}

async fn list(visitor: Visitor, request: HttpRequest) -> Result<HttpResponse, AdminError> {
    listed(&visitor, request.query_string(), None).await
}

/// The list, with why something was not done to it.
async fn listed(visitor: &Visitor, query: &str, error: Option<&AdminError>) -> Result<HttpResponse, AdminError> {
    let asked = Asked::of(PLACE, query);
    let frame = Frame::of(visitor, PLACE, "Certificates").after(query).refused(error).shown_at(&asked.here());
    let now = visitor.admin.engine.now();
    let found = async {
        let filter: Filter = match asked.text(SEARCH) {
            "" => asked.filter()?,
            text => {
                let (field, value) = search::meant(text);
                asked.with(SEARCH, (field, value)).filter()?
            }
        };
        let (query, (limit, after)) = (filter.query(&visitor.admin)?, place(&filter.page())?);
        visitor.admin.list_certificates(visitor.operator(), &query, after.as_ref(), limit).await
    };
    match found.await {
        Ok(page) => {
            let pager = Pager::of(&asked, page.next.map(|cursor| cursor.to_bytes()).as_deref());
            reply::page_after(error, &List { frame, asked, now, certificates: page.items, pager })
        }
        Err(error) => {
            let (frame, pager) = (frame.refused(Some(&error)), Pager::refused(&asked));
            reply::page_with(error.status_code(), &List { frame, asked, now, certificates: Vec::new(), pager })
        }
    }
}

async fn read(visitor: Visitor, request: HttpRequest, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    shown(&visitor, &id, request.query_string(), None).await
}

/// The page of a certificate, with why something was not done to it.
async fn shown(
    visitor: &Visitor,
    id: &str,
    query: &str,
    error: Option<&AdminError>,
) -> Result<HttpResponse, AdminError> {
    let CertificateDetail { certificate, pem } = visitor.admin.read_certificate(visitor.operator(), id).await?;
    let decoded = visitor.admin.decode_certificate(visitor.operator(), id).await?;
    let title = format!("Certificate of {}", certificate.subjects.first().map_or(id, String::as_str));
    let page = Detail {
        frame: Frame::of(visitor, PLACE, title).after(query).refused(error).shown_at(&format!("{PLACE}/{id}")),
        life: Life::of(&certificate.not_before, &certificate.not_after, visitor.admin.engine.now()),
        open: certificate.status == CertificateStatus::Valid,
        certificate: &certificate,
        pem: &pem,
        decoded: &decoded,
    };
    reply::page_after(error, &page)
}

/// Leads back to the certificate after something was done to it, or shows there why not.
async fn after(
    visitor: &Visitor,
    id: &str,
    done: &str,
    outcome: Result<CertificateView, AdminError>,
) -> Result<HttpResponse, AdminError> {
    match outcome {
        Ok(_) => Ok(reply::done(&format!("{PLACE}/{id}"), done)),
        Err(error @ AdminError::Absent(_)) => Err(error),
        Err(error) => shown(visitor, id, "", Some(&error)).await,
    }
}

async fn download(visitor: Visitor, path: web::Path<(String, String)>) -> Result<HttpResponse, AdminError> {
    let (id, form) = path.into_inner();
    let (bytes, media, ending) = match form.as_str() {
        "pem" => (Bytes::Pem, "application/x-pem-file", ".pem"),
        "der" => (Bytes::Der, "application/pkix-cert", ".cer"),
        "chain" => (Bytes::Chain, "application/pem-certificate-chain", "-chain.pem"),
        "pkcs7" => (Bytes::Pkcs7, "application/pkcs7-mime; smime-type=certs-only", ".p7b"),
        other => return Err(AdminError::Absent(format!("form {other:?} of a certificate"))),
    };
    let CertificateDetail { certificate, .. } = visitor.admin.read_certificate(visitor.operator(), &id).await?;
    let name = file_name(certificate.subjects.first().map_or(id.as_str(), String::as_str), ending);
    let bytes = visitor.admin.download_certificate(visitor.operator(), &id, bytes).await?;
    Ok(attached(name, media, bytes))
}

/// A file to be saved under this name.
pub(super) fn attached(name: String, media: &str, bytes: Vec<u8>) -> HttpResponse {
    let parameters = vec![DispositionParam::Filename(name)];
    let disposition = ContentDisposition { disposition: DispositionType::Attachment, parameters };
    HttpResponse::Ok().insert_header(disposition).content_type(media).body(bytes)
}

/// A name for a file that every system takes.
pub(super) fn file_name(subject: &str, ending: &str) -> String {
    let plain = subject.replace('*', "wildcard");
    let sound = |letter: char| if letter.is_ascii_alphanumeric() || ".-_".contains(letter) { letter } else { '-' };
    format!("{}{ending}", plain.chars().map(sound).collect::<String>())
}

async fn renew(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let outcome = async {
        let call = renewal_call(&form)?;
        visitor.admin.renew_certificate(visitor.operator(), &id, call, form.precondition()).await
    };
    after(&visitor, &id, if form.ticked("cancel") { "recalled" } else { "called" }, outcome.await).await
}

const REVOKED: &str = "Whoever checks its status refuses it from the next CRL on. Nothing takes that back: its owner needs a \
                       new certificate.";

fn confirmation(frame: Frame, question: String, action: String, back: String) -> Confirm {
    Confirm {
        consequences: REVOKED.to_owned(),
        choices: vec![Choice { name: "reason", label: "Reason", options: REASONS }],
        ..Confirm::ask(frame, question, ("Revoke", action), back)
    }
}

async fn ask_revoke(visitor: Visitor, id: web::Path<String>) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Operator)?;
    let CertificateDetail { certificate, .. } = visitor.admin.read_certificate(visitor.operator(), &id).await?;
    let names = match certificate.subjects.as_slice() {
        [] => id.to_string(),
        all if all.len() <= 3 => all.join(", "),
        [first, rest @ ..] => format!("{first} and {} other names", rest.len()),
    };
    let question = format!("Revoke the certificate of {names} with serial number {}?", certificate.serial);
    let here = format!("{PLACE}/{id}");
    let frame = Frame::of(&visitor, PLACE, "Revoke a certificate");
    let page = confirmation(frame, question, format!("{here}/revoke"), here);
    reply::page(&Confirm { fields: looked_at(certificate.revision), ..page })
}

async fn revoke(visitor: Visitor, id: web::Path<String>, form: Form) -> Result<HttpResponse, AdminError> {
    let reason = reason(form.text("reason"));
    let done = visitor.admin.revoke_certificate(visitor.operator(), &id, reason, form.precondition()).await;
    after(&visitor, &id, "revoked", done).await
}

async fn bulk(visitor: Visitor, form: Form) -> Result<HttpResponse, AdminError> {
    visitor.operator().may(Role::Operator)?;
    let back = list::back(&form, PLACE);
    if form.all("item").next().is_none() {
        let none = AdminError::Refused("no certificate was ticked, so nothing was done".to_owned());
        return listed(&visitor, &back.back(), Some(&none)).await;
    }
    match form.text("action") {
        action @ ("renew" | "cancel") => {
            let cancel = action == "cancel";
            let call = if cancel { NewRenewalCall { within: None, cancel } } else { renewal_call(&form)? };
            let word = if cancel { "recalled" } else { "called" };
            list::each(&visitor, &form, PLACE, word, move |admin, operator, id| async move {
                admin.renew_certificate(&operator, &id, call, Precondition::Any).await.map(drop)
            })
            .await
        }
        "revoke" if form.ticked("confirmed") => {
            let reason = reason(form.text("reason"));
            list::each(&visitor, &form, PLACE, "revoked", move |admin, operator, id| async move {
                admin.revoke_certificate(&operator, &id, reason, Precondition::Any).await.map(drop)
            })
            .await
        }
        "revoke" => {
            let read = async |id: &str| visitor.admin.read_certificate(visitor.operator(), id).await.ok();
            let names = |found: CertificateDetail| found.certificate.subjects.join(", ");
            let called = async |id: &str| read(id).await.map(names).filter(|names| !names.is_empty());
            let objects = list::named(&form, called).await;
            let question = list::question("Revoke", PLACE, objects.len());
            let fields = form.fields().cloned().collect();
            let frame = Frame::of(&visitor, PLACE, "Revoke certificates");
            let page = confirmation(frame, question, format!("{PLACE}/bulk"), back.here());
            reply::page(&Confirm { objects, fields, ..page })
        }
        other => Err(AdminError::Malformed(format!("{other:?} can be done to no certificate"))),
    }
}

/// Why a certificate was revoked, in the words of the form where that was chosen.
const fn why(reason: Option<&RevocationReason>) -> &'static str {
    match reason {
        None => "no reason was given",
        Some(RevocationReason::Unspecified) => "unspecified",
        Some(RevocationReason::KeyCompromise) => "the private key is compromised",
        Some(RevocationReason::AffiliationChanged) => "the names' owner has changed",
        Some(RevocationReason::Superseded) => "another certificate replaces it",
        Some(RevocationReason::CessationOfOperation) => "it is no longer in use",
    }
}

/// A moment of a certificate above another.
fn day(at: &Timestamp) -> String {
    words::moment(&rfc3339(*at))
}

fn here(certificate: &CertificateView, action: &str) -> String {
    format!("{PLACE}/{}/{action}", certificate.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_names_that_every_system_takes() {
        assert_eq!(file_name("www.corp.example", ".pem"), "www.corp.example.pem");
        assert_eq!(file_name("*.corp.example", "-chain.pem"), "wildcard.corp.example-chain.pem");
        assert_eq!(file_name("2001:db8::1", ".p7b"), "2001-db8--1.p7b");
        assert_eq!(file_name("../a\"b\r\n", ".cer"), "..-a-b--.cer");
    }
}
