//! The web server of those who answer http-01 challenges by putting a file into a folder.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

/// The folder of RFC 8555 section 8.3, below the root of the site.
const WELL_KNOWN: &str = ".well-known/acme-challenge";

/// A plain HTTP server on loopback that serves challenge files. It lives as long as the test's process.
pub(crate) struct WebRoot {
    folder: PathBuf,
    port: u16,
}

impl WebRoot {
    /// Serves what lies under this folder, on a port that the system picks.
    pub(crate) fn serve(folder: &Path) -> Self {
        let challenges = folder.join(WELL_KNOWN);
        fs::create_dir_all(&challenges).expect("the web root can be made");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let challenges = challenges.clone();
                // Who hangs up early gets no answer; the others must not notice.
                thread::spawn(move || drop(answer(stream, &challenges)));
            }
        });
        Self { folder: folder.to_owned(), port }
    }

    /// The port of the server.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The root of the site.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the files of the challenges go, each named by its token.
    pub(crate) fn challenges(&self) -> PathBuf {
        self.folder.join(WELL_KNOWN)
    }
}

fn answer(stream: TcpStream, challenges: &Path) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let token = request.strip_prefix("GET /").and_then(|rest| rest.split(' ').next()).and_then(|path| {
        let name = path.strip_prefix(WELL_KNOWN)?.strip_prefix('/')?;
        (!name.contains(['/', '.'])).then_some(name)
    });
    let (status, body) = match token.and_then(|token| fs::read(challenges.join(token)).ok()) {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", b"no such challenge\n".to_vec()),
    };
    let mut stream = reader.into_inner();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body)
}
