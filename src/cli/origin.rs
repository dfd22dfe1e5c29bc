//! Under which URLs the server is reached.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, bail};

use crate::config::{Config, Server};
use crate::pki::name::ServerName;

/// The listening sockets, and the URLs by which they are reached.
pub(super) struct Origin {
    pub(super) https: TcpListener,
    pub(super) http: TcpListener,
    /// Where the management API listens by itself, and its scheme, host and port.
    pub(super) admin: Option<(TcpListener, String)>,
    /// Scheme, host and port of HTTPS.
    pub(super) external: String,
    /// Scheme, host and port of plain HTTP.
    pub(super) publication: String,
    /// Whether the next start has the same, as it was set or follows from what was set: not where the system chose a port.
    pub(super) lasting: bool,
    /// The names and addresses of the server's own certificate.
    pub(super) names: Vec<ServerName>,
}

impl Origin {
    /// Binds the sockets, so that the ports that the system chose are known.
    pub(super) fn bind(Config { server, admin, .. }: &Config) -> anyhow::Result<Self> {
        let https = bind(server.listen, "server.listen")?;
        let https_at = https.local_addr()?;
        let http = match server.http_listen {
            Some(address) => bind(address, "server.http_listen")?,
            None => bind(beside(server.listen), "server.http_listen (beside server.listen, as it is not set)")?,
        };
        let http_at = http.local_addr()?;
        let external = match &server.external_url {
            Some(url) => checked("server.external_url", url, "https")?,
            None => url("https", &host(https_at.ip()), https_at.port(), 443),
        };
        let publication = match &server.publication_url {
            Some(url) => checked("server.publication_url", url, "http")?,
            None => {
                let host = host_of(&external).unwrap_or_else(|| host(http_at.ip()));
                url("http", &host, http_at.port(), 80)
            }
        };
        let port = server.http_listen.unwrap_or_else(|| beside(server.listen)).port();
        let lasting = server.publication_url.is_some() || port != 0;
        let mut listen = vec![https_at.ip()];
        let admin = match admin.listen {
            Some(address) => {
                let listener = bind(address, "admin.listen")?;
                let at = listener.local_addr()?;
                listen.push(at.ip());
                Some((listener, url("https", &host(at.ip()), at.port(), 443)))
            }
            None => None,
        };
        let names = names(server, &external, &listen)?;
        Ok(Self { https, http, admin, external, publication, lasting, names })
    }
}

fn bind(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).with_context(|| format!("{setting}: cannot listen on {address}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Where plain HTTP listens by default: at 80 beside 443, at a port of the system's choice beside one such, else one further.
fn beside(listen: SocketAddr) -> SocketAddr {
    let port = match listen.port() {
        0 => 0,
        443 => 80,
        port => port.checked_add(1).unwrap_or(port - 1),
    };
    SocketAddr::new(listen.ip(), port)
}

/// The name by which others know an address that we listen on.
fn host(listen: IpAddr) -> String {
    // Other loopback addresses, ::1 among them, are not what localhost leads to everywhere.
    if listen == Ipv4Addr::LOCALHOST {
        return "localhost".to_owned();
    }
    if listen.is_unspecified() {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        return ServerName::parse(name.trim()).map_or("localhost".to_owned(), |_| name.trim().to_ascii_lowercase());
    }
    match listen {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn url(scheme: &str, host: &str, port: u16, usual: u16) -> String {
    if port == usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") }
}

fn host_of(url: &str) -> Option<String> {
    url::Url::parse(url).ok()?.host_str().map(str::to_owned)
}

/// A URL that others are appended to: scheme, host and maybe a port, nothing else.
fn checked(setting: &str, text: &str, scheme: &str) -> anyhow::Result<String> {
    let parsed = url::Url::parse(text).with_context(|| format!("{setting}: {text:?} is no URL"))?;
    let plain = parsed.path() == "/" && parsed.query().is_none() && parsed.fragment().is_none();
    let anonymous = parsed.username().is_empty() && parsed.password().is_none();
    if parsed.scheme() != scheme || !parsed.has_host() || !plain || !anonymous {
        bail!("{setting}: {text:?} has to be {scheme}://host or {scheme}://host:port, with nothing behind it");
    }
    // As clients will write it: A-labels, small letters, no port that goes without saying.
    Ok(parsed.origin().ascii_serialization())
}

fn names(server: &Server, external: &str, listen: &[IpAddr]) -> anyhow::Result<Vec<ServerName>> {
    let external = host_of(external).unwrap_or_default();
    let external = external.trim_start_matches('[').trim_end_matches(']').to_owned();
    let mut texts = vec![external];
    texts.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    texts.extend(listen.iter().filter(|listen| !listen.is_unspecified()).map(ToString::to_string));
    texts.extend(server.names.iter().cloned());
    let mut names = Vec::with_capacity(texts.len());
    for text in texts {
        let name = ServerName::parse(&text)
            .with_context(|| format!("server.names: {text:?} is neither a domain name nor an address"))?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_leave_out_what_is_usual() {
        assert_eq!(url("https", "ca.example", 443, 443), "https://ca.example");
        assert_eq!(url("http", "ca.example", 8444, 80), "http://ca.example:8444");
    }

    #[test]
    fn plain_http_stands_beside_https() {
        for (https, http) in [
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("0.0.0.0:443", "0.0.0.0:80"),
            ("[::1]:8443", "[::1]:8444"),
            ("127.0.0.1:65535", "127.0.0.1:65534"),
        ] {
            assert_eq!(beside(https.parse().expect("an address")).to_string(), http);
        }
    }

    #[test]
    fn an_external_url_is_scheme_host_and_port() {
        for (text, url) in [
            ("https://CA.example:8443/", "https://ca.example:8443"),
            ("https://ca.example:443", "https://ca.example"),
            ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(checked("x", text, "https").expect("it is one"), url);
        }
        for wrong in [
            "ca.example",
            "http://ca.example",
            "https://ca.example/acme",
            "https://a@ca.example",
            "https://:a@ca.example",
            "https://ca.example?x",
        ] {
            assert!(checked("x", wrong, "https").is_err(), "{wrong}");
        }
    }
}
