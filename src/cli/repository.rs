//! The repository (RFC 5280 section 4.2.1.13): CRLs and issuer certificates over plain HTTP, for whoever does not trust us
//! yet and therefore cannot use HTTPS.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ContentType, LAST_MODIFIED};
use actix_web::{HttpResponse, web};
use chancery_actors::Engine;
use chancery_machine::id::AuthorityId;
use tracing::error;

use crate::pki::authorities::Authorities;
use crate::pki::authority::certificate_pem;

/// What the repository shows.
pub(super) struct Repository {
    pub(super) engine: Engine,
    pub(super) authorities: Arc<Authorities>,
}

/// Adds the repository's resources. The application data has to hold a [`Repository`].
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/crl/{authority}.crl", web::get().to(crl))
        .route("/ca/{authority}.crt", web::get().to(certificate))
        .route("/root.pem", web::get().to(root));
}

/// A CRL, DER (RFC 5280 section 4.2.1.13: application/pkix-crl, RFC 2585).
async fn crl(repository: web::Data<Repository>, path: web::Path<String>) -> HttpResponse {
    let Some(authority) = known(&repository, &path) else { return nothing() };
    match repository.engine.crl(authority).await {
        Ok(Some(crl)) => {
            let left = crl.next_update.since(repository.engine.now()).as_secs();
            // A revocation shows at once in a new CRL: nobody should keep an old one for long.
            let keep = (left / 2).min(300);
            let made = std::time::UNIX_EPOCH + std::time::Duration::from_secs(crl.this_update.seconds());
            HttpResponse::Ok()
                .insert_header((CACHE_CONTROL, format!("public, max-age={keep}")))
                .insert_header((LAST_MODIFIED, actix_web::http::header::HttpDate::from(made)))
                .content_type("application/pkix-crl")
                .body(crl.der)
        }
        Ok(None) => HttpResponse::build(StatusCode::SERVICE_UNAVAILABLE)
            .insert_header(("Retry-After", "1"))
            .body("the first CRL is being made\n"),
        Err(failure) => {
            error!(%failure, "a CRL could not be read");
            HttpResponse::ServiceUnavailable().insert_header(("Retry-After", "5")).body("the store is unavailable\n")
        }
    }
}

/// The certificate of an authority, DER (RFC 5280 section 4.2.2.1: application/pkix-cert, RFC 2585).
async fn certificate(repository: web::Data<Repository>, path: web::Path<String>) -> HttpResponse {
    let found = known(&repository, &path).and_then(|authority| repository.authorities.find(authority));
    match found {
        Some(authority) => {
            HttpResponse::Ok().content_type("application/pkix-cert").body(authority.certificate().to_vec())
        }
        None => nothing(),
    }
}

/// The root above what signs the server's own certificate, PEM.
async fn root(repository: web::Data<Repository>) -> HttpResponse {
    let authorities = &repository.authorities;
    match authorities.first(repository.engine.now()).and_then(|first| authorities.find(first)) {
        Some(first) => {
            let pem = certificate_pem(first.root_certificate());
            HttpResponse::Ok().content_type("application/x-pem-file").body(pem)
        }
        None => nothing(),
    }
}

fn known(repository: &Repository, text: &str) -> Option<AuthorityId> {
    AuthorityId::parse(text).filter(|authority| repository.authorities.find(*authority).is_some())
}

fn nothing() -> HttpResponse {
    HttpResponse::NotFound().content_type(ContentType::plaintext()).body("there is no such authority\n")
}
