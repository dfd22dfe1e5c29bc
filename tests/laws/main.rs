//! The laws of the house that the compiler does not know: which room may know which, and what the machines must not
//! reach for. Each is read from the sources and from cargo's own dependency tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use source::{crate_names, has_word, names_after, without_comments_and_strings};

mod breakages;
mod checklist;
mod pages;
mod source;

/// What a room under `src/` may not name. The engine's ports are how the rooms meet, and `main.rs` joins them.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("pki", &["validate", "perspective", "store", "acme", "admin", "ui", "cli"]),
    ("validate", &["pki", "perspective", "store", "acme", "admin", "ui", "cli"]),
    ("perspective", &["pki", "validate", "store", "acme", "admin", "ui", "cli"]),
    ("store", &["pki", "validate", "perspective", "acme", "admin", "ui", "cli"]),
    ("acme", &["validate", "perspective", "store", "cli"]),
    ("admin", &["validate", "perspective", "store", "cli"]),
    ("ui", &["pki", "validate", "perspective", "store", "acme", "cli"]),
];

/// Crates whose presence under the machines would mean a runtime, a clock or randomness.
const IMPURE_CRATES: &[&str] = &[
    "tokio",
    "actix",
    "actix-rt",
    "actix-web",
    "futures",
    "rand",
    "rand_core",
    "getrandom",
    "jiff",
    "chancery-actors",
];

/// What of the standard library has to do with the world outside.
const IMPURE_NAMES: &[&str] = &[
    "SystemTime",
    "Instant",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "RandomState",
    "TcpStream",
    "UdpSocket",
    "async fn",
];

#[test]
fn the_rooms_of_the_house_know_only_whom_they_may() {
    let mut broken = Vec::new();
    for (room, forbidden) in FORBIDDEN {
        for file in sources(&root().join("src"), room) {
            let text = without_comments_and_strings(&read(&file));
            let depth = module_depth(&root().join("src"), &file);
            for name in crate_names(&text, depth) {
                if forbidden.contains(&name.as_str()) {
                    broken.push(format!("{} names crate::{name}", file.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "the layers of docs/ARCHITECTURE.md are broken:\n{}", broken.join("\n"));
}

#[test]
fn adapters_know_the_engine_by_its_ports_only() {
    let mut broken = Vec::new();
    for room in ["pki", "validate", "perspective", "store"] {
        for file in sources(&root().join("src"), room) {
            let text = without_comments_and_strings(&read(&file));
            // The other side of a perspective is a server of its own, and speaks HTTP.
            let serves = file.ends_with("perspective/server.rs");
            if has_word(&text, "actix") || (has_word(&text, "actix_web") && !serves) {
                broken.push(format!("{} names actix", file.display()));
            }
            for name in names_after(&text, "chancery_actors::") {
                if name != "ports" {
                    broken.push(format!("{} names chancery_actors::{name}", file.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "adapters meet the engine at its ports only:\n{}", broken.join("\n"));
}

#[test]
fn the_engine_does_not_know_the_world() {
    let tree = dependencies_of("chancery-actors");
    for name in ["actix-web", "redb", "hickory-resolver", "hyper", "rustls", "x509-cert", "chancery"] {
        assert!(!tree.iter().any(|found| found == name), "chancery-actors depends on {name}: {tree:?}");
    }
}

#[test]
fn the_machines_have_no_runtime_no_clock_and_no_randomness() {
    let tree = dependencies_of("chancery-machine");
    assert!(tree.iter().any(|name| name == "chancery-machine"), "cargo tree answered {tree:?}");
    for name in IMPURE_CRATES {
        assert!(!tree.iter().any(|found| found == name), "chancery-machine depends on {name}: {tree:?}");
    }

    let mut broken = Vec::new();
    for file in sources(&root().join("actors/machine"), "src") {
        let text = without_tests(&without_comments_and_strings(&read(&file)));
        for name in IMPURE_NAMES {
            if has_word(&text, name) {
                broken.push(format!("{} names {name}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "time, tokens and serials come in with the event:\n{}", broken.join("\n"));
}

/// The page of clients is written when as many trials have ended as there are tests: one that is none would keep it from
/// ever being written.
#[test]
fn every_test_with_a_client_says_what_it_shows() {
    let mut silent = Vec::new();
    for file in sources(&root().join("tests"), "interop") {
        if file.ends_with("matrix.rs") {
            continue;
        }
        let text = without_comments_and_strings(&read(&file));
        for test in text.replace("#[tokio::test]", "#[test]").split("#[test]").skip(1) {
            if !test.contains("Trial::of(") {
                let name = names_after(test, "fn ");
                silent.push(format!("{}: {}", file.display(), name.first().map_or("a test", String::as_str)));
            }
        }
    }
    assert!(
        silent.is_empty(),
        "say which features of the matrix these show, as their neighbours do (`let Some(trial) = Trial::of(Client::…, &[Feature::…]) \
         else {{ return }};`, held to the test's end):\n{}",
        silent.join("\n")
    );
}

/// The fuzz targets are a workspace of their own, which cannot inherit versions.
#[test]
fn what_is_fuzzed_is_what_is_served() {
    let (ours, fuzzed) = (locked("Cargo.lock"), locked("fuzz/Cargo.lock"));
    let others: Vec<_> = fuzzed
        .iter()
        .filter(|(name, _)| ours.iter().any(|(known, _)| known == name))
        .filter(|package| !ours.contains(package))
        .collect();
    assert!(others.is_empty(), "fuzz/Cargo.lock has other versions than Cargo.lock: {others:?}");
}

/// The packages of a lock file: names and versions.
fn locked(file: &str) -> Vec<(String, String)> {
    let text = read(&root().join(file));
    let value = |line: &str, key| line.strip_prefix(key)?.strip_suffix('"').map(str::to_owned);
    let packages: Vec<_> = text
        .split("[[package]]\n")
        .filter_map(|package| {
            let mut lines = package.lines();
            Some((value(lines.next()?, "name = \"")?, value(lines.next()?, "version = \"")?))
        })
        .collect();
    assert!(!packages.is_empty(), "{file} is no lock file as cargo writes it");
    packages
}

/// The crates that a member needs when it is built, itself included, in every configuration of this machine.
fn dependencies_of(member: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(["--package", member, "--all-features"])
        .current_dir(root())
        .output()
        .expect("cargo runs, since it runs this test");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let mut names: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Every source file of the room: `room.rs`, and all below `room/`.
fn sources(within: &Path, room: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let file = within.join(format!("{room}.rs"));
    if file.is_file() {
        files.push(file);
    }
    let mut folders = vec![within.join(room)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("the folder can be read to its end").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty() || room == "ui", "src/{room} is gone; has the law been moved with it?");
    files.sort();
    files
}

/// How many modules deep the file's items are: 1 for `src/pki.rs` and `src/pki/mod.rs`, 2 for `src/pki/csr.rs`.
fn module_depth(source: &Path, file: &Path) -> usize {
    let path = file.strip_prefix(source).expect("the file was found below it").with_extension("");
    path.components().count() - usize::from(path.ends_with("mod"))
}

/// The text up to the unit tests, which stand last in a file and may use what they like.
fn without_tests(text: &str) -> String {
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
