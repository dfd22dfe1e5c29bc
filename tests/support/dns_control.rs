//! Changes a test zone over HTTP, for the hooks of ACME clients: `POST` with JSON, in the manner of pebble-challtestsrv.
//!
//! | path | body |
//! |---|---|
//! | `/set-txt` | `{"host", "value"}`: adds a TXT record |
//! | `/remove-txt` | `{"host", "value"}`: removes that TXT record |
//! | `/clear-txt` | `{"host"}`: removes all TXT records |
//! | `/add-a`, `/add-aaaa` | `{"host", "addresses": […]}` |
//! | `/clear-a`, `/clear-aaaa`, `/clear-cname` | `{"host"}` |
//! | `/set-cname` | `{"host", "target"}` |
//! | `/set-servfail`, `/clear-servfail` | `{"host"}` |
//! | `/set-default-ipv4`, `/set-default-ipv6` | `{"ip"}`: the only address of all other names; empty for none |

#![allow(dead_code, reason = "each test target uses a part of it")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use hickory_proto::rr::RecordType;
use serde::Deserialize;

use super::dns::{Trouble, Zone};

/// The running endpoint; it ends when this is dropped.
pub(crate) struct DnsControl {
    address: SocketAddr,
    server: ServerHandle,
}

impl DnsControl {
    /// Listens on a loopback port that the system picks.
    pub(crate) fn start(zone: Zone) -> Self {
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let zone = web::Data::new(zone);
                let app =
                    move || App::new().app_data(web::Data::clone(&zone)).route("/{action}", web::post().to(change));
                let server = HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(0);
                let server = server.bind((Ipv4Addr::LOCALHOST, 0)).expect("a free TCP port");
                let address = server.addrs()[0];
                let server = server.run();
                tell.send((address, server.handle())).expect("the starter waits");
                server.await.expect("the endpoint serves until it is stopped");
            });
        });
        let (address, server) = told.recv().expect("the endpoint starts");
        Self { address, server }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for DnsControl {
    fn drop(&mut self) {
        // The order is sent at once; the future would only wait for its end.
        drop(self.server.stop(false));
    }
}

#[derive(Deserialize)]
struct Change {
    #[serde(default)]
    host: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    addresses: Vec<IpAddr>,
    #[serde(default)]
    ip: String,
}

#[allow(clippy::needless_pass_by_value, reason = "extractors are passed so")]
async fn change(action: web::Path<String>, body: web::Bytes, zone: web::Data<Zone>) -> HttpResponse {
    // Hooks seldom set a Content-Type, so the JSON extractor would refuse what they send.
    let change: Change = match serde_json::from_slice(&body) {
        Ok(change) => change,
        Err(error) => return HttpResponse::BadRequest().body(error.to_string()),
    };
    let host = change.host.as_str();
    match action.as_str() {
        "set-txt" => zone.add_txt(host, &change.value),
        "remove-txt" => zone.remove_txt(host, &change.value),
        "clear-txt" => zone.clear_txt(host),
        "add-a" | "add-aaaa" => change.addresses.iter().for_each(|&address| zone.add_address(host, address)),
        "clear-a" => zone.clear(host, RecordType::A),
        "clear-aaaa" => zone.clear(host, RecordType::AAAA),
        "set-cname" => zone.set_cname(host, &change.target),
        "clear-cname" => zone.clear(host, RecordType::CNAME),
        "set-servfail" => zone.set_trouble(host, Some(Trouble::ServFail)),
        "clear-servfail" => zone.set_trouble(host, None),
        "set-default-ipv4" | "set-default-ipv6" => {
            let kind = if action.ends_with('4') { RecordType::A } else { RecordType::AAAA };
            match change.ip.parse() {
                Ok(address) => zone.set_default_address(kind, Some(address)),
                Err(_) if change.ip.is_empty() => zone.set_default_address(kind, None),
                Err(_) => return HttpResponse::BadRequest().body("\"ip\" is no address"),
            }
        }
        _ => return HttpResponse::NotFound().finish(),
    }
    HttpResponse::Ok().finish()
}
