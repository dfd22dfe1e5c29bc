//! What a perspective says to whoever speaks to it, well or badly.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::house::house;
use crate::site::{Site, credentials};
use crate::support::process::eventually;

const PATIENCE: Duration = Duration::from_secs(60);

/// Trusts that authority, and comes with that certificate, if any.
fn tls(ca: &Path, identity: Option<(&Path, &Path)>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).expect("PEM")).expect("a certificate");
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    Arc::new(match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_file(certificate).expect("PEM")];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key).expect("PEM")).expect("they fit")
        }
    })
}

/// As the server comes.
fn server() -> Arc<ClientConfig> {
    let folder = house().credentials();
    tls(&folder.join("ca.pem"), Some((&folder.join("server.pem"), &folder.join("server.key"))))
}

/// Status and everything that came; an error where there was no HTTP.
fn exchange(to: SocketAddr, tls: &Arc<ClientConfig>, request: &[u8]) -> std::io::Result<(u16, String)> {
    let socket = TcpStream::connect(to)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let session = ClientConnection::new(Arc::clone(tls), ServerName::from(to.ip())).expect("settings");
    let mut stream = StreamOwned::new(session, socket);
    // Whoever has read enough to refuse may stop reading.
    let sent = stream.write_all(request).and_then(|()| stream.flush());
    let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => received.extend_from_slice(&buffer[..length]),
            Err(error) if received.is_empty() => return Err(sent.err().unwrap_or(error)),
            Err(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&received).into_owned();
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
    status.map(|status| (status, text)).ok_or_else(|| std::io::ErrorKind::InvalidData.into())
}

fn post(path: &str, media: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: perspective\r\nContent-Type: {media}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn without_a_certificate_of_the_right_issuer_there_is_no_connection() {
    let to = house().site("north").address();
    let ca = house().credentials().join("ca.pem");
    let folder = tempfile::tempdir().expect("a folder");
    credentials(folder.path(), "other", "127.0.0.2");
    let (certificate, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
    let question = post("/question", "application/cbor", 1, b"x");
    for identity in [None, Some((certificate.as_path(), key.as_path()))] {
        let found = exchange(to, &tls(&ca, identity), &question);
        assert!(found.is_err(), "{found:?}");
    }
    // A perspective's own certificate is for answering, not for asking.
    let north = house().credentials().join("north");
    let own = (north.join("certificate.pem"), north.join("key.pem"));
    assert!(exchange(to, &tls(&ca, Some((&own.0, &own.1))), &question).is_err());
}

#[test]
fn what_is_no_question_is_refused_and_the_next_one_is_answered_all_the_same() {
    let to = house().site("north").address();
    let huge = vec![0; 512 * 1024];
    for (request, status, word) in [
        (post("/question", "application/cbor", 4, b"nope"), 400, "version"),
        (post("/question", "application/cbor", 1, &[1]), 400, "cannot be read"),
        (post("/question", "application/cbor", 0, b""), 400, "empty"),
        (post("/question", "application/cbor", 5, &[1, 0x9b, 0xff, 0xff, 0xff]), 400, "cannot be read"),
        (post("/question", "application/json", 2, b"{}"), 415, "application/cbor"),
        // Refused when it says how long it is, and when it shows.
        (post("/question", "application/cbor", huge.len(), &huge), 413, "262144"),
        (post("/", "application/cbor", 0, b""), 404, "perspective"),
        (b"GET /question HTTP/1.1\r\nHost: perspective\r\nConnection: close\r\n\r\n".to_vec(), 200, "a perspective"),
        (b"PUT /question HTTP/1.1\r\nHost: perspective\r\nConnection: close\r\n\r\n".to_vec(), 405, ""),
    ] {
        let (found, text) = exchange(to, &server(), &request).expect("HTTP");
        assert_eq!(found, status, "{text}");
        assert!(text.contains(word), "{word}: {text}");
    }
    let chunked = [
        b"POST /question HTTP/1.1\r\nHost: p\r\nContent-Type: application/cbor\r\nTransfer-Encoding: chunked\r\n\
          Connection: close\r\n\r\n80000\r\n"
            .as_slice(),
        &huge,
        b"\r\n0\r\n\r\n",
    ];
    assert_eq!(exchange(to, &server(), &chunked.concat()).expect("HTTP").0, 413);
}

#[test]
fn a_perspective_says_what_it_does_and_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().expect("a folder");
    credentials(folder.path(), "brief", "127.0.0.2");
    let site = Site::start(&folder.path().join("brief"), "127.0.0.2", &["--refused-network", "10.0.0.0/8"]);
    let (ca, own) = (folder.path().join("ca.pem"), folder.path().join("server"));
    let tls = tls(&ca, Some((&own.with_extension("pem"), &own.with_extension("key"))));
    let to = site.address();
    eventually(PATIENCE, || {
        let found = exchange(to, &tls, &post("/question", "application/cbor", 0, b""));
        if matches!(found, Ok((400, _))) { Ok(()) } else { Err(format!("{found:?}")) }
    });
    assert!(site.stop().success());
}
