//! HTTPS to the server under test, trusting only its root, with nothing between a test and what goes over the wire.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

/// How long a response may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Connections to one server; one is kept for the next request.
pub(crate) struct Https {
    origin: String,
    tls: Arc<ClientConfig>,
    connection: Mutex<Option<StreamOwned<ClientConnection, TcpStream>>>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Https {
    /// To the server of this URL.
    pub(crate) fn new(url: &str, root: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(root).expect("the root is PEM")).expect("the root is a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows TLS 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let scheme = "https://".len();
        let end = url[scheme..].find('/').map_or(url.len(), |end| end + scheme);
        Self { origin: url[..end].to_owned(), tls: Arc::new(tls), connection: Mutex::default() }
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// A request as it is.
    pub(crate) fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let message = self.message(method, url, headers, body.len(), body);
        // Whoever holds the connection is the only one on it; the others open their own.
        let kept = self.connection.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut answered = None;
        if let Some(mut stream) = kept {
            // It may have been closed meanwhile, but then nothing of a response has come either.
            answered = exchange(&mut stream, method, &message).ok().map(|response| (stream, response));
        }
        let (stream, response) = answered.unwrap_or_else(|| {
            let mut stream = self.connect();
            let response = exchange(&mut stream, method, &message)
                .unwrap_or_else(|error| panic!("{method} {url}: no response: {error}"));
            (stream, response)
        });
        if !response.header("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
        }
        response
    }

    /// A request that promises `promised` bytes, sends these, and then nothing more.
    pub(crate) fn send_partly(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        promised: usize,
        body: &[u8],
    ) -> Response {
        let message = self.message(method, url, headers, promised, body);
        exchange(&mut self.connect(), method, &message).expect("a response")
    }

    fn message(&self, method: &str, url: &str, headers: &[(&str, &str)], length: usize, body: &[u8]) -> Vec<u8> {
        let path = url.strip_prefix(&self.origin).unwrap_or_else(|| panic!("{url} is elsewhere than {}", self.origin));
        let mut message = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", &self.origin["https://".len()..]);
        for (name, value) in headers {
            message.push_str(&format!("{name}: {value}\r\n"));
        }
        message.push_str(&format!("Content-Length: {length}\r\n\r\n"));
        [message.as_bytes(), body].concat()
    }

    fn connect(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let port = self.origin.rsplit(':').next().and_then(|port| port.parse().ok()).expect("the origin has a port");
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server listens");
        socket.set_nodelay(true).expect("the socket takes the option");
        socket.set_read_timeout(Some(PATIENCE)).expect("the socket takes the option");
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::clone(&self.tls), name).expect("the settings are sound");
        StreamOwned::new(session, socket)
    }
}

impl Response {
    /// The first header field of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// Every header field of this name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The targets of every Link of this relation (RFC 8288).
    pub(crate) fn links(&self, relation: &str) -> Vec<&str> {
        let relation = format!("rel=\"{relation}\"");
        self.all("Link")
            .into_iter()
            .filter_map(|link| link.strip_prefix('<')?.split_once('>'))
            .filter(|(_, parameters)| parameters.split(';').any(|parameter| parameter.trim() == relation))
            .map(|(target, _)| target)
            .collect()
    }

    /// The URL in Location.
    pub(crate) fn location(&self) -> &str {
        self.header("Location").unwrap_or_else(|| panic!("no Location in {self:?}"))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        let media = self.header("Content-Type").unwrap_or_default();
        assert!(media.starts_with("application/json") || media.starts_with("application/problem+json"), "{self:?}");
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// The `detail` of a problem.
    pub(crate) fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap_or_else(|| panic!("no detail in {self:?}")).to_owned()
    }

    /// Fails the test unless this is the status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.said());
        self
    }

    /// The type of a problem document (RFC 9457); empty if it is none.
    pub(crate) fn kind(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["type"].as_str().unwrap_or_default().to_owned()
    }

    /// Status and body, for the message of a test that failed.
    pub(crate) fn said(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

fn exchange(
    stream: &mut StreamOwned<ClientConnection, TcpStream>,
    method: &str,
    message: &[u8],
) -> std::io::Result<Response> {
    // A server that has read enough to refuse may stop reading: its response counts, not the rest of the request.
    let sent = stream.write_all(message).and_then(|()| stream.flush());
    let mut received = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(response) = parse(&received, method) {
            return Ok(response);
        }
        match stream.read(&mut buffer) {
            Ok(0) => return Err(sent.err().unwrap_or_else(|| std::io::ErrorKind::UnexpectedEof.into())),
            Ok(length) => received.extend_from_slice(&buffer[..length]),
            Err(error) => return Err(error),
        }
    }
}

/// A whole response, once it is there.
fn parse(received: &[u8], method: &str) -> Option<Response> {
    let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&received[..end]).expect("a header is text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut response = Response { status: status.expect("a response has a status"), headers, body: Vec::new() };
    assert_eq!(response.header("Transfer-Encoding"), None, "no response here is so long that it needs chunks");
    let bodiless = method == "HEAD" || response.status == 204;
    let length = response.header("Content-Length").map_or(0, |length| length.parse().expect("a length is a number"));
    let body = &received[end + 4..];
    if !bodiless {
        response.body = body.get(..length)?.to_vec();
    }
    Some(response)
}
