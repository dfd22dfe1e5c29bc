//! Where the server is, whom to trust, who asks; and what is said when that does not work out.

use std::fs;
use std::net::TcpListener;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::{Desk, failed};
use crate::support::process::run;
use crate::support::server::Server;
use crate::{chancery, folder, text};

#[test]
fn whoami_names_the_operator_and_the_role() {
    let desk = Desk::open();
    let said = desk.says(&["whoami"]);
    assert!(said.starts_with("token:") && said.ends_with("(administrator)\n"), "{said}");
    assert_eq!(desk.json(&["whoami"])["role"], "administrator");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let desk = Desk::open();
    let free = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let url = format!("https://{}", free.local_addr().expect("a bound socket has an address"));
    drop(free);
    let said = desk.fails(1, &["whoami", "--server", &url]);
    assert!(said.contains(&url) && said.contains("cannot be reached") && said.contains("CHANCERY_URL"), "{said}");
    let said = desk.fails(1, &["whoami", "--server", "http://localhost"]);
    assert!(said.contains("https"), "{said}");
}

#[test]
fn an_unknown_issuer_is_said_to_need_ca() {
    let desk = Desk::open();
    let said = failed(1, desk.command(&["whoami"]).env_remove("CHANCERY_CA"));
    assert!(said.contains("--ca") && said.contains("not trusted"), "{said}");
    let said = desk.fails(1, &["whoami", "--ca", &desk.file("none.pem", "no certificate")]);
    assert!(said.contains("none.pem"), "{said}");
    assert!(desk.fails(1, &["whoami", "--ca", "/nowhere/root.pem"]).contains("/nowhere/root.pem"));
    // Where the server's data lies beside, nothing has to be said.
    let beside = desk.path().join("chancery-data");
    fs::create_dir(&beside).expect("the directory can be made");
    fs::copy(desk.server.root(), beside.join("root.pem")).expect("the root can be copied");
    run(desk.command(&["whoami"]).env_remove("CHANCERY_CA"));
}

#[test]
fn who_has_no_token_is_told_how_to_give_one() {
    let desk = Desk::open();
    let said = failed(1, desk.command(&["whoami"]).env_remove("CHANCERY_TOKEN"));
    assert!(said.contains("--token-file") && said.contains("CHANCERY_TOKEN"), "{said}");
    let said = failed(1, desk.command(&["whoami"]).env("CHANCERY_TOKEN", "chancery_wrong"));
    assert!(said.contains("not known") && !said.contains("chancery_wrong"), "{said}");
    let said = failed(1, desk.command(&["whoami"]).env("CHANCERY_TOKEN", "two words"));
    assert!(said.contains("CHANCERY_TOKEN holds no token"), "{said}");
    assert!(desk.fails(1, &["whoami", "--client-cert", "x.pem"]).contains("--client-key"));
}

#[test]
fn a_token_for_somebody_else_is_made_used_and_revoked() {
    let desk = Desk::open();
    let secret = desk.says(&["token", "create", "watch", "--role", "auditor", "--expires", "90d"]);
    assert!(secret.starts_with("chancery_") && secret.lines().count() == 1, "a file's worth");
    let file = desk.file("watch.token", &secret);
    let auditor = |arguments: &[&str]| {
        let mut command = desk.command(arguments);
        // What is said comes before the administrator's token in the environment.
        command.args(["--token-file", &file]);
        command
    };
    assert!(text(&run(&mut auditor(&["whoami"]))).contains("watch (auditor)"));
    let said = failed(1, &mut auditor(&["profile", "disable", "default"]));
    assert!(said.contains("operator") && said.contains("auditor"), "{said}");
    let tokens = desk.json(&["token", "list"]);
    let id = tokens["items"][0]["id"].as_str().expect("an id");
    assert_eq!(tokens["items"][0]["name"], "watch", "the newest first");
    assert!(!tokens.to_string().contains("chancery_"), "no secrets in lists");
    desk.says(&["token", "revoke", id]);
    assert!(failed(1, &mut auditor(&["whoami"])).contains("revoked"));
}

#[test]
fn a_client_certificate_stands_in_for_a_token() {
    let folder = folder();
    let file = |name: &str, contents: String| {
        let path = folder.path().join(name);
        fs::write(&path, contents).expect("the file can be written");
        path
    };
    let key = KeyPair::generate().expect("a key is made");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).expect("it is signed");
    let issuer = Issuer::from_params(&params, &key);
    let own = KeyPair::generate().expect("a key is made");
    let params = CertificateParams::new(["ops.corp.example".to_owned()]).expect("a name");
    let certificate = params.signed_by(&own, &issuer).expect("it is signed");
    let ca = file("ca.pem", ca.pem());
    let (certificate, own) = (file("own.pem", certificate.pem()), file("own.key", own.serialize_pem()));
    let config =
        format!("[admin]\nclient_ca = {ca:?}\n[[admin.clients]]\nname = \"ops.corp.example\"\nrole = \"operator\"\n");
    let config = file("chancery.toml", config);
    let server = Server::configured(&folder.path().join("data"), &config);
    let mut whoami = chancery();
    whoami.args(["whoami", "--server", &format!("https://localhost:{}", server.port()), "--ca"]).arg(server.root());
    // A token that lies about in the environment does not come before it.
    let said = whoami.env("CHANCERY_TOKEN", server.token()).arg("--client-cert").arg(certificate);
    let said = text(&run(said.arg("--client-key").arg(own)));
    assert!(said.starts_with("certificate:") && said.contains("ops.corp.example (operator)"), "{said}");
}

#[test]
fn the_variables_of_the_commands_are_no_settings_of_the_server() {
    let said = failed(1, chancery().args(["serve", "--config", "/nowhere"]).env("CHANCERY_URL", "https://a.example"));
    assert!(said.contains("/nowhere"), "{said}");
    let desk = Desk::open();
    let config = desk.file("chancery.toml", "[authority]\nalgorithm = \"p996\"\n");
    let mut serve = chancery();
    for name in ["URL", "CA", "TOKEN", "TOKEN_FILE", "CLIENT_CERT", "CLIENT_KEY"] {
        serve.env(format!("CHANCERY_{name}"), "x");
    }
    let said = failed(1, serve.args(["serve", "--config", &config]));
    assert!(said.contains("p996"), "{said}");
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&run(chancery().args(["completions", shell])));
        assert!(script.contains("ra-profile") && script.contains("token-file"), "{shell}");
    }
}
