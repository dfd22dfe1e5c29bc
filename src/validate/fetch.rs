//! One GET over a connection that stands already, with a bound on everything that comes back.

use chancery_machine::transcript::{Happening, excerpt};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Errand;
use super::target::Target;

/// Who we say that we are.
const PRODUCT: HeaderValue =
    HeaderValue::from_static(concat!("chancery/", env!("CARGO_PKG_VERSION"), " (ACME http-01 validation; RFC 8555)"));

/// The least that hyper takes as the limit of a head.
const LEAST_HEAD: usize = 8192;

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// The `Location`, if there is one that is text.
    pub(super) location: Option<String>,
    /// The body of a 2xx answer, read at most up to the limit; empty for others.
    pub(super) body: Vec<u8>,
    /// Whether more of the body was left unread.
    pub(super) cut: bool,
}

/// Why there is no answer; the text of the library is for operators.
#[derive(Debug, Error)]
pub(super) enum FetchError {
    #[error("the answer is no HTTP/1 response, or its head is too long: {0}")]
    NotHttp(hyper::Error),
    #[error("the connection broke: {0}")]
    Broken(hyper::Error),
}

/// Requests the target and reads the answer. Has no time limit of its own; dropping it closes the connection.
pub(super) async fn get<S>(errand: &Errand<'_>, target: &Target, stream: S) -> Result<Answer, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(errand.limits.head.max(LEAST_HEAD))
        .max_headers(errand.limits.fields)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(sort)?;
    let exchange = async {
        let response = sender.send_request(request(target)).await.map_err(sort)?;
        read(errand, target, response).await
    };
    tokio::pin!(exchange);
    // The connection moves the bytes of the exchange. It is driven here and not in a task, so that nothing is left
    // when a time limit drops this future.
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        _ = connection => exchange.await,
    }
}

fn request(target: &Target) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = Uri::from(target.path.clone());
    let host = HeaderValue::try_from(target.authority()).expect("domain names, addresses and ports are visible ASCII");
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, PRODUCT);
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    request
}

async fn read(errand: &Errand<'_>, target: &Target, response: Response<Incoming>) -> Result<Answer, FetchError> {
    let status = response.status();
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    // Now, and not once the body is there: it may never come.
    errand.notes.note(Happening::Answered {
        url: excerpt(&target.to_string()),
        status: status.as_u16(),
        location: location.as_deref().map(excerpt),
    });
    let mut answer = Answer { status: status.as_u16(), location, body: Vec::new(), cut: false };
    if !status.is_success() {
        return Ok(answer);
    }
    let mut body = response.into_body();
    while !body.is_end_stream() {
        let Some(frame) = body.frame().await else { break };
        let Ok(data) = frame.map_err(sort)?.into_data() else { continue };
        let room = errand.limits.body - answer.body.len();
        answer.body.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            answer.cut = true;
            break;
        }
    }
    Ok(answer)
}

fn sort(error: hyper::Error) -> FetchError {
    if error.is_parse() { FetchError::NotHttp(error) } else { FetchError::Broken(error) }
}
