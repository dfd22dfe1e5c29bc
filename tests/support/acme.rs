//! An ACME client that hides nothing: every request is made by hand, every response is judged by what RFC 8555 asks of
//! all of them, and the rest is the test's.

#![allow(dead_code, reason = "each test target uses its part")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::jws::{Request, Signer};
use crate::support::process::eventually;

/// The media type of every POST (RFC 8555 section 6.2).
pub(crate) const JOSE: &str = "application/jose+json";

/// The prefix of every error type (RFC 8555 section 6.7).
const URN: &str = "urn:ietf:params:acme:error:";

/// How long anything that the server does beside a request may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// One ACME endpoint, as its directory describes it.
pub(crate) struct Endpoint {
    origin: String,
    directory_url: String,
    directory: Value,
    tls: Arc<ClientConfig>,
    connection: Mutex<Option<StreamOwned<ClientConnection, TcpStream>>>,
    nonces: Mutex<Vec<String>>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An account with its key.
pub(crate) struct Account<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) signer: Signer,
    pub(crate) kid: String,
}

impl Endpoint {
    /// Reads the directory, trusting only this root.
    pub(crate) fn open(directory: &str, root: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(root).expect("the root is PEM")).expect("the root is a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows TLS 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let scheme = "https://".len();
        let end = directory[scheme..].find('/').expect("a directory has a path") + scheme;
        let mut endpoint = Self {
            origin: directory[..end].to_owned(),
            directory_url: directory.to_owned(),
            directory: Value::Null,
            tls: Arc::new(tls),
            connection: Mutex::default(),
            nonces: Mutex::default(),
        };
        let response = endpoint.send("GET", directory, &[], b"");
        assert_eq!(response.status, 200, "{directory}");
        endpoint.directory = response.json();
        endpoint
    }

    /// The directory object.
    pub(crate) fn directory(&self) -> &Value {
        &self.directory
    }

    /// Where the directory lies.
    pub(crate) fn directory_url(&self) -> &str {
        &self.directory_url
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The URL of a resource that the directory names.
    pub(crate) fn url(&self, name: &str) -> &str {
        self.directory[name].as_str().unwrap_or_else(|| panic!("the directory has no {name}: {}", self.directory))
    }

    /// A nonce that nobody has used.
    pub(crate) fn nonce(&self) -> String {
        let kept = self.nonces.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| {
            let response = self.send("HEAD", self.url("newNonce"), &[], b"");
            response.header("Replay-Nonce").expect("newNonce answers with a nonce").to_owned()
        })
    }

    /// Signs the request, with a fresh nonce, and sends it to this URL.
    pub(crate) fn post(&self, url: &str, request: Request<'_>) -> Response {
        self.post_body(url, &request.nonce(&self.nonce()).body())
    }

    /// Sends a body that is made already, and keeps the nonce of the response for later.
    pub(crate) fn post_body(&self, url: &str, body: &[u8]) -> Response {
        let response = self.post_keeping_nothing(url, body);
        let nonce = response.header("Replay-Nonce").expect("every response to a POST has a nonce").to_owned();
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner).push(nonce);
        response
    }

    /// The same, for who wants to do something else with the nonce.
    pub(crate) fn post_keeping_nothing(&self, url: &str, body: &[u8]) -> Response {
        self.send("POST", url, &[("Content-Type", JOSE)], body)
    }

    /// A request as it is.
    pub(crate) fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let path = url.strip_prefix(&self.origin).unwrap_or_else(|| panic!("{url} is elsewhere than {}", self.origin));
        let mut message = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", &self.origin["https://".len()..]);
        for (name, value) in headers {
            message.push_str(&format!("{name}: {value}\r\n"));
        }
        message.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let mut message = message.into_bytes();
        message.extend_from_slice(body);

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
        self.judge(method, url, &response);
        response
    }

    /// A POST that promises `promised` bytes, sends these, and then nothing more.
    pub(crate) fn post_partly(&self, url: &str, promised: usize, body: &[u8]) -> Response {
        let (path, host) = (&url[self.origin.len()..], &self.origin["https://".len()..]);
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {JOSE}\r\nContent-Length: {promised}\r\n\r\n"
        );
        let response = exchange(&mut self.connect(), "POST", &[head.as_bytes(), body].concat()).expect("a response");
        self.judge("POST", url, &response);
        response
    }

    /// Registers an account with a new key of this algorithm.
    pub(crate) fn register(&self, algorithm: &str) -> Account<'_> {
        self.register_with(Signer::new(algorithm))
    }

    /// Registers an account with this key.
    pub(crate) fn register_with(&self, signer: Signer) -> Account<'_> {
        let payload = json!({"termsOfServiceAgreed": true, "contact": ["mailto:operator@acme.test"]});
        let url = self.url("newAccount");
        let response = self.post(url, signer.with_jwk(url).payload(&payload)).expect(201);
        let kid = response.location().to_owned();
        Account { endpoint: self, signer, kid }
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

    /// What holds for every response of an endpoint, whatever was asked.
    fn judge(&self, method: &str, url: &str, response: &Response) {
        let base = self.directory_url.trim_end_matches("directory");
        if !url.starts_with(base) {
            return;
        }
        let told = || format!("{method} {url}: {response:?}");
        // Section 6.1.
        assert_eq!(response.header("Access-Control-Allow-Origin"), Some("*"), "{}", told());
        // Section 6.5: on every success, and on errors too, so that a client need not ask for another.
        if method == "POST" {
            let nonces = response.all("Replay-Nonce");
            let [nonce] = nonces.as_slice() else { panic!("one nonce: {}", told()) };
            assert!(URL_SAFE_NO_PAD.decode(nonce).is_ok_and(|nonce| nonce.len() >= 16), "{}", told());
            assert!(response.header("Cache-Control").is_some_and(|value| value.contains("no-store")), "{}", told());
        }
        // Section 7.1.
        let index: &[&str] = if url == self.directory_url { &[] } else { &[&self.directory_url] };
        assert_eq!(response.links("index"), index, "{}", told());
        if response.status >= 400 && method != "HEAD" {
            response.judge_problem(&told());
        }
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

    /// Fails the test unless it is this problem with this status.
    #[track_caller]
    pub(crate) fn expect_problem(self, status: u16, kind: &str) -> Self {
        assert_eq!((self.status, self.problem()), (status, kind.to_owned()), "{}", self.said());
        self
    }

    /// The type of the problem without its prefix; empty if it is none.
    pub(crate) fn problem(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["type"].as_str().and_then(|kind| kind.strip_prefix(URN)).unwrap_or_default().to_owned()
    }

    fn said(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.body))
    }

    /// RFC 8555 section 6.7 and RFC 7807.
    fn judge_problem(&self, told: &str) {
        assert_eq!(self.header("Content-Type"), Some("application/problem+json"), "{told}");
        let problem = self.json();
        assert!(problem["type"].as_str().is_some_and(|kind| kind.starts_with(URN)), "{told}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{told}");
        assert_eq!(problem["status"], self.status, "{told}");
        assert!(problem.get("identifier").is_none(), "identifiers stand in subproblems only: {told}");
    }
}

impl Account<'_> {
    /// A request of this account, not signed yet.
    pub(crate) fn request(&self, url: &str) -> Request<'_> {
        self.signer.with_kid(&self.kid, url)
    }

    /// A POST with this payload.
    pub(crate) fn post(&self, url: &str, payload: &Value) -> Response {
        self.endpoint.post(url, self.request(url).payload(payload))
    }

    /// A POST-as-GET.
    pub(crate) fn read(&self, url: &str) -> Response {
        self.endpoint.post(url, self.request(url))
    }

    /// A POST-as-GET that has to succeed, until the object satisfies.
    pub(crate) fn poll(&self, url: &str, satisfied: impl Fn(&Value) -> bool) -> Value {
        eventually(PATIENCE, || {
            let object = self.read(url).expect(200).json();
            if satisfied(&object) { Ok(object) } else { Err(format!("{url} is {object}")) }
        })
    }

    /// Until the object has left `pending` and `processing`.
    pub(crate) fn settle(&self, url: &str) -> Value {
        self.poll(url, |object| object["status"] != "pending" && object["status"] != "processing")
    }

    /// Until the object has this status.
    pub(crate) fn await_status(&self, url: &str, status: &str) -> Value {
        self.poll(url, |object| object["status"] == status)
    }

    /// Places an order for domain names, and answers its URL and the object.
    pub(crate) fn order(&self, names: &[&str]) -> (String, Value) {
        let identifiers: Vec<Value> = names.iter().map(|name| json!({"type": "dns", "value": name})).collect();
        let response = self.post(self.endpoint.url("newOrder"), &json!({"identifiers": identifiers})).expect(201);
        (response.location().to_owned(), response.json())
    }

    /// The key authorization of a challenge (RFC 8555 section 8.1).
    pub(crate) fn key_authorization(&self, challenge: &Value) -> String {
        format!("{}.{}", challenge["token"].as_str().expect("a challenge has a token"), self.signer.thumbprint())
    }
}

/// The challenge of this type in an authorization.
pub(crate) fn challenge(authorization: &Value, kind: &str) -> Value {
    let challenges = authorization["challenges"].as_array().expect("an authorization has challenges");
    let found = challenges.iter().find(|challenge| challenge["type"] == kind);
    found.unwrap_or_else(|| panic!("no {kind} in {authorization}")).clone()
}

/// A member that is a string.
pub(crate) fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object[member].as_str().unwrap_or_else(|| panic!("no {member} in {object}"))
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
