//! The command line, as an operator meets it: what it prints, what it refuses and in which words, and how it ends.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::process::{command, finish, run};
use support::server::{Options, Server};

#[path = "../support/acme.rs"]
mod client;
mod first_token;
mod greeting;
#[path = "../support/jws.rs"]
mod jws;
mod manage;
#[path = "../support/mod.rs"]
mod support;

fn chancery() -> Command {
    let mut command = command(env!("CARGO_BIN_EXE_chancery"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CHANCERY_")) {
        command.env_remove(name);
    }
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs what has to be refused, and answers the reason, which comes last.
fn refused(command: &mut Command) -> String {
    let output = finish(command);
    let said = text(&output.stderr);
    assert!(!output.status.success(), "{command:?} should have been refused");
    assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(!text(&output.stdout).contains("directory:"), "nothing was served");
    let (_, reason) = said.split_once("chancery: ").unwrap_or_else(|| panic!("no reason in {said}"));
    reason.to_owned()
}

/// `chancery serve` on a data directory of its own, with this configuration.
fn serve(folder: &Path, configuration: &str) -> Command {
    let config = folder.join("chancery.toml");
    fs::write(&config, configuration).expect("the file can be written");
    let mut command = chancery();
    command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(config).arg("--data").arg(folder.join("data"));
    command
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

fn options(data: PathBuf) -> Options {
    Options {
        data,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        http_listen: None,
        http_port: 5002,
        resolver: SocketAddr::from(([127, 0, 0, 1], 53)),
    }
}

#[test]
fn help_names_the_commands_and_gives_examples() {
    let help = text(&run(chancery().arg("--help")));
    for word in ["serve", "config", "machines", "Examples:", "chancery serve --dev"] {
        assert!(help.contains(word), "{word} in {help}");
    }
    let help = text(&run(chancery().args(["serve", "--help"])));
    for word in ["--config", "--data", "--listen", "--dev", "--http-port", "--tls-port", "--resolver", "SIGTERM"] {
        assert!(help.contains(word), "{word} in {help}");
    }
    let version = text(&run(chancery().arg("--version")));
    assert_eq!(version.trim(), concat!("chancery ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn what_is_no_command_is_refused_with_usage() {
    for arguments in [&[][..], &["sreve"], &["serve", "--lisen", "x"], &["serve", "--http-port", "5002"]] {
        let Output { status, stderr, .. } = finish(chancery().args(arguments));
        assert_eq!(status.code(), Some(2), "{arguments:?}");
        assert!(text(&stderr).contains("Usage:"), "{arguments:?}: {}", text(&stderr));
    }
}

#[test]
fn config_prints_a_configuration_that_the_server_takes() {
    let example = text(&run(chancery().arg("config")));
    let folder = folder();
    // Up to the socket, which somebody else has: so far, every setting was understood.
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let at = taken.local_addr().expect("a bound socket has an address").to_string();
    let config = folder.path().join("chancery.toml");
    fs::write(&config, example).expect("the file can be written");
    let data = folder.path().join("data");
    let said = refused(chancery().args(["serve", "--listen", &at, "--config"]).arg(config).arg("--data").arg(data));
    assert!(said.contains("server.listen") && said.contains(&at), "{said}");
}

#[test]
fn machines_prints_the_states_of_every_object() {
    let plain = text(&run(chancery().arg("machines")));
    for state in ["pending", "ready", "processing", "valid", "invalid", "deactivated", "revoked"] {
        assert!(plain.contains(state), "{state} in {plain}");
    }
    let mermaid = text(&run(chancery().args(["machines", "--form", "mermaid"])));
    assert!(mermaid.contains("stateDiagram"), "{mermaid}");
}

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    let folder = folder();
    for (configuration, setting) in [
        ("[server]\nlisten = \"here\"\n", "server.listen"),
        ("[server]\nlistne = \"127.0.0.1:1\"\n", "listne"),
        ("[server]\nexternal_url = \"http://localhost\"\n", "server.external_url"),
        ("[server]\npublication_url = \"ftp://localhost\"\n", "server.publication_url"),
        ("[server]\nnames = [\"a b\"]\n", "server.names"),
        ("[authority]\nalgorithm = \"p999\"\n", "authority.algorithm"),
        ("[authority]\nroot_validity = \"soon\"\n", "authority.root_validity"),
        ("[authority]\nroot_name = \"\"\n", "authority.root_name"),
        ("[authority]\nintermediate_validity = \"9000d\"\n", "authority.intermediate_validity"),
        ("[acme_profiles.default]\nchallenges = [\"http-02\"]\n", "acme_profiles.default.challenges[0]"),
        ("[acme_profiles.default]\nchallenges = []\n", "acme_profiles.default.challenges"),
        ("[acme_profiles.default]\ndefault_ra_profile = \"nobody\"\n", "acme_profiles.default.default_ra_profile"),
        ("[acme_profiles.default]\nallowed_networks = [\"x\"]\n", "acme_profiles.default.allowed_networks"),
        ("[acme_profiles.default]\norder_validity = \"1s\"\n", "acme_profiles.default.order_validity"),
        ("[acme_profiles.default]\nidentifiers_per_order = 0\n", "acme_profiles.default.identifiers_per_order"),
        ("[acme_profiles.raProfile]\n", "acme_profiles.raProfile"),
        ("[ra_profiles.default]\nkeys = [\"dsa\"]\n", "ra_profiles.default.keys"),
        ("[ra_profiles.default]\nrsa_bits = [1024, 4096]\n", "ra_profiles.default.rsa_bits"),
        ("[ra_profiles.default]\nvalidity = \"1s\"\n", "ra_profiles.default.validity"),
        ("[keys]\npassphrase_file = \"/nowhere/at/all\"\n", "/nowhere/at/all"),
        ("[authority]\ncrl_validity = \"30s\"\n", "authority.crl_validity"),
        ("[authority]\ncrl_validity = 9000000000000\n", "authority.crl_validity"),
        ("[authority]\nroot_validity = \"1s\"\n", "authority.root_validity"),
        ("[authority]\norganization = \"\"\n", "authority.organization"),
        ("[store]\ncache_mib = 99999999999999999\n", "store.cache_mib"),
        ("[acme_profiles.default]\nterms_of_service = \"foo bar\\nx\"\n", "acme_profiles.default.terms_of_service"),
        ("[acme_profiles.default]\ncaa_identities = [\"a b\"]\n", "acme_profiles.default.caa_identities"),
        ("[acme_profiles.default]\nretry_pauses = [\"99999d\"]\n", "acme_profiles.default.retry_pauses"),
        ("[ra_profiles.default]\nkeys = []\n", "ra_profiles.default.keys"),
        ("[server]\nexternal_url = \"https://:x@localhost\"\n", "server.external_url"),
        ("[server\n", "chancery.toml"),
    ] {
        let said = refused(&mut serve(folder.path(), configuration));
        assert!(said.contains(setting), "{configuration}: {said}");
        // A first start that fails makes nothing that a corrected setting would come too late for.
        assert!(!folder.path().join("data/passphrase").exists(), "{configuration}");
    }
}

/// What is in the store may be named without being declared, so on a later start it is not seen before the store is open.
#[test]
fn a_profile_that_is_named_and_is_nowhere_is_named_on_every_start() {
    let folder = folder();
    let names_nobody = "[ra_profiles.default]\nacme_profile = \"nobody\"\n";
    for _ in 0..2 {
        let said = refused(&mut serve(folder.path(), names_nobody));
        assert!(said.contains("ra_profiles.default.acme_profile") && said.contains("nobody"), "{said}");
        let data = folder.path().join("data");
        assert!(data.join("chancery.redb").exists() || !data.join("passphrase").exists(), "{said}");
        assert!(Server::start(&options(data)).stop().success(), "what was refused changed nothing");
    }
}

#[test]
fn a_configuration_file_that_is_not_there_is_named() {
    let said = refused(chancery().args(["serve", "--config", "/nowhere/chancery.toml"]));
    assert!(said.contains("/nowhere/chancery.toml"), "{said}");
}

#[test]
fn the_environment_comes_before_the_file() {
    let folder = folder();
    let mut command = serve(folder.path(), "[authority]\nalgorithm = \"p256\"\n");
    let said = refused(command.env("CHANCERY_AUTHORITY__ALGORITHM", "p998"));
    assert!(said.contains("p998"), "{said}");
    let said = refused(serve(folder.path(), "").env("CHANCERY_SERVER__LISTNE", "127.0.0.1:1"));
    assert!(said.to_lowercase().contains("listne"), "{said}");
    let said = refused(serve(folder.path(), "").env("CHANCERY_LOG", "=,="));
    assert!(said.contains("CHANCERY_LOG"), "{said}");
}

#[test]
fn every_variable_of_the_log_is_understood() {
    let folder = folder();
    let mut command = serve(folder.path(), "[authority]\nalgorithm = \"p997\"\n");
    let said = refused(command.env("CHANCERY_LOG_FORMAT", "json").env("CHANCERY_LOG", "debug"));
    assert!(said.contains("p997"), "{said}");
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let folder = folder();
    let server = Server::start(&options(folder.path().join("data")));
    let said = refused(&mut serve(folder.path(), ""));
    assert!(said.contains("data"), "{said}");
    assert!(said.contains("another") || said.contains("already") || said.contains("in use"), "{said}");
    assert!(server.stop().success(), "the first one was not disturbed");
}

#[test]
fn a_passphrase_that_is_wrong_missing_or_readable_is_refused_and_the_right_one_still_opens() {
    let folder = folder();
    let data = folder.path().join("data");
    assert!(Server::start(&options(data.clone())).stop().success());
    let file = data.join("passphrase");
    let mode = fs::metadata(&file).expect("the key file was made").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let said = refused(serve(folder.path(), "").env("CHANCERY_PASSPHRASE", "wrong"));
    assert!(said.contains("passphrase") && said.contains("CHANCERY_PASSPHRASE"), "{said}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("the mode can be set");
    let said = refused(&mut serve(folder.path(), ""));
    assert!(said.contains("chmod 600"), "{said}");
    let away = folder.path().join("away");
    fs::rename(&file, &away).expect("the file can be moved");
    let said = refused(&mut serve(folder.path(), ""));
    assert!(said.contains("keys.passphrase_file") && said.contains("CHANCERY_PASSPHRASE"), "{said}");
    assert!(!file.exists(), "no other passphrase is made beside sealed keys");

    fs::rename(&away, &file).expect("the file can be moved back");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("the mode can be set");
    assert!(Server::start(&options(data)).stop().success());
}

#[test]
fn sigterm_and_sigint_end_the_server_with_status_0() {
    for signal in ["-TERM", "-INT"] {
        let folder = folder();
        let server = Server::start(&options(folder.path().join("data")));
        let pid = server.process().to_string();
        if signal == "-INT" {
            run(command("sh").args(["-c", &format!("kill -INT {pid}")]));
        }
        // A second signal, if it comes in time, changes nothing.
        assert!(server.stop().success(), "{signal}");
    }
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "no directory").expect("the file can be written");
    let said = refused(chancery().args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&file));
    assert!(said.contains(&file.display().to_string()), "{said}");
}

#[test]
fn a_store_that_is_none_is_named() {
    let folder = folder();
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("the directory can be made");
    fs::write(data.join("chancery.redb"), "this is no store").expect("the file can be written");
    let said = refused(&mut serve(folder.path(), ""));
    assert!(said.contains("chancery.redb"), "{said}");
}
