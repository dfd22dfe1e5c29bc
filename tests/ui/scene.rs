//! What a scenario needs: the browser, clients, and things to look at.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::client::{Account, Endpoint, challenge, text};
use crate::lab::Lab;
use crate::support::process::{command, find, leave_out, run};
use crate::support::server::Server;

/// Chromium, and Node.js with what drives it.
pub(crate) struct Browser {
    node: PathBuf,
    chromium: PathBuf,
    modules: PathBuf,
}

impl Browser {
    /// It, or nothing where it is not there: then the test is left out.
    pub(crate) fn find() -> Option<Self> {
        let (node, chromium) = (find("node")?, find("chromium")?);
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/browser/node_modules");
        if !modules.join("playwright-core").is_dir() {
            leave_out("playwright-core is not installed (./test installs it)");
            return None;
        }
        Some(Self { node, chromium, modules })
    }

    /// Walks through a scenario of `browser/walk.js` as the lab's administrator.
    pub(crate) fn walk(&self, lab: &Lab, scenario: &str) {
        self.walk_with(lab, scenario, &[]);
    }

    /// The same with more variables.
    pub(crate) fn walk_with(&self, lab: &Lab, scenario: &str, variables: &[(&str, &str)]) {
        self.walk_at(lab.server(), &lab.path(""), scenario, variables);
    }

    /// The same at any server.
    pub(crate) fn walk_at(&self, server: &Server, folder: &Path, scenario: &str, variables: &[(&str, &str)]) {
        let origin = server.directory().split("/acme/").next().expect("a URL");
        run(command(&self.node)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui/browser/walk.js"))
            .arg(scenario)
            .env("NODE_PATH", &self.modules)
            .env("NODE_EXTRA_CA_CERTS", server.root())
            .env("CHROMIUM", &self.chromium)
            .env("BASE", origin)
            .env("TOKEN", server.token())
            .env("FOLDER", folder)
            .envs(variables.iter().copied()));
    }
}

/// certbot.
pub(crate) struct Certbot(PathBuf);

/// It, or nothing where it is not there.
pub(crate) fn certbot() -> Option<Certbot> {
    find("certbot").map(Certbot)
}

impl Certbot {
    /// Its command that obtains a certificate for a name.
    pub(crate) fn certonly(&self, lab: &Lab, name: &str) -> Command {
        let mut command = command(&self.0);
        command.args(["certonly", "--non-interactive", "--agree-tos", "--register-unsafely-without-email"]);
        command.args(["--server", lab.directory(), "--domain", name]);
        for (option, folder) in [("--config-dir", "config"), ("--work-dir", "work"), ("--logs-dir", "logs")] {
            command.arg(option).arg(lab.path("certbot").join(folder));
        }
        command.env("REQUESTS_CA_BUNDLE", lab.root());
        command
    }
}

/// Clients that speak by hand.
pub(crate) struct Clients {
    endpoint: Endpoint,
}

impl Clients {
    /// Those of the lab's own endpoint.
    pub(crate) fn of(lab: &Lab) -> Self {
        Self { endpoint: Endpoint::open(lab.directory(), &lab.root()) }
    }

    /// A new account.
    pub(crate) fn register(&self) -> Account<'_> {
        self.endpoint.register("ES256")
    }

    /// So many accounts, each with a contact of its own.
    pub(crate) fn register_many(&self, number: usize) {
        for nth in 0..number {
            let account = self.register();
            account.post(&account.kid, &json!({"contact": [format!("mailto:ops-{nth}@corp.test")]})).expect(200);
        }
    }

    /// An order for this name that fails, since nobody answers its http-01 challenge.
    pub(crate) fn fail(&self, name: &str) {
        let account = self.register();
        let (url, order) = account.order(&[name]);
        let authorization = order["authorizations"][0].as_str().expect("an order has authorizations");
        let challenge = challenge(&account.read(authorization).expect(200).json(), "http-01");
        account.post(text(&challenge, "url"), &json!({})).expect(200);
        account.await_status(&url, "invalid");
    }
}

/// An order of these two names that stays pending: control of the first one is proven.
pub(crate) fn half_proven(lab: &Lab, names: [&str; 2]) {
    let clients = Clients::of(lab);
    let account = clients.register();
    let (_, order) = account.order(&names);
    for url in order["authorizations"].as_array().expect("an order has authorizations") {
        let url = url.as_str().expect("an URL");
        let authorization = account.read(url).expect(200).json();
        if authorization["identifier"]["value"] == names[0] {
            let challenge = challenge(&authorization, "http-01");
            let file = lab.web().challenges().join(text(&challenge, "token"));
            std::fs::write(file, account.key_authorization(&challenge)).expect("the file can be written");
            account.post(text(&challenge, "url"), &json!({})).expect(200);
            account.await_status(url, "valid");
        }
    }
}

/// Something of every kind: orders that wait, that failed and that led to certificates, profiles bound in both ways,
/// credentials and tokens.
pub(crate) fn full(lab: &Lab, certbot: &Certbot) {
    run(certbot.certonly(lab, "www.corp.test").args(["--webroot", "--webroot-path"]).arg(lab.web().folder()));
    let clients = Clients::of(lab);
    clients.register().order(&["*.corp.test", "corp.test"]);
    clients.fail("nobody-answers.corp.test");
    let admin = lab.admin();
    admin.post("/raProfiles", &json!({"name": "servers", "acmeProfile": "default", "validity": "30d"})).expect(201);
    admin.post("/acmeProfiles", &json!({"name": "corp", "defaultRaProfile": "servers"})).expect(201);
    admin.post("/eabCredentials", &json!({"description": "team 7"})).expect(201);
    admin.post("/tokens", &json!({"name": "monitoring", "role": "auditor"})).expect(201);
}

/// A day's work, for pictures: orders that wait, and some that failed.
pub(crate) fn busy(lab: &Lab) {
    let clients = Clients::of(lab);
    for host in ["mail", "wiki", "git", "build", "chat"] {
        clients.register().order(&[&format!("{host}.corp.test")]);
    }
    for host in ["old", "spare"] {
        clients.fail(&format!("{host}.corp.test"));
    }
}

/// More profiles, with long lists of names, than a page of the log or of profiles shows.
pub(crate) fn many(lab: &Lab) {
    let admin = lab.admin();
    for nth in 0..60 {
        let allow: Vec<String> = (0..100).map(|host| format!("host-{host}.of-team-{nth}.corp.test")).collect();
        let name = format!("team-{nth}");
        admin
            .post("/raProfiles", &json!({"name": name, "allow": allow, "description": "Servers of a team"}))
            .expect(201);
        admin.post("/acmeProfiles", &json!({"name": name, "defaultRaProfile": name})).expect(201);
    }
}
