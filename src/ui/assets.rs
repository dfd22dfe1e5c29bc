//! What pages need beside themselves: one stylesheet, htmx, a few lines of our own, and an icon. Each stands under a URL
//! that its content decides, so browsers keep it for as long as it is the same.
//!
//! `htmx.min.js` is that of the npm package htmx.org 2.0.11, as it came; its licence (0BSD) lies beside it.

use std::sync::LazyLock;

use actix_web::http::header::{CACHE_CONTROL, IF_NONE_MATCH};
use actix_web::middleware::Compress;
use actix_web::{HttpRequest, HttpResponse, web};
use aws_lc_rs::digest::{SHA256, digest};

use crate::admin::error::AdminError;

/// A file that is part of the binary.
struct Asset {
    name: &'static str,
    media: &'static str,
    content: &'static str,
}

const ASSETS: &[Asset] = &[
    Asset { name: "chancery.css", media: "text/css; charset=utf-8", content: include_str!("assets/chancery.css") },
    Asset { name: "chancery.js", media: "text/javascript; charset=utf-8", content: include_str!("assets/chancery.js") },
    Asset { name: "htmx.js", media: "text/javascript; charset=utf-8", content: include_str!("assets/htmx.min.js") },
    Asset { name: "icon.svg", media: "image/svg+xml", content: include_str!("assets/icon.svg") },
];

/// Where the layout finds them.
pub(super) struct Urls {
    pub(super) css: String,
    pub(super) js: String,
    pub(super) htmx: String,
    pub(super) icon: String,
}

/// Their URLs in this build.
pub(super) static URLS: LazyLock<Urls> = LazyLock::new(|| {
    let url = |name: &str| {
        let content = ASSETS.iter().find(|asset| asset.name == name).map_or("", |asset| asset.content);
        format!("/ui/assets/{}/{name}", version(content))
    };
    Urls { css: url("chancery.css"), js: url("chancery.js"), htmx: url("htmx.js"), icon: url("icon.svg") }
});

pub(super) fn configure(config: &mut web::ServiceConfig) {
    // Pages are not compressed: they have keys in them, and may repeat what somebody else has sent.
    let compressed = web::resource("/assets/{version}/{name}").wrap(Compress::default());
    config.service(compressed.get(asset));
}

async fn asset(request: HttpRequest, path: web::Path<(String, String)>) -> Result<HttpResponse, AdminError> {
    let (asked, name) = path.into_inner();
    let absent = || AdminError::Absent(format!("file {name:?} of the web interface in this version"));
    let found = ASSETS.iter().find(|asset| asset.name == name).ok_or_else(absent)?;
    if version(found.content) != asked {
        return Err(absent());
    }
    let kept = (CACHE_CONTROL, "public, max-age=31536000, immutable");
    if request.headers().contains_key(IF_NONE_MATCH) {
        return Ok(HttpResponse::NotModified().insert_header(kept).finish());
    }
    let tag = ("ETag", format!("\"{asked}\""));
    Ok(HttpResponse::Ok().insert_header(kept).insert_header(tag).content_type(found.media).body(found.content))
}

/// Names a content.
fn version(content: &str) -> String {
    digest(&SHA256, content.as_bytes()).as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
