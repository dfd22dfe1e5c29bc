//! One GET over a connection that stands already, with a bound on everything that comes back.

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, LOCATION, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Limits;
use super::target::Target;

/// Who we say that we are.
const PRODUCT: &str = concat!("chancery/", env!("CARGO_PKG_VERSION"), " (ACME http-01 validation; RFC 8555)");

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
pub(super) async fn get<S>(stream: S, target: &Target, limits: &Limits) -> Result<Answer, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(limits.head)
        .max_headers(limits.fields)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(sort)?;
    let exchange = async {
        let request = Request::get(target.path.as_str())
            .header(HOST, target.authority())
            .header(USER_AGENT, PRODUCT)
            .header(ACCEPT, "*/*")
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .expect("a target is made of URL characters only");
        read(sender.send_request(request).await.map_err(sort)?, limits.body).await
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

async fn read(response: Response<Incoming>, most: usize) -> Result<Answer, FetchError> {
    let status = response.status();
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut answer = Answer { status: status.as_u16(), location, body: Vec::new(), cut: false };
    if !status.is_success() {
        return Ok(answer);
    }
    let mut body = response.into_body();
    while !body.is_end_stream() {
        let Some(frame) = body.frame().await else { break };
        let Ok(data) = frame.map_err(sort)?.into_data() else { continue };
        let room = most - answer.body.len();
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
