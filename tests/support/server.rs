//! The real binary, started as an operator starts it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a start may take: far longer than it does, so that only one that hangs fails.
const START: Duration = Duration::from_secs(120);

/// How a server is started.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Its data directory. The same one again continues where the last server ended.
    pub(crate) data: PathBuf,
    /// Its HTTPS address; port 0 lets the system choose.
    pub(crate) listen: SocketAddr,
    /// Its plain HTTP address, where CRLs are; beside the other if it is not said.
    pub(crate) http_listen: Option<SocketAddr>,
    /// The port to which it connects for http-01.
    pub(crate) http_port: u16,
    /// The DNS server that it asks.
    pub(crate) resolver: SocketAddr,
}

/// A running server in development mode. Dropping it kills it.
pub(crate) struct Server {
    child: Child,
    directory: String,
    data: PathBuf,
    log: PathBuf,
}

impl Server {
    /// Starts it and waits until it answers.
    pub(crate) fn start(options: &Options) -> Self {
        fs::create_dir_all(&options.data).expect("the data directory can be made");
        let log = options.data.with_extension("log");
        let stderr = File::options().create(true).append(true).open(&log).expect("the log can be opened");
        let mut command = Command::new(env!("CARGO_BIN_EXE_chancery"));
        if let Some(address) = options.http_listen {
            command.env("CHANCERY_SERVER__HTTP_LISTEN", address.to_string());
        }
        let mut child = command
            .args(["serve", "--dev", "--data"])
            .arg(&options.data)
            .args(["--listen", &options.listen.to_string()])
            .args(["--http-port", &options.http_port.to_string()])
            .args(["--resolver", &options.resolver.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the server's binary starts");

        let stdout = child.stdout.take().expect("standard output is piped");
        Self::attend(child, stdout, &options.data, log)
    }

    /// Starts it as it is for everybody, not in development mode, with this configuration file, on a port that the
    /// system chooses.
    pub(crate) fn configured(data: &Path, config: &Path) -> Self {
        Self::configured_at(data, config, 0)
    }

    /// The same on this port of loopback.
    pub(crate) fn configured_at(data: &Path, config: &Path, port: u16) -> Self {
        fs::create_dir_all(data).expect("the data directory can be made");
        let log = data.with_extension("log");
        let stderr = File::options().create(true).append(true).open(&log).expect("the log can be opened");
        let mut child = Command::new(env!("CARGO_BIN_EXE_chancery"))
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--config"])
            .arg(config)
            .arg("--data")
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the server's binary starts");
        let stdout = child.stdout.take().expect("standard output is piped");
        Self::attend(child, stdout, data, log)
    }

    /// Waits until it says that it answers.
    fn attend(child: Child, stdout: ChildStdout, data: &Path, log: PathBuf) -> Self {
        let (sender, lines) = mpsc::channel();
        let mut copy = File::options().append(true).open(&log).expect("the log can be opened twice");
        // Reads to the end, so that the server never waits for a full pipe.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let written = writeln!(copy, "stdout: {line}");
                // The receiver is gone after the greeting.
                drop(sender.send(line));
                if written.is_err() {
                    break;
                }
            }
        });
        let mut server = Self { child, directory: String::new(), data: data.to_owned(), log };
        let deadline = Instant::now() + START;
        loop {
            let line = lines.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|error| panic!("the server did not greet: {error}"));
            match line.split_once(':').map(|(name, value)| (name, value.trim())) {
                Some(("directory", url)) => server.directory = url.to_owned(),
                Some(("token", token)) => {
                    let token = token.split(' ').next().unwrap_or_default();
                    fs::write(server.token_file(), token).expect("the token can be written");
                }
                // The greeting's last line.
                Some(("certbot", _)) => return server,
                Some(_) | None => {}
            }
        }
    }

    /// The administrator's token that it showed when it was started first with this data.
    pub(crate) fn token(&self) -> String {
        fs::read_to_string(self.token_file()).expect("its first start showed a token")
    }

    fn token_file(&self) -> PathBuf {
        self.data.with_extension("token")
    }

    /// The URL of its directory.
    pub(crate) fn directory(&self) -> &str {
        &self.directory
    }

    /// Its root certificate.
    pub(crate) fn root(&self) -> PathBuf {
        self.data.join("root.pem")
    }

    /// The HTTPS port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        let authority = self.directory.strip_prefix("https://").and_then(|rest| rest.split('/').next());
        let port = authority.and_then(|authority| authority.rsplit(':').next()).and_then(|port| port.parse().ok());
        port.unwrap_or_else(|| panic!("no port in {}", self.directory))
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Where its log is.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Ends it as a crash does: SIGKILL, from one instruction to the next.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the server still runs");
        self.child.wait().expect("a killed process can be waited for");
    }

    /// Asks it to end, as an operator does, and waits for it.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let status = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.child.id())]).status();
        assert!(status.expect("sh runs").success(), "the server still runs");
        self.child.wait().expect("the server can be waited for")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either may fail if it has ended already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(60)..].join("\n");
            // Into the test's captured output; a failure to print must not hide the panic.
            drop(writeln!(std::io::stderr(), "-- the server's log, its end:\n{tail}"));
        }
    }
}
