//! A server of its own for each test, in development mode, with the DNS and the web root that its challenges need.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use hickory_proto::rr::RecordType;
use serde_json::json;
use tempfile::TempDir;

use crate::dns::DnsServer;
use crate::dns_control::DnsControl;
use crate::support::admin::Admin;
use crate::support::certificate::Chain;
use crate::support::crossing::Crossing;
use crate::support::server::{Options, Server};
use crate::support::web::WebRoot;

/// A server and its surroundings, in a folder that is removed with it.
pub(crate) struct Lab {
    server: Server,
    dns: DnsServer,
    control: DnsControl,
    web: WebRoot,
    http_port: u16,
    // Last, so that the folder outlives what uses it.
    folder: TempDir,
}

impl Lab {
    /// A server whose http-01 attempts go to the lab's own web root.
    pub(crate) fn new() -> Self {
        Self::start(None)
    }

    /// A server whose http-01 attempts go to this port, where the client itself answers.
    pub(crate) fn with_http_port(port: u16) -> Self {
        Self::start(Some(port))
    }

    fn start(http_port: Option<u16>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let web = WebRoot::serve(&folder.path().join("www"));
        let dns = DnsServer::start();
        dns.zone().set_default_address(RecordType::A, Some(IpAddr::from([127, 0, 0, 1])));
        let control = DnsControl::start(dns.zone());
        let http_port = http_port.unwrap_or_else(|| web.port());
        let server = Server::start(&Options {
            data: folder.path().join("chancery"),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            http_listen: None,
            http_port,
            resolver: dns.address(),
        });
        Self { server, dns, control, web, http_port, folder }
    }

    /// The URL of the directory.
    pub(crate) fn directory(&self) -> &str {
        self.server.directory()
    }

    /// The server itself.
    #[allow(dead_code, reason = "clients need its directory alone")]
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// The management API, as the administrator.
    pub(crate) fn admin(&self) -> Admin {
        Admin::of(&self.server)
    }

    /// The root certificate's file.
    pub(crate) fn root(&self) -> PathBuf {
        self.server.root()
    }

    /// A path in the lab's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Another root of this name, which certifies the server's authority too: clients can have a chain to it.
    pub(crate) fn crossing(&self, name: &str) -> Crossing {
        let admin = self.admin();
        let all = admin.get("/authorities").expect(200).json();
        let all = all["items"].as_array().expect("a list");
        let issuing = all.iter().find(|authority| authority["kind"] == "intermediate").expect("one issues");
        let certificate = issuing["certificate"].as_str().expect("a certificate");
        let crossing = Crossing::new(&self.path("crossing"), name, certificate, 20);
        let path = format!("/authorities/{}/addChain", issuing["id"].as_str().expect("an id"));
        admin.post(&path, &json!({"certificates": crossing.crossed})).expect(200);
        crossing
    }

    /// The web root of the http-01 challenges.
    pub(crate) fn web(&self) -> &WebRoot {
        &self.web
    }

    /// The port that http-01 goes to.
    pub(crate) fn http_port(&self) -> u16 {
        self.http_port
    }

    /// The DNS that the server asks. Every name has the address 127.0.0.1.
    pub(crate) fn dns(&self) -> &DnsServer {
        &self.dns
    }

    /// Where programs change the DNS, as an URL.
    pub(crate) fn dns_control(&self) -> String {
        format!("http://{}", self.control.address())
    }

    /// Writes a shell script that a client can call. `set_txt NAME VALUE` and `clear_txt NAME` change the DNS;
    /// `$CHALLENGES` is the folder of the http-01 challenges.
    pub(crate) fn script(&self, name: &str, body: &str) -> PathBuf {
        let control = self.dns_control();
        let challenges = self.web.challenges();
        let text = format!(
            r#"#!/bin/sh
set -eu
CHALLENGES='{challenges}'
set_txt() {{ post set-txt "{{\"host\":\"${{1%.}}.\",\"value\":\"$2\"}}"; }}
clear_txt() {{ post clear-txt "{{\"host\":\"${{1%.}}.\"}}"; }}
post() {{ curl --silent --show-error --fail --max-time 20 --data "$2" "{control}/$1" >&2; }}
{body}
"#,
            challenges = challenges.display(),
        );
        let path = self.path(name);
        fs::write(&path, text).expect("the script can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the script can be made executable");
        path
    }

    /// Writes a file into the lab's folder.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("the file can be written");
        path
    }

    /// Reads the chain that a client stored, which must be sound, good, and for exactly these names.
    pub(crate) fn issued(&self, path: impl AsRef<Path>, names: &[&str]) -> Chain {
        // A copy: clients move and replace what they stored, and the test still wants to ask about it.
        let mut copy = self.path("issued-0.pem");
        for number in 1.. {
            if !copy.exists() {
                break;
            }
            copy = self.path(&format!("issued-{number}.pem"));
        }
        fs::copy(&path, &copy).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()));
        let chain = Chain::read(copy);
        chain.assert_sound(&self.root(), names);
        chain.assert_good(&self.root());
        chain
    }
}
