//! One server and its perspectives for all tests of this target. Tests keep out of each other's way by names of their own,
//! and by perspectives of their own where they do harm.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Account, Endpoint, challenge, text};
use crate::dns::{DnsServer, Zone};
use crate::jws::encode;
use crate::signed_dns::ZoneKey;
use crate::site::{Site, credentials};
use crate::support::admin::Admin;
use crate::support::server::Server;
use crate::support::web::WebRoot;

/// The perspectives with a process of their own: name, host, and for which host their certificate is.
const SITES: [(&str, &str, &str); 7] = [
    ("north", "127.0.0.2", "127.0.0.2"),
    ("south", "127.0.0.3", "127.0.0.3"),
    // They are killed, and held up.
    ("doomed", "127.0.0.4", "127.0.0.4"),
    ("frozen", "127.0.0.5", "127.0.0.5"),
    // Its certificate is for another host.
    ("mistaken", "127.0.0.6", "127.0.0.66"),
    // It does not answer this server.
    ("unwilling", "127.0.0.7", "127.0.0.7"),
    // It lets no profile allow loopback.
    ("strict", "127.0.0.8", "127.0.0.8"),
];

/// The endpoints: the perspectives of each, and how many must agree.
const ENDPOINTS: [(&str, &[&str], Option<u32>); 13] = [
    ("alone", &[], None),
    ("usual", &["north", "south"], None),
    ("both", &["north", "south"], Some(2)),
    ("watching", &["north", "south"], Some(0)),
    ("one-down", &["north", "down"], None),
    ("none-left", &["down", "stranger", "mistaken", "unwilling", "unknown"], Some(1)),
    ("doomed", &["doomed"], None),
    ("frozen", &["north", "frozen"], None),
    ("strict", &["strict"], None),
    ("caa", &["north", "south"], Some(2)),
    // Where a test says to which port tls-alpn-01 goes.
    ("tls", &["north", "south"], Some(2)),
    ("careless", &["north", "south"], Some(2)),
    ("signed", &["north", "south"], Some(2)),
];

/// The server, the perspectives, and what each of them sees.
pub(crate) struct House {
    server: Server,
    sites: BTreeMap<&'static str, Site>,
    /// The server's own under "".
    dns: BTreeMap<&'static str, DnsServer>,
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

/// An endpoint in both forms: `/acme/{name}` and `/acme/raProfile/{name}`.
pub(crate) fn both_forms(name: &str) -> [Endpoint; 2] {
    let acme = house().server.directory().replace("/alone/directory", "");
    let open = |path: &str| Endpoint::open(&format!("{acme}/{path}/directory"), &house().server.root());
    [open(name), open(&format!("raProfile/{name}"))]
}

/// What signs the zone in which the endpoint `signed` believes.
pub(crate) fn zone_key() -> &'static ZoneKey {
    static KEY: OnceLock<ZoneKey> = OnceLock::new();
    KEY.get_or_init(ZoneKey::new)
}

/// A domain name that no other test has.
pub(crate) fn name(label: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{label}-{}.perspective.test", COUNT.fetch_add(1, Ordering::Relaxed))
}

impl House {
    fn build() -> Self {
        let folder = TempDir::with_prefix("chancery-perspective-").expect("a temporary folder can be made").keep();
        let web = WebRoot::serve(&folder.join("www"));
        let dns: BTreeMap<_, _> =
            SITES.iter().map(|(name, ..)| *name).chain([""]).map(|name| (name, DnsServer::start())).collect();
        for server in dns.values() {
            server.zone().set_default_address(RecordType::A, Some(IpAddr::from([127, 0, 0, 1])));
        }
        let (ours, strangers) = (folder.join("perspectives"), folder.join("strangers"));
        let mut sites = BTreeMap::new();
        let mut known = String::new();
        for (name, host, certified) in SITES {
            credentials(&ours, name, certified);
            let resolver = dns[name].address().to_string();
            let mut flags = vec!["--resolver", &resolver];
            if name != "strict" {
                flags.extend(["--allowed-network", "127.0.0.0/8"]);
            }
            if name == "unwilling" {
                flags.extend(["--client", "somebody-else"]);
            }
            let site = Site::start(&ours.join(name), host, &flags);
            known.push_str(&access(&ours, name, &site.address().to_string()));
            sites.insert(name, site);
        }
        // A certificate of another authority.
        credentials(&strangers, "stranger", "127.0.0.9");
        let stranger = Site::start(&strangers.join("stranger"), "127.0.0.9", &["--allowed-network", "127.0.0.0/8"]);
        known.push_str(&access(&ours, "stranger", &stranger.address().to_string()));
        sites.insert("stranger", stranger);
        // Nobody listens there: the port was somebody's a moment ago.
        let closed = TcpListener::bind(("127.0.0.10", 0)).and_then(|socket| socket.local_addr()).expect("a free port");
        known.push_str(&access(&ours, "down", &closed.to_string()));

        let config = folder.join("chancery.toml");
        let declared = profiles(web.port(), &dns[""].address().to_string());
        // A profile can begin to name only what the configuration has, which then loses it.
        let unknown = access(&ours, "unknown", "127.0.0.11:9");
        fs::write(&config, format!("{known}{unknown}{declared}")).expect("it can be written");
        let first = Server::configured(&folder.join("data"), &config);
        let log = first.log().to_owned();
        // Right after it has started: perspectives that it greets meanwhile do not spoil its end.
        assert!(first.stop().success(), "{}", fs::read_to_string(&log).unwrap_or_default());
        fs::remove_file(&log).expect("the first start is over");
        fs::write(&config, known + &declared).expect("it can be written");
        let server = Server::configured(&folder.join("data"), &config);
        let processes: Vec<_> = sites.values().map(Site::process).chain([server.process()]).collect();
        let watch = watch(&processes, &folder);
        Self { server, sites, dns, web, folder, _watch: watch }
    }

    /// What a perspective's DNS says; the server's own is that of "".
    pub(crate) fn zone(&self, name: &str) -> Zone {
        self.dns[name].zone()
    }

    /// A perspective.
    pub(crate) fn site(&self, name: &str) -> &Site {
        &self.sites[name]
    }

    /// Where the credentials of the server and its perspectives lie.
    pub(crate) fn credentials(&self) -> PathBuf {
        self.folder.join("perspectives")
    }

    /// The management API.
    pub(crate) fn admin(&self) -> Admin {
        Admin::of(&self.server)
    }

    /// A command line that speaks to the server, as its administrator.
    pub(crate) fn command(&self) -> Command {
        let origin = self.server.directory().split("/acme/").next().expect("an origin").to_owned();
        let mut command = crate::site::chancery();
        command.env("CHANCERY_URL", origin).env("CHANCERY_CA", self.server.root());
        command.env("CHANCERY_TOKEN", self.server.token());
        command
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.server.log()).expect("the server has a log")
    }

    /// Puts what an http-01 challenge is answered with where it is looked for.
    pub(crate) fn serve(&self, challenge: &Value, body: &str) {
        fs::write(self.web.challenges().join(text(challenge, "token")), body).expect("the file can be written");
    }

    /// What operators see of the attempts at a challenge.
    pub(crate) fn transcript(&self, authorization: &str, kind: &str) -> Value {
        let id = authorization.rsplit('/').next().expect("a URL has segments");
        let seen = self.admin().get(&format!("/authorizations/{id}")).expect(200).json();
        challenge(&seen, kind)["transcript"].clone()
    }

    /// What the command line shows of it.
    pub(crate) fn shown(&self, authorization: &str) -> String {
        let id = authorization.rsplit('/').next().expect("a URL has segments");
        let shown = crate::support::process::run(self.command().args(["authorization", "show", id]));
        String::from_utf8(shown).expect("text")
    }
}

/// An order for one name: its URL, its authorization's, and the challenge of this type.
pub(crate) fn begin(account: &Account<'_>, name: &str, kind: &str) -> (String, String, Value) {
    let (url, order) = account.order(&[name]);
    let authorization = order["authorizations"][0].as_str().expect("a URL").to_owned();
    let challenge = challenge(&account.read(&authorization).json(), kind);
    (url, authorization, challenge)
}

/// The value of the TXT record that answers a dns-01 challenge (RFC 8555 section 8.4).
pub(crate) fn digest(account: &Account<'_>, challenge: &Value) -> String {
    let authorization = account.key_authorization(challenge);
    encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, authorization.as_bytes()))
}

/// Says that the challenge can be tried, and answers the authorization once it is settled.
pub(crate) fn answer(account: &Account<'_>, authorization: &str, challenge: &Value) -> Value {
    account.post(text(challenge, "url"), &json!({})).expect(200);
    account.settle(authorization)
}

/// The section of a perspective in the server's configuration.
pub(crate) fn access(folder: &Path, name: &str, address: &str) -> String {
    let folder = folder.display();
    format!(
        "[perspectives.{name}]\nurl = \"https://{address}\"\nca = \"{folder}/ca.pem\"\n\
         certificate = \"{folder}/server.pem\"\nkey = \"{folder}/server.key\"\n"
    )
}

fn profiles(http_port: u16, resolver: &str) -> String {
    let mut text = String::new();
    for (name, perspectives, required) in ENDPOINTS {
        let issuers = if name == "caa" { "[\"ca.test\"]" } else { "[]" };
        write!(
            text,
            "[acme_profiles.{name}]\ndefault_ra_profile = \"{name}\"\nallowed_networks = [\"127.0.0.0/8\"]\n\
             http_port = {http_port}\nresolvers = [\"{resolver}\"]\nretry_pauses = []\nperspectives = {perspectives:?}\n\
             caa_identities = {issuers}\nsubdomain_authorization = true\n"
        )
        .expect("a string takes text");
        match name {
            "careless" => text.push_str("caa = \"off\"\n"),
            "signed" => {
                let anchor = zone_key().anchor();
                writeln!(text, "dnssec = \"validate\"\ntrust_anchors = [{anchor:?}]").expect("a string takes text");
            }
            _ => {}
        }
        if let Some(required) = required {
            writeln!(text, "perspectives_required = {required}").expect("a string takes text");
        }
        writeln!(text, "[ra_profiles.{name}]\nacme_profile = \"{name}\"").expect("a string takes text");
    }
    text
}

/// A shell that ends the processes and removes the folder when this process is gone: a static is never dropped.
fn watch(processes: &[u32], folder: &Path) -> Child {
    let mut shell = Command::new("sh");
    shell.args(["-c", "cat; folder=$1; shift; kill -9 \"$@\"; rm -rf \"$folder\"", "watch"]).arg(folder);
    shell.args(processes.iter().map(ToString::to_string));
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("sh runs")
}
