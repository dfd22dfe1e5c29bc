//! A perspective, started as an operator starts it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::support::process::{command, run};

/// How long a start may take: far longer than it does, so that only one that hangs fails.
const START: Duration = Duration::from_secs(120);

/// A running perspective. Dropping it kills it.
pub(crate) struct Site {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
}

/// The program under test.
pub(crate) fn chancery() -> Command {
    command(env!("CARGO_BIN_EXE_chancery"))
}

/// Makes the credentials of a perspective of this name at this host, in this folder, and answers what was printed.
pub(crate) fn credentials(out: &Path, name: &str, host: &str) -> String {
    let made = run(chancery().args(["perspective", "credentials", name, "--host", host, "--out"]).arg(out));
    String::from_utf8(made).expect("words")
}

impl Site {
    /// Starts the perspective whose credentials lie in this folder, at this host and a port that the system chooses.
    pub(crate) fn start(folder: &Path, host: &str, flags: &[&str]) -> Self {
        let log = File::options().create(true).append(true).open(folder.join("log")).expect("the log can be opened");
        let host: IpAddr = host.parse().expect("an address");
        let mut child = Command::new(env!("CARGO_BIN_EXE_chancery"))
            .args(["perspective", "--listen", &SocketAddr::new(host, 0).to_string(), "--config"])
            .arg(folder.join("perspective.toml"))
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("standard output is piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                drop(sender.send(line));
            }
        });
        let mut site = Self { child, address: SocketAddr::new(host, 0), folder: folder.to_owned() };
        loop {
            let line =
                lines.recv_timeout(START).unwrap_or_else(|error| panic!("it did not greet: {error}: {}", site.log()));
            match line.split_once(':').map(|(name, value)| (name, value.trim())) {
                Some(("listening", address)) => site.address = address.parse().expect("an address"),
                // The greeting's last line.
                Some(("special", _)) => return site,
                Some(_) | None => {}
            }
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Asks it to end, as an operator does, and waits for it.
    pub(crate) fn stop(mut self) -> ExitStatus {
        signal(self.process(), "TERM");
        self.child.wait().expect("it can be waited for")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Either may fail if it has ended already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            drop(writeln!(std::io::stderr(), "-- the log of {}:\n{}", self.address, self.log()));
        }
    }
}

/// Sends a signal to a process that this test has started.
pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("sh").args(["-c", "kill -\"$1\" \"$2\"", "signal", name, &process.to_string()]).status();
    assert!(sent.expect("sh runs").success(), "{process} does not run");
}
