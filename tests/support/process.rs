//! Programs that are not ours: finding them, running them to their end, and saying so when they are not there.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long any foreign program may take: far longer than it needs, so that only one that hangs is ended.
const DEADLINE: Duration = Duration::from_secs(180);

/// Where the program is: what `./test` installed into `.tools/` goes before what the system has.
///
/// `None` says that the test is to be left out. That is printed past the test runner's capture; with `CI=true` nothing
/// may be left out, and a program that is not there fails the test.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/venv/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::iter::once(tools)
        .chain(std::env::split_paths(&path))
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        leave_out(&format!("{program} is not installed (./test installs it)"));
    }
    found
}

/// Says that the running test is left out and why; fails it where nothing may be left out.
pub(crate) fn leave_out(why: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    assert!(
        std::env::var_os("CI").is_none_or(|value| value != "true"),
        "{test} cannot be left out with CI=true: {why}"
    );
    // Not eprintln!: the runner keeps that to itself when the test passes.
    writeln!(std::io::stderr(), "left out: {test}: {why}").expect("standard error takes a line");
}

/// A command for a foreign program: with a deadline, without proxies, in a language that does not change.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.arg("--kill-after=5").arg(DEADLINE.as_secs().to_string()).arg(program);
    for variable in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(variable);
    }
    command.env("LC_ALL", "C.UTF-8").env("NO_PROXY", "*").env("no_proxy", "*").stdin(Stdio::null());
    command
}

/// Runs it and returns what it wrote to standard output; anything but success fails the test with all it said.
pub(crate) fn run(command: &mut Command) -> Vec<u8> {
    let output = finish(command);
    assert!(output.status.success(), "{}", report(command, &output));
    output.stdout
}

/// Runs it, and fails the test if it succeeds. Returns all it said.
pub(crate) fn run_refused(command: &mut Command) -> String {
    let output = finish(command);
    let report = report(command, &output);
    assert!(!output.status.success(), "this should have been refused: {report}");
    report
}

/// Runs it and returns everything.
pub(crate) fn finish(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?} did not start: {error}"))
}

/// A port that nobody has now, for a program that must be told its port before it starts. Whoever can be told to let
/// the system choose should be.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Waits until somebody listens there.
pub(crate) fn await_listener(address: SocketAddr) {
    eventually(Duration::from_secs(30), || {
        TcpStream::connect_timeout(&address, Duration::from_secs(1)).map_err(|error| format!("{address}: {error}"))
    });
}

/// Tries again until it succeeds; after this long the last error fails the test.
pub(crate) fn eventually<T>(limit: Duration, mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(error) => assert!(Instant::now() < deadline, "not within {limit:?}: {error}"),
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn report(command: &Command, output: &Output) -> String {
    let mut text = format!("{command:?}: {}\n", output.status);
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        write!(text, "-- {name}\n{}\n", String::from_utf8_lossy(bytes)).expect("a string takes text");
    }
    text
}
