//! A web server that says exactly what a test wants, right or wrong.

#![allow(dead_code, reason = "each test target uses its part")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What follows a request.
pub(crate) enum Reply {
    /// These bytes, and the end of the connection.
    Bytes(Vec<u8>),
    /// These bytes, and then nothing, for ever.
    Stall(Vec<u8>),
    /// These bytes, and then this byte again and again, with pauses.
    Drip(Vec<u8>, u8),
    /// These bytes over and over, as fast as they are taken.
    Flood(Vec<u8>, Vec<u8>),
}

/// The running server; it ends when this is dropped.
pub(crate) struct Web {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Web {
    /// Answers every request with what the closure makes of its path.
    pub(crate) async fn start(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", reply).await
    }

    /// The same at another address.
    pub(crate) async fn start_at(place: &str, reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(place, None, reply).await
    }

    /// The same over TLS, with a certificate that nobody should trust.
    pub(crate) async fn start_tls(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let made = rcgen::generate_simple_self_signed(["wrong.test".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a key that fits");
        Self::serve("127.0.0.1:0", Some(TlsAcceptor::from(Arc::new(config))), reply).await
    }

    async fn serve(
        place: &str,
        tls: Option<TlsAcceptor>,
        reply: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(place).await.expect("a free TCP port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (heads, reply) = (Arc::clone(&seen), Arc::new(reply));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, heads, reply) = (tls.clone(), Arc::clone(&heads), Arc::clone(&reply));
                tokio::spawn(async move {
                    match tls {
                        None => answer(stream, &heads, &*reply).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                answer(stream, &heads, &*reply).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, seen, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The heads of all requests so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// 200 with this body.
pub(crate) fn ok(body: &str) -> Reply {
    status("200 OK", "", body)
}

/// This status, with header lines (each with its line end) and this body.
pub(crate) fn status(status: &str, headers: &str, body: &str) -> Reply {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len());
    Reply::Bytes(head.into_bytes())
}

/// A redirect to there.
pub(crate) fn redirect(code: u16, location: &str) -> Reply {
    status(&format!("{code} Elsewhere"), &format!("Location: {location}\r\n"), "go there")
}

async fn answer<S>(mut stream: S, heads: &Mutex<Vec<String>>, reply: &(impl Fn(&str) -> Reply + ?Sized))
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    heads.lock().unwrap_or_else(PoisonError::into_inner).push(head);
    // A client that has read enough closes: then writing fails, which is fine.
    match reply(&path) {
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Reply::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            let _ = stream.read_u8().await;
        }
        Reply::Drip(bytes, drop) => {
            let _ = stream.write_all(&bytes).await;
            while stream.write_all(&[drop]).await.is_ok() && stream.flush().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Reply::Flood(bytes, more) => {
            let _ = stream.write_all(&bytes).await;
            while stream.write_all(&more).await.is_ok() {}
        }
    }
}
