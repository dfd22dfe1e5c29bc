//! `chancery perspective credentials`: what is made, and what is left alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::site::{chancery, credentials};
use crate::support::process::{command, find, run, run_refused};

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())).permissions().mode() & 0o777
}

#[test]
fn keys_are_for_their_owner_alone_and_everything_that_is_needed_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("perspectives");
    let said = credentials(&out, "north", "north.example");
    for (file, expected) in [
        ("ca.key", 0o600),
        ("ca.pem", 0o644),
        ("server.key", 0o600),
        ("server.pem", 0o644),
        ("north/key.pem", 0o600),
        ("north/certificate.pem", 0o644),
        ("north/client-ca.pem", 0o644),
        ("north/perspective.toml", 0o644),
    ] {
        // Whatever the umask takes away besides.
        assert_eq!(mode(&out.join(file)) & !expected, 0, "{file}");
    }
    assert_eq!(mode(&out), 0o700);
    for words in ["[perspectives.north]", "url = \"https://north.example:9443\"", "perspectives=north", "ca.key apart"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    // What it prints for the server's configuration is read as such.
    let section: String = said
        .lines()
        .skip_while(|line| !line.contains("[perspectives.north]"))
        .take_while(|line| !line.is_empty())
        .map(|line| line.trim_start().to_owned() + "\n")
        .collect();
    let config: chancery::config::Config = toml::from_str(&section).expect("it is a configuration");
    assert!(config.perspectives["north"].key.is_file() && config.perspectives["north"].ca.is_file());
}

#[test]
fn the_next_one_is_by_the_same_authority_and_nothing_is_written_over_unasked() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path();
    credentials(out, "north", "127.0.0.2");
    let read = |file: &str| fs::read(out.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let before = ["ca.key", "ca.pem", "server.key", "server.pem", "north/key.pem"].map(read);
    credentials(out, "south", "127.0.0.3");
    let again = |flags: &[&str]| {
        let mut again = chancery();
        again.args(["perspective", "credentials", "north", "--host", "127.0.0.2", "--out"]).arg(out).args(flags);
        again
    };
    let refused = run_refused(&mut again(&[]));
    assert!(refused.contains("key.pem") && refused.contains("--renew"), "{refused}");
    assert_eq!(["ca.key", "ca.pem", "server.key", "server.pem", "north/key.pem"].map(read), before);

    fs::write(out.join("north/perspective.toml"), "# by hand\n").expect("it can be written");
    run(&mut again(&["--renew", "--validity", "10d"]));
    assert_eq!(["ca.key", "ca.pem"].map(read).as_slice(), &before[..2]);
    assert_ne!(read("server.key"), before[2]);
    assert_ne!(read("north/key.pem"), before[4]);
    assert_eq!(read("north/perspective.toml"), b"# by hand\n");
}

#[test]
fn what_cannot_be_made_is_said_before_anything_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("none");
    for (name, host, word) in [("no rth", "a.example", "no rth"), ("ca", "a.example", "ca"), ("north", "a b", "a b")] {
        let mut wrong = chancery();
        let refused = run_refused(wrong.args(["perspective", "credentials", name, "--host", host, "--out"]).arg(&out));
        assert!(refused.contains(word), "{refused}");
    }
    assert!(!out.exists());
}

/// Judged by a tool that is not ours.
#[test]
fn openssl_verifies_both_sides() {
    let Some(openssl) = find("openssl") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    credentials(folder.path(), "north", "north.example");
    let ca = folder.path().join("ca.pem");
    for (purpose, file, good) in [
        ("sslserver", "north/certificate.pem", true),
        ("sslclient", "server.pem", true),
        ("sslclient", "north/certificate.pem", false),
        ("sslserver", "server.pem", false),
    ] {
        let mut verify = command(&openssl);
        verify.args(["verify", "-x509_strict", "-purpose", purpose, "-CAfile"]).arg(&ca).arg(folder.path().join(file));
        if good { drop(run(&mut verify)) } else { drop(run_refused(&mut verify)) }
    }
}
