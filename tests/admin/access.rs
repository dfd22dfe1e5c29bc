//! Operators who come with a certificate, and the API at an address of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::Value;

use crate::house::House;
use crate::support::process::{command, find, finish, run_refused};
use crate::support::server::Server;

/// An issuer of operators' certificates.
struct Office {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Office {
    fn open(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key is made");
        let certificate = params.self_signed(&key).expect("it is signed");
        fs::write(folder.join(format!("{name}.pem")), certificate.pem()).expect("the file can be written");
        Self { folder: folder.to_owned(), issuer: Issuer::new(params, key) }
    }

    /// A certificate for these DNS names, and its key, in one file.
    fn certify(&self, names: &[&str], file: &str) -> PathBuf {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("they are names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "by-common-name");
        let key = KeyPair::generate().expect("a key is made");
        let certificate = params.signed_by(&key, &self.issuer).expect("it is signed");
        let path = self.folder.join(file);
        fs::write(&path, certificate.pem() + &key.serialize_pem()).expect("the file can be written");
        path
    }
}

/// Asks with curl, which has its own TLS: the status, 0 if there was none, and the body.
fn ask(curl: &Path, server: &Server, url: &str, certificate: Option<&Path>, more: &[&str]) -> (u16, Value) {
    let mut asking: Command = command(curl);
    asking.args(["-sS", "-w", "\n%{http_code}", "--cacert"]).arg(server.root()).args(more);
    if let Some(path) = certificate {
        asking.arg("--cert").arg(path);
    }
    let output = finish(asking.arg(url));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').expect("curl writes the status");
    (status.parse().expect("a status"), serde_json::from_str(body).unwrap_or_default())
}

fn configuration(folder: &Path) -> String {
    format!(
        "[admin]\nclient_ca = {:?}\n[[admin.clients]]\nname = \"ops.corp.example\"\nrole = \"operator\"\n\
         [[admin.clients]]\nname = \"by-common-name\"\nrole = \"auditor\"\n",
        folder.join("office.pem")
    )
}

#[test]
fn a_certificate_lets_in_whom_it_names() {
    let Some(curl) = find("curl") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let office = Office::open(folder.path(), "office");
    let house = House::with(&configuration(folder.path()));
    let origin = house.server().directory().strip_suffix("/acme/default/directory").expect("the default directory");
    let whoami = format!("{origin}/api/v1/whoami");
    let ask = |certificate: Option<&Path>, more: &[&str]| ask(&curl, house.server(), &whoami, certificate, more);

    let operator = office.certify(&["ops.corp.example"], "operator.pem");
    let (status, who) = ask(Some(&operator), &[]);
    assert_eq!((status, &who["who"], &who["role"]), (200, &"certificate:ops.corp.example".into(), &"operator".into()));
    let (status, who) = ask(Some(&office.certify(&["other.example", "ops.corp.example"], "second.pem")), &[]);
    assert_eq!((status, &who["role"]), (200, &"operator".into()), "any of its names");
    let (status, who) = ask(Some(&office.certify(&[], "common.pem")), &[]);
    assert_eq!((status, &who["who"]), (200, &"certificate:by-common-name".into()));
    let stranger = office.certify(&["other.example"], "stranger.pem");
    assert_eq!(ask(Some(&stranger), &[]).0, 401, "a name that is nobody's is as good as none");
    assert_eq!(ask(None, &[]).0, 401);

    // A token goes before the certificate, also one that is worth nothing.
    let token = format!("Authorization: Bearer {}", house.server().token());
    let (status, who) = ask(Some(&operator), &["-H", &token]);
    assert_eq!((status, &who["role"]), (200, &"administrator".into()));
    assert_eq!(ask(Some(&operator), &["-H", "Authorization: Bearer chancery_x"]).0, 401);

    // Browsers present certificates to whichever page asks them to send something.
    let host = origin.strip_prefix("https://").expect("HTTPS");
    for (header, status) in [
        ("Sec-Fetch-Site: cross-site".to_owned(), 401),
        ("Sec-Fetch-Site: same-site".to_owned(), 401),
        ("Sec-Fetch-Site: same-origin".to_owned(), 200),
        ("Origin: https://elsewhere.example".to_owned(), 401),
        ("Origin: null".to_owned(), 401),
        (format!("Origin: https://{host}"), 200),
    ] {
        assert_eq!(ask(Some(&operator), &["-H", &header]).0, status, "{header}");
    }
    assert_eq!(
        ask(Some(&operator), &["-H", &token, "-H", "Sec-Fetch-Site: cross-site"]).0,
        200,
        "a token is no cookie"
    );

    let other = Office::open(folder.path(), "other");
    let forged = other.certify(&["ops.corp.example"], "forged.pem");
    assert_eq!(ask(Some(&forged), &[]).0, 0, "the handshake fails");

    // What is done is in the log under the certificate's name, and goes no further than its role.
    let create = ["-X", "POST", "-H", "Content-Type: application/json", "-d", "{\"name\":\"web\"}"];
    let url = format!("{origin}/api/v1/acmeProfiles");
    assert_eq!(super::access::ask(&curl, house.server(), &url, Some(&operator), &create).0, 201);
    let url = format!("{origin}/api/v1/tokens");
    assert_eq!(super::access::ask(&curl, house.server(), &url, Some(&operator), &create).0, 403);
    let entries = crate::house::log(&house.admin());
    let last = entries.last().expect("an entry");
    assert_eq!(last.0, "certificate:ops.corp.example");
}

#[test]
fn operators_with_certificates_need_an_issuer() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let client = "[[admin.clients]]\nname = \"ops.corp.example\"\nrole = \"operator\"\n";
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "").expect("the file can be written");
    for (configuration, reason) in [
        (client.to_owned(), "admin.client_ca has to say who issues"),
        (format!("[admin]\nclient_ca = {empty:?}\n{client}"), "there is no certificate in it"),
        (format!("[admin]\nclient_ca = {empty:?}\n{client}{client}"), "is named twice"),
        (client.replace("operator", "king"), "king"),
    ] {
        let config = folder.path().join("chancery.toml");
        fs::write(&config, configuration).expect("the file can be written");
        let mut serve = command(env!("CARGO_BIN_EXE_chancery"));
        serve.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(config);
        let said = run_refused(serve.arg("--data").arg(folder.path().join("data")));
        assert!(said.contains(reason), "{said}");
    }
    assert!(!folder.path().join("data").exists(), "nothing was made");
}

#[test]
fn the_api_can_stand_apart() {
    let Some(curl) = find("curl") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let office = Office::open(folder.path(), "office");
    let apart = configuration(folder.path()).replace("[admin]\n", "[admin]\nlisten = \"127.0.0.1:0\"\n");
    let house = House::with(&apart);
    let greeting = fs::read_to_string(house.server().log()).expect("there is a log");
    let docs =
        greeting.lines().find_map(|line| line.strip_prefix("stdout: api:")).expect("the greeting says where").trim();
    let api = docs.strip_suffix("/docs/").expect("the page");
    let operator = office.certify(&["ops.corp.example"], "operator.pem");
    let ask = |url: &str, certificate: Option<&Path>| ask(&curl, house.server(), url, certificate, &[]).0;
    assert_eq!(ask(&format!("{api}/whoami"), Some(&operator)), 200);
    assert_eq!(ask(&format!("{api}/whoami"), None), 401);
    assert_eq!(ask(&format!("{api}/openapi.json"), None), 200);

    let origin = house.server().directory().strip_suffix("/acme/default/directory").expect("the default directory");
    assert_ne!(api, format!("{origin}/api/v1"));
    assert_eq!(ask(&format!("{origin}/api/v1/whoami"), Some(&operator)), 404, "not beside the ACME endpoints");
    assert_eq!(ask(&format!("{origin}/api/v1/openapi.json"), None), 404);
    assert_eq!(ask(house.server().directory(), None), 200);
    let elsewhere = api.strip_suffix("/api/v1").expect("the origin");
    assert_eq!(ask(&format!("{elsewhere}/acme/default/directory"), None), 404, "and nothing else here");
}
