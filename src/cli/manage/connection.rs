//! The connection to a running server: where it is, whom to trust, who asks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use reqwest::header::{AUTHORIZATION, ETAG, HeaderValue, IF_MATCH};
use reqwest::{Certificate, Identity, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::failure::{Problem, RequestError};
use super::output::{Format, Output};

/// Where a server that was started without settings leaves its root.
const ROOT_BESIDE: &str = "chancery-data/root.pem";

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long the server may be silent. Some requests read much, as that for the audit log to be verified.
const SILENCE: Duration = Duration::from_secs(300);

/// Where the server is and who asks.
#[derive(Args, Debug)]
#[command(next_help_heading = "Connection")]
pub(in crate::cli) struct ConnectionArgs {
    /// The server.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "CHANCERY_URL",
        default_value = "https://localhost:8443",
        hide_env_values = true
    )]
    server: String,
    /// The certificates of the issuers to trust, PEM. Without it, chancery-data/root.pem if that is there, else those that
    /// the system trusts.
    #[arg(long, global = true, value_name = "FILE", env = "CHANCERY_CA", hide_env_values = true)]
    ca: Option<PathBuf>,
    /// A file with the token. Without it, the environment variable CHANCERY_TOKEN has the token itself.
    #[arg(long, global = true, value_name = "FILE", env = "CHANCERY_TOKEN_FILE", hide_env_values = true)]
    token_file: Option<PathBuf>,
    /// A client certificate instead of a token, PEM.
    #[arg(long, global = true, value_name = "FILE", env = "CHANCERY_CLIENT_CERT", hide_env_values = true)]
    client_cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, global = true, value_name = "FILE", env = "CHANCERY_CLIENT_KEY", hide_env_values = true)]
    client_key: Option<PathBuf>,
    /// Tables for people, or the API's JSON for programs.
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// A request of the API.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Request<'a> {
    pub(super) method: Verb,
    /// The segments below `/api/v1`.
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(&'static str, String)],
    pub(super) body: Option<&'a Value>,
    pub(super) if_match: Option<&'a str>,
    pub(super) key: Option<&'a str>,
}

/// What the API can be asked to do.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

/// An answer of the API.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Answer {
    /// Null where there is none.
    pub(super) body: Value,
    pub(super) etag: Option<String>,
}

/// A server, and who asks it.
pub(in crate::cli) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<HeaderValue>,
    ca: Option<PathBuf>,
}

impl<'a> Request<'a> {
    /// A request without anything but its path.
    pub(super) const fn new(method: Verb, path: &'a [&'a str]) -> Self {
        Self { method, path, query: &[], body: None, if_match: None, key: None }
    }
}

impl ConnectionArgs {
    /// How things are printed.
    pub(super) const fn output(&self) -> Output {
        Output { format: self.output }
    }

    /// Reads what the connection needs; nothing is sent yet.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let base = base(&self.server)?;
        let beside = Path::new(ROOT_BESIDE);
        let ca = self.ca.as_deref().or_else(|| beside.is_file().then_some(beside));
        // People paste it elsewhere, as in the line for certbot.
        let ca = ca.map(std::path::absolute).transpose().context("--ca")?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("chancery/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .redirect(reqwest::redirect::Policy::none());
        if let Some(path) = &ca {
            let pem =
                std::fs::read(path).with_context(|| format!("the issuers' certificates in {}", path.display()))?;
            let certificates = Certificate::from_pem_bundle(&pem).ok().filter(|found| !found.is_empty());
            let Some(certificates) = certificates else { bail!("{} has no certificate in PEM", path.display()) };
            builder = builder.tls_certs_only(certificates);
        }
        if let Some(identity) = self.identity()? {
            builder = builder.identity(identity);
        }
        let http = builder.build().context("the connection cannot be set up")?;
        Ok(Client { http, base, token: self.token()?, ca })
    }

    fn identity(&self) -> anyhow::Result<Option<Identity>> {
        let (certificate, key) = match (&self.client_cert, &self.client_key) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => (certificate, key),
            (Some(_), None) => bail!("--client-cert needs --client-key"),
            (None, Some(_)) => bail!("--client-key needs --client-cert"),
        };
        let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string()).map(Zeroizing::new);
        let mut pem = read(certificate)?;
        pem.push(b'\n');
        pem.extend_from_slice(&read(key)?);
        let identity = Identity::from_pem(&pem);
        identity.map(Some).with_context(|| {
            format!("{} and {} have to be a certificate and its key, PEM", certificate.display(), key.display())
        })
    }

    /// Never from the arguments: those stand in the list of processes.
    fn token(&self) -> anyhow::Result<Option<HeaderValue>> {
        let (secret, source) = match (&self.token_file, std::env::var("CHANCERY_TOKEN")) {
            (Some(path), _) => {
                let text = std::fs::read_to_string(path).map(SecretString::from);
                (text.with_context(|| format!("the token in {}", path.display()))?, path.display().to_string())
            }
            // Who names a certificate means it: a token that lies about in the environment does not come before it.
            (None, Ok(text)) if !text.is_empty() && self.client_cert.is_none() => {
                (SecretString::from(text), "CHANCERY_TOKEN".to_owned())
            }
            (None, Ok(_) | Err(_)) => return Ok(None),
        };
        let token = secret.expose_secret().trim();
        let header = Zeroizing::new(format!("Bearer {token}"));
        let header = HeaderValue::from_str(&header).ok().filter(|_| !token.is_empty() && !token.contains(' '));
        let Some(mut header) = header else { bail!("{source} holds no token; one begins with chancery_") };
        header.set_sensitive(true);
        Ok(Some(header))
    }
}

impl Client {
    /// The server as clients of ACME reach it.
    pub(super) fn origin(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The issuers' certificates that were given or found.
    pub(super) fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// Sends a request, and reads its answer as JSON.
    pub(super) async fn send(&self, request: Request<'_>) -> Result<Answer, RequestError> {
        let (status, etag, text) = self.exchange(request).await?;
        if text.is_empty() {
            return Ok(Answer { body: Value::Null, etag });
        }
        let foreign = |_| RequestError::Foreign { server: self.origin().to_owned(), status };
        Ok(Answer { body: serde_json::from_str(&text).map_err(foreign)?, etag })
    }

    /// Sends a request whose answer is text.
    pub(super) async fn text(&self, request: Request<'_>) -> Result<String, RequestError> {
        Ok(self.exchange(request).await?.2)
    }

    async fn exchange(&self, request: Request<'_>) -> Result<(u16, Option<String>, String), RequestError> {
        let failed = |error: reqwest::Error| {
            let trusted = match &self.ca {
                Some(path) => format!("only {} is", path.display()),
                None => "only those of this system are".to_owned(),
            };
            RequestError::of(&error, self.origin(), &trusted)
        };
        let method = match request.method {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Patch => Method::PATCH,
            Verb::Delete => Method::DELETE,
        };
        let mut sent = self.http.request(method, self.url(request.path, request.query)?);
        if let Some(token) = &self.token {
            sent = sent.header(AUTHORIZATION, token.clone());
        }
        if let Some(etag) = request.if_match {
            sent = sent.header(IF_MATCH, etag);
        }
        if let Some(key) = request.key {
            sent = sent.header("Idempotency-Key", key);
        }
        if let Some(body) = request.body {
            sent = sent.json(body);
        }
        let answer = sent.send().await.map_err(failed)?;
        let status = answer.status();
        let etag = answer.headers().get(ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = answer.text().await.map_err(failed)?;
        if status.is_success() {
            return Ok((status.as_u16(), etag, text));
        }
        Err(self.refusal(status, &text))
    }

    fn refusal(&self, status: StatusCode, text: &str) -> RequestError {
        match serde_json::from_str::<Problem>(text) {
            Ok(problem) if !problem.title.is_empty() || !problem.detail.is_empty() => {
                RequestError::Refused(Box::new(Problem { status: status.as_u16(), ..problem }))
            }
            Ok(_) | Err(_) => RequestError::Foreign { server: self.origin().to_owned(), status: status.as_u16() },
        }
    }

    fn url(&self, path: &[&str], query: &[(&'static str, String)]) -> Result<Url, RequestError> {
        let mut url = self.base.clone();
        // URLs resolve such segments away: a request about one thing would become one about another.
        if let Some(odd) = path.iter().find(|segment| ["", ".", ".."].contains(*segment)) {
            return Err(RequestError::Name((*odd).to_owned()));
        }
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }
}

/// The server's URL; one that a token can be sent to.
fn base(text: &str) -> anyhow::Result<Url> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&whole).ok().filter(|url| url.has_host() && url.query().is_none() && url.fragment().is_none());
    let Some(url) = url else { bail!("--server {text:?} is no URL, as in https://ca.example:8443") };
    if url.scheme() != "https" {
        bail!("--server {text:?} has to be https: the token would travel for everybody to read");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(server: &str) -> Client {
        let base = base(server).expect("a server");
        Client { http: reqwest::Client::new(), base, token: None, ca: None }
    }

    #[test]
    fn names_are_single_segments() {
        let client = client("ca.example");
        let url = client.url(&["acmeProfiles", "a/b?c"], &[("limit", "1".to_owned())]).expect("a URL");
        assert_eq!(url.as_str(), "https://ca.example/api/v1/acmeProfiles/a%2Fb%3Fc?limit=1");
        for odd in ["", ".", ".."] {
            client.url(&["acmeProfiles", odd], &[]).expect_err("must be refused");
        }
    }

    #[test]
    fn the_api_can_stand_below_a_path() {
        let url = client("https://ca.example/chancery/").url(&["whoami"], &[]).expect("a URL");
        assert_eq!(url.as_str(), "https://ca.example/chancery/api/v1/whoami");
    }

    #[test]
    fn tokens_are_not_sent_in_the_clear() {
        assert!(base("http://ca.example").expect_err("must be refused").to_string().contains("https"));
        base("https://").expect_err("must be refused");
    }
}
