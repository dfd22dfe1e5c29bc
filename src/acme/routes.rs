//! Which path leads where (RFC 8555 section 7.1), under both forms of URL.

use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, Resource as Route, web};
use chancery_machine::problem::ProblemType;

use super::problem::ProblemDocument;
use super::urls::Resource;
use super::{account, authorization, auto_renewal, certificate, directory, order, renewal, wire};

/// Adds the resources of every endpoint, and a problem document for every other path. The application data has to hold an
/// [`wire::Acme`].
pub fn configure(config: &mut web::ServiceConfig) {
    for form in ["/acme/raProfile/{raProfile}", "/acme/{acmeProfile}"] {
        config.service(
            web::scope(form)
                .wrap(from_fn(wire::around))
                .app_data(web::PathConfig::default().error_handler(|error, _| {
                    ProblemDocument::not_found(format!("the path names no resource: {error}")).into()
                }))
                .app_data(web::QueryConfig::default().error_handler(|error, _| {
                    let detail = format!("the query of the URL cannot be read: {error}");
                    ProblemDocument::new(ProblemType::Malformed, detail).into()
                }))
                .service(
                    at(Resource::Directory, "GET, POST")
                        .route(web::get().to(directory::directory))
                        .route(web::head().to(directory::directory))
                        .route(web::post().to(directory::directory_posted)),
                )
                .service(
                    at(Resource::NewNonce, "GET, HEAD, POST")
                        .route(web::get().to(directory::new_nonce))
                        .route(web::head().to(directory::new_nonce))
                        .route(web::post().to(directory::new_nonce_posted)),
                )
                .service(at(Resource::NewAccount, "POST").route(web::post().to(account::new_account)))
                .service(at(Resource::NewOrder, "POST").route(web::post().to(order::new_order)))
                .service(at(Resource::NewAuthz, "POST").route(web::post().to(authorization::new_authorization)))
                .service(at(Resource::RevokeCert, "POST").route(web::post().to(certificate::revoke)))
                .service(at(Resource::KeyChange, "POST").route(web::post().to(account::key_change)))
                .service(
                    only(&format!("/{}/{{id}}", Resource::RenewalInfo.segment()), "GET, HEAD")
                        .route(web::get().to(renewal::renewal_info))
                        .route(web::head().to(renewal::renewal_info)),
                )
                .service(only("/acct/{id}", "POST").route(web::post().to(account::account)))
                .service(only("/acct/{id}/orders", "POST").route(web::post().to(account::orders)))
                .service(only("/order/{id}", "POST").route(web::post().to(order::order)))
                .service(only("/order/{id}/finalize", "POST").route(web::post().to(order::finalize)))
                .service(only("/authz/{id}", "POST").route(web::post().to(authorization::authorization)))
                .service(only("/chall/{id}/{place}", "POST").route(web::post().to(authorization::challenge)))
                .service(only("/cert/{id}", "POST").route(web::post().to(certificate::certificate)))
                .service(only("/cert/{id}/{chain}", "POST").route(web::post().to(certificate::alternate)))
                .service(
                    only("/star/{id}", "POST")
                        .route(web::get().to(auto_renewal::star_certificate_unauthenticated))
                        .route(web::head().to(auto_renewal::star_certificate_unauthenticated))
                        .route(web::post().to(auto_renewal::star_certificate)),
                )
                .default_service(web::to(nothing)),
        );
    }
    config.default_service(web::route().to(nowhere).wrap(from_fn(wire::around)));
}

fn at(resource: Resource, allowed: &'static str) -> Route {
    only(&format!("/{}", resource.segment()), allowed)
}

/// A resource that answers 405 to what it has no route for (RFC 8555 section 6.3).
fn only(path: &str, allowed: &'static str) -> Route {
    web::resource(path.to_owned()).default_service(web::to(move |request: HttpRequest| {
        std::future::ready(Err::<actix_web::HttpResponse, _>(ProblemDocument::method_not_allowed(
            request.method(),
            allowed,
        )))
    }))
}

async fn nowhere() -> Result<actix_web::HttpResponse, ProblemDocument> {
    Err(ProblemDocument::not_found("there is nothing here; directories are at /acme/{profile}/directory"))
}

async fn nothing() -> Result<actix_web::HttpResponse, ProblemDocument> {
    Err(ProblemDocument::not_found("there is no such resource; the directory lists those that there are"))
}
