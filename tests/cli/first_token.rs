//! `admin.first_token_file`: whenever the server was killed, the next start leaves the token in its file, or no file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::process::run;
use crate::support::server::Server;
use crate::{chancery, folder, text};

fn whoami(server: &Server, token: &Path) -> String {
    let mut command = chancery();
    command.args(["whoami", "--server", &format!("https://localhost:{}", server.port()), "--ca"]).arg(server.root());
    text(&run(command.arg("--token-file").arg(token)))
}

#[test]
fn a_crash_leaves_what_the_next_start_finishes() {
    let folder = folder();
    let [file, beside, config] = ["token", "token.new", "chancery.toml"].map(|name| folder.path().join(name));
    fs::write(&config, format!("[admin]\nfirst_token_file = {file:?}\n")).expect("the file can be written");
    let start = || Server::configured(&folder.path().join("data"), &config);
    let read = || fs::read_to_string(&file).expect("it is there");

    // Killed before the token was stored: what was written is nobody's.
    fs::write(&beside, "chancery_nobody\n").expect("the file can be written");
    let server = start();
    let token = read();
    assert!(whoami(&server, &file).ends_with("first (administrator)\n"));
    assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
    assert!(!beside.exists());
    assert!(server.stop().success());

    // Killed when it was stored, and before it was in its place.
    fs::rename(&file, &beside).expect("the file can be moved");
    let server = start();
    assert_eq!(read(), token);
    assert!(!beside.exists() && whoami(&server, &file).contains("first"));
    assert!(server.stop().success());

    // Killed when it was in both places.
    fs::hard_link(&file, &beside).expect("the file can be linked");
    assert!(start().stop().success());
    assert_eq!((read(), beside.exists()), (token, false));

    // What is no token here does not come into its place, and what stands there is not touched.
    fs::write(&file, "kept").expect("the file can be written");
    fs::write(&beside, "chancery_nobody\n").expect("the file can be written");
    assert!(start().stop().success());
    assert_eq!((read(), beside.exists()), ("kept".to_owned(), false));
}
