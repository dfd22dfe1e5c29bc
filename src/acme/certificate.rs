//! Certificates (RFC 8555 sections 7.4.2 and 7.6): download and revocation.

use actix_web::{HttpResponse, web};
use chancery_actors::error::LoadError;
use chancery_machine::certificate::{CertificateRecord, RevocationReason};
use chancery_machine::id::CertificateId;
use chancery_machine::problem::ProblemType;
use serde::Deserialize;

use super::account::Named;
use super::base64url;
use super::problem::ProblemDocument;
use super::reply::Reply;
use super::request::{AccountRequest, EitherRequest};

#[derive(Deserialize)]
struct RevokePayload {
    certificate: String,
    reason: Option<u64>,
}

/// A certificate with one of its chains.
#[derive(Deserialize)]
pub(super) struct Alternate {
    id: String,
    chain: String,
}

/// POST-as-GET to a certificate: the chain in PEM, the end entity first, without the root.
pub(super) async fn certificate(
    asked: AccountRequest,
    path: web::Path<Named>,
) -> Result<HttpResponse, ProblemDocument> {
    download(&asked, &path.id, None).await
}

/// POST-as-GET to a certificate with another chain (RFC 8555 section 7.4.2).
pub(super) async fn alternate(
    asked: AccountRequest,
    path: web::Path<Alternate>,
) -> Result<HttpResponse, ProblemDocument> {
    download(&asked, &path.id, Some(&path.chain)).await
}

/// Each URL gives the chain that it always gave; the others are linked, as long as they are of use.
async fn download(asked: &AccountRequest, id: &str, wanted: Option<&str>) -> Result<HttpResponse, ProblemDocument> {
    let site = &asked.site;
    let id = CertificateId::parse(id).ok_or_else(|| ProblemDocument::not_found("the path names no certificate"))?;
    let certificate = site.acme.engine.certificate(id).await?.state.record;
    let Some((owner, _)) = certificate.order else {
        return Err(ProblemDocument::not_found("there is no certificate of that name"));
    };
    asked.owns(owner, "certificate")?;
    asked.payload.empty()?;
    let engine = &site.acme.engine;
    let alternates = engine.alternate_chains(certificate.authority)?;
    let chain = match wanted {
        None => engine.chain(certificate.authority)?,
        Some(wanted) => {
            let found = alternates.iter().find(|alternate| alternate.name == wanted);
            let gone =
                || ProblemDocument::not_found("the certificate has no such chain; its own URL links those it has");
            found.ok_or_else(gone)?.certificates.clone()
        }
    };
    let now = engine.now();
    let others = alternates.iter().filter(|other| Some(other.name.as_str()) != wanted && other.not_after >= now);
    let own = wanted.map(|_| site.urls.certificate(id));
    let links = own.into_iter().chain(others.map(|other| site.urls.alternate(id, &other.name)));
    let reply = links.fold(Reply::ok(), |reply, url| reply.link(&url, "alternate"));
    chained(reply, &certificate.der, &chain)
}

/// A certificate and those above it.
pub(super) fn chained(reply: Reply, certificate: &[u8], chain: &[Vec<u8>]) -> Result<HttpResponse, ProblemDocument> {
    let mut pem = pem_of(certificate)?;
    for above in chain {
        pem.push_str(&pem_of(above)?);
    }
    Ok(reply.body("application/pem-certificate-chain", pem))
}

/// POST revoke-cert.
pub(super) async fn revoke(asked: EitherRequest) -> Result<HttpResponse, ProblemDocument> {
    let site = asked.site();
    let payload: RevokePayload = asked.payload().json()?;
    let reason = reason(payload.reason)?;
    let der = base64url::decode(&payload.certificate).map_err(|bad| {
        let detail = format!("\"certificate\" is not base64url: {bad}; send the DER of the certificate");
        ProblemDocument::new(ProblemType::Malformed, detail)
    })?;
    let found = match site.acme.engine.certificate_of(&der).await {
        Ok(found) => found,
        Err(LoadError::Absent) => {
            let detail = "\"certificate\" is no certificate that this server has issued, or it is past its retention";
            return Err(ProblemDocument::not_found(detail));
        }
        Err(error) => return Err(error.into()),
    };
    if found.state.record.period.is_some() {
        // RFC 8739 section 3.1.2.
        let detail = "the certificate is renewed automatically, and such certificates are not revoked; cancel its order, \
             and if its key is compromised, tell the server's operator, who can revoke it";
        return Err(ProblemDocument::new(ProblemType::AutoRenewalRevocationNotSupported, detail));
    }
    may_revoke(&asked, &found.state.record).await?;
    site.acme.engine.revoke(CertificateId(found.id), reason).await?;
    Ok(Reply::ok().empty())
}

/// RFC 8555 section 7.6: the account that it was issued to, one of the same endpoint that holds authorizations for all its
/// names, or, at whatever endpoint, who holds its key.
async fn may_revoke(asked: &EitherRequest, found: &CertificateRecord) -> Result<(), ProblemDocument> {
    let (may, detail) = match asked {
        EitherRequest::Account(asked) => (
            match found.order {
                Some((owner, _)) if owner == asked.id => true,
                Some((owner, _)) => {
                    // What counts as proof at one endpoint need not at another.
                    asked.site.has(owner).await?
                        && asked.site.acme.engine.holds_authorizations(asked.id, &found.subjects).await?
                }
                // The server issued it to itself.
                None => false,
            },
            "the certificate was issued to another account, and this one is of another endpoint or does not hold valid \
             authorizations for all its names; sign with that account or with the certificate's own key",
        ),
        EitherRequest::Key(asked) => (
            found.spki_sha256 == asked.key.spki_sha256(),
            "the request is signed by a key that is not the certificate's; sign with that key or with the account",
        ),
    };
    if may { Ok(()) } else { Err(ProblemDocument::new(ProblemType::Unauthorized, detail)) }
}

fn reason(code: Option<u64>) -> Result<Option<RevocationReason>, ProblemDocument> {
    let Some(code) = code else { return Ok(None) };
    RevocationReason::from_code(code).map(Some).ok_or_else(|| {
        let allowed: Vec<String> =
            RevocationReason::ALL.iter().map(|reason| format!("{} ({})", reason.code(), reason.name())).collect();
        let detail = format!("the reason {code} is not allowed; allowed are {}", allowed.join(", "));
        ProblemDocument::new(ProblemType::BadRevocationReason, detail)
    })
}

fn pem_of(der: &[u8]) -> Result<String, ProblemDocument> {
    der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, der)
        .map_err(|error| ProblemDocument::internal(&format!("a stored certificate has no PEM form: {error}")))
}
