//! One server for all tests of this target, with endpoints of every kind and with the DNS and the web root that its
//! challenges need. Tests keep out of each other's way by having accounts and names of their own.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use hickory_proto::rr::RecordType;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Account, Endpoint, challenge, text};
use crate::dns::{DnsServer, Zone};
use crate::jws::{Signer, encode};
use crate::support::admin::Admin;
use crate::support::certificate::Chain;
use crate::support::server::Server;
use crate::support::web::WebRoot;

/// The server and what it needs.
pub(crate) struct House {
    server: Server,
    dns: DnsServer,
    web: WebRoot,
    folder: PathBuf,
    // Its standard input ends with this process.
    _watch: Child,
}

/// The house, which the first test builds.
pub(crate) fn house() -> &'static House {
    static HOUSE: OnceLock<House> = OnceLock::new();
    HOUSE.get_or_init(House::build)
}

/// An endpoint of the house in the form `/acme/{acmeProfile}/…`: `default`; `terms`, which has terms, a website and CAA
/// identities, and takes three identifiers; `patient`, which tries a challenge once more after ten minutes; `plain`, which
/// issues no wildcards and offers automatic renewal with lifetimes of days; `star`, which offers that with lifetimes of
/// seconds; `subdomains`, where an authorization may be for all below its name.
pub(crate) fn endpoint(name: &str) -> Endpoint {
    open(name)
}

/// The same in the form `/acme/raProfile/{raProfile}/…`, where each is an RA Profile on which the ACME Profile of its name
/// is activated.
pub(crate) fn endpoint_by_ra_profile(name: &str) -> Endpoint {
    open(&format!("raProfile/{name}"))
}

/// The endpoint with this path below `/acme/`.
pub(crate) fn open(path: &str) -> Endpoint {
    Endpoint::open(&format!("{}/{path}/directory", house().acme()), &house().root())
}

/// A domain name that no other test has.
pub(crate) fn name(label: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{label}-{}.acme.test", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A moment so many seconds from now, RFC 3339.
pub(crate) fn moment(seconds: i64) -> String {
    let now = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(now + seconds).expect("a moment").to_string()
}

/// The configuration of such a server.
pub(crate) fn configuration(http_port: u16, resolver: &str) -> String {
    let network = format!(
        "default_ra_profile = \"default\"\nallowed_networks = [\"127.0.0.0/8\"]\nhttp_port = {http_port}\nresolvers = [\"{resolver}\"]\nretry_pauses = "
    );
    let plain = network.replace("\"default\"", "\"plain\"");
    format!(
        "[acme_profiles.default]\n{network}[]\n\
         [acme_profiles.terms]\nterms_of_service = \"https://acme.test/terms/1\"\nwebsite = \"https://acme.test/\"\n\
         caa_identities = [\"acme.test\"]\nidentifiers_per_order = 3\n{network}[]\n\
         [acme_profiles.patient]\n{network}[\"10m\"]\n\
         [acme_profiles.plain]\nauto_renewal = {{}}\n{plain}[]\n\
         [acme_profiles.subdomains]\nsubdomain_authorization = true\n{network}[]\n\
         [ra_profiles.subdomains]\nacme_profile = \"subdomains\"\n\
         [acme_profiles.star]\nauto_renewal = {{ min_lifetime = \"2s\", max_duration = \"1d\", \
         allow_certificate_get = true }}\n{network}[]\n\
         [ra_profiles.default]\nacme_profile = \"default\"\n\
         [ra_profiles.terms]\nacme_profile = \"terms\"\n\
         [ra_profiles.patient]\nacme_profile = \"patient\"\n\
         [ra_profiles.plain]\nacme_profile = \"plain\"\nwildcards = false\n\
         [ra_profiles.star]\nacme_profile = \"star\"\n\
         [ra_profiles.idle]\n"
    )
}

impl House {
    fn build() -> Self {
        let folder = TempDir::with_prefix("chancery-acme-").expect("a temporary folder can be made").keep();
        let web = WebRoot::serve(&folder.join("www"));
        let dns = DnsServer::start();
        dns.zone().set_default_address(RecordType::A, Some(IpAddr::from([127, 0, 0, 1])));
        let config = folder.join("chancery.toml");
        // Patient, so that finalize answers with the certificate however busy this machine is.
        let patient = "[server]\nfinalize_patience = \"10m\"\n";
        let text = format!("{patient}{}", configuration(web.port(), &dns.address().to_string()));
        fs::write(&config, text).expect("the file can be written");
        let server = Server::configured(&folder.join("data"), &config);
        let watch = watch(server.process(), &folder);
        Self { server, dns, web, folder, _watch: watch }
    }

    /// The root certificate's file.
    pub(crate) fn root(&self) -> PathBuf {
        self.server.root()
    }

    /// The server.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// The management API, as the administrator.
    pub(crate) fn admin(&self) -> Admin {
        Admin::of(self.server())
    }

    /// The URL below which both forms of endpoints are.
    pub(crate) fn acme(&self) -> String {
        self.server.directory().trim_end_matches("/default/directory").to_owned()
    }

    /// The settings with which an ACME Profile validates here.
    pub(crate) fn network(&self) -> Value {
        json!({
            "allowedNetworks": ["127.0.0.0/8"],
            "httpPort": self.web.port(),
            "resolvers": [self.dns.address().to_string()],
            "retryPauses": [],
        })
    }

    /// The DNS. Every name has the address 127.0.0.1.
    pub(crate) fn zone(&self) -> Zone {
        self.dns.zone()
    }

    /// Puts what an http-01 challenge is answered with where the server looks for it.
    pub(crate) fn serve(&self, challenge: &Value, body: &str) {
        fs::write(self.web.challenges().join(text(challenge, "token")), body).expect("the file can be written");
    }

    /// A file that no other test has.
    pub(crate) fn file(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", name("file")))
    }
}

/// Answers the challenge of this type as it should be, and waits until the authorization is valid.
pub(crate) fn prove(account: &Account<'_>, authorization: &str, kind: &str) {
    let object = account.read(authorization).expect(200).json();
    let challenge = challenge(&object, kind);
    publish(account, &object, &challenge);
    account.post(text(&challenge, "url"), &json!({})).expect(200);
    let settled = account.settle(authorization);
    assert_eq!(settled["status"], "valid", "{settled}");
}

/// Puts the right answer to an http-01 or dns-01 challenge where the server looks for it.
pub(crate) fn publish(account: &Account<'_>, authorization: &Value, challenge: &Value) {
    let key_authorization = account.key_authorization(challenge);
    if challenge["type"] == "http-01" {
        house().serve(challenge, &key_authorization);
    } else {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key_authorization.as_bytes());
        let host = format!("_acme-challenge.{}", text(&authorization["identifier"], "value"));
        house().zone().add_txt(&host, &encode(digest));
    }
}

/// An order whose authorizations are all proven: its URL and its object, ready.
pub(crate) fn ready(account: &Account<'_>, names: &[&str]) -> (String, Value) {
    let (url, order) = account.order(names);
    for authorization in order["authorizations"].as_array().expect("an order has authorizations") {
        let authorization = authorization.as_str().expect("a URL");
        let wildcard = account.read(authorization).json()["wildcard"] == true;
        prove(account, authorization, if wildcard { "dns-01" } else { "http-01" });
    }
    let order = account.settle(&url);
    assert_eq!(order["status"], "ready", "{order}");
    (url, order)
}

/// The account, once its key is the new one.
pub(crate) fn changed<'a>(account: Account<'a>, new: Signer) -> Account<'a> {
    account.post(account.endpoint.url("keyChange"), &account.key_change(&new).jws()).expect(200);
    Account { signer: new, ..account }
}

/// A CSR for these names in subjectAltName, base64url.
pub(crate) fn csr(names: &[&str], key: &KeyPair) -> String {
    csr_with(names, None, key)
}

/// A CSR for these names, and a common name.
pub(crate) fn csr_with(names: &[&str], common: Option<&str>, key: &KeyPair) -> String {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("the names are names");
    params.distinguished_name = DistinguishedName::new();
    if let Some(common) = common {
        params.distinguished_name.push(rcgen::DnType::CommonName, common);
    }
    encode(params.serialize_request(key).expect("the CSR is made").der())
}

/// Sends the CSR, and answers the order once it is settled, which has to be valid.
pub(crate) fn finalize(account: &Account<'_>, url: &str, order: &Value, csr: &str) -> Value {
    account.post(text(order, "finalize"), &json!({ "csr": csr })).expect(200);
    let order = account.settle(url);
    assert_eq!(order["status"], "valid", "{order}");
    order
}

/// A certificate for these names, with its key.
pub(crate) fn issue(account: &Account<'_>, names: &[&str]) -> (Chain, KeyPair) {
    let key = KeyPair::generate().expect("a key is made");
    let (url, order) = ready(account, names);
    let order = finalize(account, &url, &order, &csr(names, &key));
    (download(account, &order), key)
}

/// The certificate of a valid order.
pub(crate) fn download(account: &Account<'_>, order: &Value) -> Chain {
    let response = account.read(text(order, "certificate")).expect(200);
    Chain::write(house().file("pem"), response.body)
}

/// A shell that ends the server and removes its folder when this process is gone: a static is never dropped.
fn watch(server: u32, folder: &Path) -> Child {
    Command::new("sh")
        .args(["-c", "cat; kill -9 \"$1\"; rm -rf \"$2\"", "watch", &server.to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh runs")
}
