//! Certificates that are renewed while server and perspective run.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::client::{Endpoint, text};
use crate::dns::DnsServer;
use crate::house::{access, answer, begin, digest, name};
use crate::site::{Site, chancery, credentials};
use crate::support::admin::Admin;
use crate::support::process::{eventually, run};
use crate::support::server::Server;

const PATIENCE: Duration = Duration::from_secs(120);

fn serial(file: &Path) -> Vec<u8> {
    let der = CertificateDer::from_pem_file(file).expect("PEM");
    x509_parser::parse_x509_certificate(&der).expect("a certificate").1.raw_serial().to_vec()
}

/// Both sides come with certificates of an authority that the other side does not know, until those are replaced: whoever
/// goes on with what it has read at its start gets no answer.
#[test]
fn both_sides_take_up_renewed_certificates_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ours, strangers) = (folder.path().join("ours"), folder.path().join("strangers"));
    credentials(&ours, "north", "127.0.0.2");
    credentials(&strangers, "north", "127.0.0.2");
    let dns = DnsServer::start();
    let resolver = dns.address().to_string();
    let put = |from: &Path, file: &str| {
        fs::copy(from.join(file), ours.join(file)).expect("it can be replaced");
    };
    let kept = folder.path().join("kept");
    fs::create_dir_all(kept.join("north")).expect("a folder");
    for file in ["server.pem", "server.key", "north/certificate.pem", "north/key.pem"] {
        fs::copy(ours.join(file), kept.join(file)).expect("it can be kept");
        put(&strangers, file);
    }
    let site = Site::start(&ours.join("north"), "127.0.0.2", &["--resolver", &resolver]);
    let config = folder.path().join("chancery.toml");
    let profile = format!(
        "[acme_profiles.default]\ndefault_ra_profile = \"default\"\nresolvers = [\"{resolver}\"]\nretry_pauses = []\n\
         perspectives = [\"north\"]\n[ra_profiles.default]\n"
    );
    fs::write(&config, access(&ours, "north", &site.address().to_string()) + &profile).expect("it can be written");
    let server = Server::configured(&folder.path().join("data"), &config);
    let endpoint = Endpoint::open(server.directory(), &server.root());
    let account = endpoint.register("ES256");
    let tried = || {
        let name = name("renewed");
        let (_, authorization, challenge) = begin(&account, &name, "dns-01");
        dns.zone().add_txt(&format!("_acme-challenge.{name}"), &digest(&account, &challenge));
        let seen = answer(&account, &authorization, &challenge);
        let id = authorization.rsplit('/').next().expect("a URL has segments").to_owned();
        let transcript = Admin::of(&server).get(&format!("/authorizations/{id}")).expect(200).json();
        (text(&seen, "status").to_owned(), transcript.to_string())
    };
    let (status, transcript) = tried();
    assert_eq!(status, "invalid", "neither knows the other's issuer: {transcript}");

    // One file at a time, as whoever renews them does; a certificate without its key counts on neither side.
    for file in ["north/certificate.pem", "server.pem"] {
        put(&kept, file);
    }
    assert_eq!(tried().0, "invalid");
    put(&kept, "north/key.pem");
    assert_eq!(tried().0, "invalid", "the server still comes as a stranger");
    put(&kept, "server.key");
    let until_it_is_asked_again = || {
        let (status, transcript) = tried();
        if status == "valid" { Ok(()) } else { Err(transcript) }
    };
    eventually(PATIENCE, until_it_is_asked_again);

    // What an operator does.
    let before = [serial(&ours.join("server.pem")), serial(&ours.join("north/certificate.pem"))];
    let mut renew = chancery();
    renew.args(["perspective", "credentials", "north", "--host", "127.0.0.2", "--renew", "--out"]).arg(&ours);
    run(&mut renew);
    assert_ne!(before, [serial(&ours.join("server.pem")), serial(&ours.join("north/certificate.pem"))]);
    eventually(PATIENCE, until_it_is_asked_again);
    assert!(fs::read_to_string(server.log()).expect("a log").contains("were renewed"), "the server says so");
    assert!(site.log().contains("renewed"), "the perspective says so, where a connection is made");
}
