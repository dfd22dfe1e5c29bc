//! Which client was seen to do what: each test is the trial of one client, and the last trial of a whole run writes
//! `docs/INTEROP.md`. A run of some tests only leaves the page as it is. With `CI=true` nothing is written: there the page
//! has to say already what the run has found.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use crate::lacks::{ALSO_FOUND, LOOKED_INTO, NO_CLIENT, SEARCHED, SEARCHED_FOR};
use crate::support::process::{command, find, finish, leave_out, run};

/// Declares an enum whose variants have names on the page, in the page's order.
macro_rules! named {
    ($(#[$attribute:meta])* $kind:ident { $($variant:ident = $name:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $kind {
            $($variant,)+
        }

        impl $kind {
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)+];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

named! {
    /// A client: a column of the page.
    Client {
        Certbot = "certbot",
        CertbotOfDebian = "certbot (Debian)",
        Lego = "lego",
        Dehydrated = "dehydrated",
        Uacme = "uacme",
        AcmeTiny = "acme-tiny",
        InstantAcme = "instant-acme",
        NpmAcme = "acme-client",
        Acmeow = "acmeow",
        Lacme = "lacme",
        Aioacme = "aioacme",
        Caddy = "caddy",
        Cryptography = "cryptography",
    }
}

named! {
    /// What a client does: a row of the page.
    Feature {
        AccountRs256 = "account key RS256",
        AccountEs256 = "account key ES256",
        AccountEs384 = "account key ES384",
        AccountEdDsa = "account key EdDSA",
        AccountMlDsa = "account key ML-DSA",
        ExternalAccountBinding = "external account binding",
        ContactUpdate = "contact update",
        ChangedTerms = "told of changed terms of service",
        KeyChange = "account key change",
        Deactivation = "account deactivation",
        Http01 = "http-01",
        Dns01 = "dns-01",
        TlsAlpn01 = "tls-alpn-01",
        DnsAccount01 = "dns-account-01",
        DnsPersist01 = "dns-persist-01",
        Wildcard = "wildcard",
        IpIdentifier = "IP address",
        PreAuthorization = "pre-authorization",
        Subdomains = "authorization for all below a name",
        AuthorizationDeactivation = "authorization deactivation",
        Profile = "profile chosen in the order",
        CertificateP256 = "certificate for P-256",
        CertificateP384 = "certificate for P-384",
        CertificateRsa = "certificate for RSA",
        CertificateMlDsa = "certificate for ML-DSA",
        PreferredChain = "alternate chain preferred",
        Renewal = "renewal",
        RenewalInformation = "renewal information",
        RenewalOfRevoked = "renews what was revoked",
        Replaces = "order that replaces a certificate",
        Star = "certificates renewed automatically (STAR)",
        RevocationByAccount = "revocation by account",
        RevocationByCertificateKey = "revocation by certificate key",
        ToldWhyRefused = "passes on why nothing was issued",
    }
}

/// How a trial ended. What several trials show is failed if one of them failed, and passed if one passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    NotRun,
    Passed,
    Failed,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::NotRun => "not run",
            Self::Passed => "passed",
            Self::Failed => "FAILED",
        }
    }
}

impl Client {
    /// Where it comes from, which is also who knows its version.
    fn source(self) -> Source {
        match self {
            Self::Certbot => Source::Program { version: "certbot " },
            Self::Dehydrated => Source::Program { version: "Dehydrated version: " },
            Self::Uacme => Source::Program { version: "uacme: version " },
            Self::Lego | Self::AcmeTiny | Self::Caddy => Source::DebianProgram { package: self.name() },
            Self::CertbotOfDebian => Source::DebianProgram { package: "certbot" },
            Self::InstantAcme => Source::Crate,
            Self::NpmAcme => Source::NodePackage,
            Self::Acmeow | Self::Lacme | Self::Aioacme | Self::Cryptography => Source::PythonPackage,
        }
    }
}

/// Where a client comes from.
#[derive(Clone, Copy)]
enum Source {
    /// A program that tells its version on a line that begins so.
    Program { version: &'static str },
    /// A program of Debian's, which knows its version. It lies in `/usr/bin`: another one of that name may come first
    /// elsewhere.
    DebianProgram { package: &'static str },
    /// A crate that these tests are built with.
    Crate,
    /// A package of `node/package.json`, which ./test installs.
    NodePackage,
    /// A package of `tests/requirements.txt`, which ./test installs.
    PythonPackage,
}

impl Source {
    /// The program that runs the client, and the client's version, asked of whoever knows. `None` if it is not there,
    /// which is said.
    fn find(self, name: &str) -> Option<(PathBuf, String)> {
        match self {
            Self::Program { version } => {
                let program = find(name)?;
                let said = finish(command(&program).arg("--version"));
                // uacme says it to standard error.
                let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
                let line = said.lines().find_map(|line| line.strip_prefix(version));
                let version = line.unwrap_or_else(|| panic!("{name} --version has no line {version:?}: {said}"));
                Some((program, version.trim().to_owned()))
            }
            Self::DebianProgram { package } => {
                let program = Path::new("/usr/bin").join(package);
                if !program.is_file() {
                    leave_out(&format!("{package} of Debian is not installed (./test installs it)"));
                    return None;
                }
                let said = run(command("dpkg-query").args(["--show", "--showformat", "${Version}", package]));
                let version = String::from_utf8_lossy(&said).into_owned();
                let version = version.split_once(':').map_or(version.as_str(), |(_epoch, rest)| rest);
                let upstream = version.rsplit_once('-').map_or(version, |(upstream, _revision)| upstream);
                Some((program, upstream.to_owned()))
            }
            Self::Crate => {
                let lock = include_str!("../../Cargo.lock");
                let package = lock.split("[[package]]\n").find_map(|package| {
                    package.strip_prefix(&format!("name = {name:?}\nversion = \""))?.split('"').next()
                });
                Some((PathBuf::new(), package.unwrap_or_else(|| panic!("Cargo.lock has no {name}")).to_owned()))
            }
            Self::NodePackage => {
                let node = find("node")?;
                let Ok(package) = fs::read(modules().join(name).join("package.json")) else {
                    leave_out(&format!("{name} of npm is not installed (./test installs it)"));
                    return None;
                };
                let package: Value = serde_json::from_slice(&package).expect("a package's description is JSON");
                Some((node, package["version"].as_str().expect("a package has a version").to_owned()))
            }
            Self::PythonPackage => {
                let python = find("python")?;
                let ask = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))";
                let said = finish(command(&python).args(["-c", ask, name]));
                if !said.status.success() {
                    leave_out(&format!("{name} of PyPI is not installed (./test installs it)"));
                    return None;
                }
                Some((python, String::from_utf8_lossy(&said.stdout).trim().to_owned()))
            }
        }
    }
}

/// Where ./test installs the packages of npm.
pub(crate) fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/node/node_modules")
}

/// What the trials of this run have shown.
#[derive(Debug, Default)]
struct Found {
    versions: BTreeMap<Client, String>,
    outcomes: BTreeMap<(Feature, Client), Outcome>,
    ended: usize,
}

static FOUND: LazyLock<Mutex<Found>> = LazyLock::new(Mutex::default);

/// The trial of a client. It ends when it is dropped: by a panic, as failed.
pub(crate) struct Trial {
    client: Client,
    features: &'static [Feature],
    program: PathBuf,
    outcome: Cell<Outcome>,
}

impl Trial {
    /// Begins it, saying what the client is going to do. `None` if the client is not installed, which is said and noted
    /// as `not run`. To be held to the end of the test.
    pub(crate) fn of(client: Client, features: &'static [Feature]) -> Option<Self> {
        for feature in features {
            assert!(!client.lacks().contains(feature), "{} is said not to have it: {feature:?}", client.name());
        }
        let mut trial = Self { client, features, program: PathBuf::new(), outcome: Cell::new(Outcome::Passed) };
        let Some((program, version)) = client.source().find(client.name()) else {
            trial.outcome.set(Outcome::NotRun);
            return None;
        };
        trial.program = program;
        FOUND.lock().unwrap_or_else(PoisonError::into_inner).versions.insert(client, version);
        Some(trial)
    }

    /// The client's program, or what runs it.
    pub(crate) fn program(&self) -> PathBuf {
        self.program.clone()
    }

    /// Another program that the trial needs. Where there is none, it was not run.
    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        let found = find(program);
        if found.is_none() {
            self.outcome.set(Outcome::NotRun);
        }
        found
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let outcome = if thread::panicking() { Outcome::Failed } else { self.outcome.get() };
        let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
        found.note(self.client, self.features, outcome);
        if found.ended < trials() {
            return;
        }
        if found.passed() {
            assert_eq!(found.unaccounted(), Vec::<Feature>::new(), "no client was seen to have it: see lacks.rs");
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/INTEROP.md");
        let page = found.page();
        if std::env::var_os("CI").is_none_or(|value| value != "true") {
            fs::write(&path, page).expect("docs/INTEROP.md can be written");
        } else if found.passed() {
            // Not where a trial has failed: then the run has failed already, and with a better reason.
            let committed = fs::read_to_string(&path).unwrap_or_default();
            let how = "run `cargo test --test interop` without CI=true and commit the page";
            assert!(
                cells(&committed).eq(cells(&page)),
                "docs/INTEROP.md is not what this run has found; {how}. It would be:\n{page}"
            );
            if committed != page {
                // Debian brings its packages up to date when it sees fit: clients that go on doing the same are no failure.
                let told =
                    writeln!(io::stderr(), "docs/INTEROP.md names other versions than this run has found; {how}");
                told.expect("standard error takes a line");
            }
        }
    }
}

impl Found {
    fn note(&mut self, client: Client, features: &[Feature], outcome: Outcome) {
        for feature in features {
            let noted = self.outcomes.entry((*feature, client)).or_insert(outcome);
            *noted = (*noted).max(outcome);
        }
        self.ended += 1;
    }

    fn passed(&self) -> bool {
        self.outcomes.values().all(|outcome| *outcome == Outcome::Passed)
    }

    /// The features that a client was seen to have though the page says that none has, and those that none was seen to have
    /// though the page does not say so.
    fn unaccounted(&self) -> Vec<Feature> {
        let seen = |feature| {
            let by = |client: &&Client| self.outcomes.get(&(feature, **client)) == Some(&Outcome::Passed);
            Client::ALL.iter().filter(by).any(|client| client.is_a_client())
        };
        let none = |feature| NO_CLIENT.iter().any(|(_, one, _)| *one == Some(feature));
        Feature::ALL.iter().copied().filter(|&feature| seen(feature) == none(feature)).collect()
    }

    fn page(&self) -> String {
        let mut page = String::from(
            "# What clients were seen to do\n\nWritten by `cargo test --test interop`, which runs each client against a \
             server of its own: do not edit.\n\n| cell | says |\n|---|---|\n| passed | a test has the client do it, and \
             it did |\n| FAILED | a test has the client do it, and it did not |\n| not run | a test would, but the client is \
             not installed |\n| — | the client does not have it, by its documentation and code |\n| | no test asks the \
             client to |\n\ncryptography is no ACME client but what a script of these tests makes its keys, signatures and \
             requests with,\nwhere no client was found.\n\n| |",
        );
        for &client in Client::ALL {
            let version = self.versions.get(&client).map_or("not installed", String::as_str);
            write!(page, " {} {version} |", client.name()).expect("a string takes text");
        }
        page.push_str("\n|---|");
        page.push_str(&"---|".repeat(Client::ALL.len()));
        page.push('\n');
        for &feature in Feature::ALL {
            write!(page, "| {} |", feature.name()).expect("a string takes text");
            for &client in Client::ALL {
                let lacks = if client.lacks().contains(&feature) { "—" } else { "" };
                let outcome = self.outcomes.get(&(feature, client)).map_or(lacks, |outcome| outcome.name());
                write!(page, " {outcome} |").expect("a string takes text");
            }
            page.push('\n');
        }
        page.push_str("\n## No client was found for\n\n| what | remark |\n|---|---|\n");
        for (what, _, remark) in NO_CLIENT {
            writeln!(page, "| {what} | {remark} |").expect("a string takes text");
        }
        write!(
            page,
            "\nThat is: neither among the clients above nor among these, whose packages were looked into on {SEARCHED}.\nTheir \
             code was searched for {SEARCHED_FOR}.\n\n| from | looked into |\n|---|---|\n"
        )
        .expect("a string takes text");
        for (from, packages) in LOOKED_INTO {
            writeln!(page, "| {from} | {packages} |").expect("a string takes text");
        }
        page.push_str("\nWhat was found there, and is not tried here:\n\n| what | who |\n|---|---|\n");
        for (what, who) in ALSO_FOUND {
            writeln!(page, "| {what} | {who} |").expect("a string takes text");
        }
        page
    }
}

/// The page without the line of versions.
fn cells(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter(|line| !line.starts_with("| | certbot "))
}

/// How many trials a whole run has: every test of this target but those of this file.
fn trials() -> usize {
    static TRIALS: LazyLock<usize> = LazyLock::new(|| {
        let program = std::env::current_exe().expect("a running program has a path");
        let listed = run(Command::new(program).args(["--list", "--format", "terse"]));
        let listed = String::from_utf8_lossy(&listed).into_owned();
        listed.lines().filter(|line| line.ends_with(": test") && !line.starts_with("matrix::")).count()
    });
    *TRIALS
}

#[test]
fn every_feature_has_a_client_or_is_said_to_have_none() {
    let mut found = Found::default();
    let (some, none) = (&[Feature::Http01], &[Feature::AccountMlDsa]);
    assert!(found.unaccounted().contains(&Feature::Http01) && !found.unaccounted().contains(&Feature::AccountMlDsa));
    found.note(Client::Cryptography, some, Outcome::Passed);
    found.note(Client::Cryptography, none, Outcome::Passed);
    assert!(found.unaccounted().contains(&Feature::Http01), "a script is no client");
    assert!(!found.unaccounted().contains(&Feature::AccountMlDsa));
    found.note(Client::Lego, some, Outcome::Passed);
    found.note(Client::Aioacme, none, Outcome::Passed);
    assert!(!found.unaccounted().contains(&Feature::Http01));
    assert!(found.unaccounted().contains(&Feature::AccountMlDsa), "the page would be wrong");
}

#[test]
fn a_failure_is_not_hidden_by_another_trial_that_passed_and_what_was_not_run_is_no_pass() {
    let mut found = Found::default();
    let (dns, http) = (&[Feature::Dns01], &[Feature::Http01]);
    found.note(Client::Lego, dns, Outcome::Failed);
    found.note(Client::Lego, dns, Outcome::Passed);
    found.note(Client::Lego, dns, Outcome::NotRun);
    found.note(Client::Uacme, http, Outcome::NotRun);
    found.note(Client::Certbot, http, Outcome::NotRun);
    found.note(Client::Certbot, http, Outcome::Passed);
    assert_eq!(found.ended, 6);
    assert!(!found.passed());
    let page = found.page();
    let row = |name: &str| -> Vec<&str> {
        let line = page.lines().find(|line| line.starts_with(&format!("| {name} |"))).expect("a row for each feature");
        line.split('|').skip(2).map(str::trim).collect()
    };
    let column = |wanted| Client::ALL.iter().position(|&client| client == wanted).expect("a column for each client");
    assert_eq!(row("dns-01")[column(Client::Lego)], "FAILED");
    assert_eq!(row("http-01")[column(Client::Uacme)], "not run");
    assert_eq!(row("http-01")[column(Client::Certbot)], "passed");
    assert_eq!(row("http-01")[column(Client::Lego)], "", "not tried");
    assert_eq!(row("dns-01")[column(Client::AcmeTiny)], "—", "known not to be there");
    assert!(page.contains("| uacme not installed |"), "{page}");
}
