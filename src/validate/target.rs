//! Where an http-01 request goes: the challenge's own URL, and the few places that a redirect may lead to.

use std::fmt;

use chancery_machine::challenge::Token;
use chancery_machine::identifier::{DnsName, Identifier};
use chancery_machine::network::NetworkRules;
use hyper::http::uri::PathAndQuery;
use thiserror::Error;
use url::{Position, Url};

use super::place::{Host, Place};

/// `http` or `https`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// A URL that may be requested, as far as that can be said before its host is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) scheme: Scheme,
    pub(super) place: Place,
    /// Path and query: what stands in the request line.
    pub(super) path: PathAndQuery,
}

/// Why a redirect is not followed. Says nothing of where it leads.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum BadRedirect {
    #[error("it has no Location that is a URL")]
    NoUrl,
    #[error("it leads to something other than http or https")]
    Scheme,
    #[error("it leads to another port than {0} for http and {1} for https")]
    Port(String, String),
    #[error("it leads to a host that is neither a domain name nor an address")]
    Host,
    #[error("it carries a user name or password")]
    Credentials,
}

impl Target {
    /// The URL of RFC 8555 section 8.3.
    pub(super) fn challenge(identifier: &Identifier, port: u16, token: &Token) -> Self {
        Self {
            scheme: Scheme::Http,
            place: Place::of(identifier, port),
            path: PathAndQuery::try_from(format!("/.well-known/acme-challenge/{}", token.as_str()))
                .expect("a token is base64url text"),
        }
    }

    /// Where the `Location` of an answer from here leads.
    pub(super) fn redirect(&self, location: Option<&str>, rules: &NetworkRules) -> Result<Self, BadRedirect> {
        let location = location.ok_or(BadRedirect::NoUrl)?;
        // Some names that the DNS allows are no host of a URL; then the Location has to be absolute.
        let base = Url::parse(&self.to_string()).ok();
        let url = Url::options().base_url(base.as_ref()).parse(location).map_err(|_| BadRedirect::NoUrl)?;
        let (scheme, ports) = match url.scheme() {
            "http" => (Scheme::Http, [80, rules.http_port]),
            "https" => (Scheme::Https, [443, rules.tls_port]),
            _ => return Err(BadRedirect::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadRedirect::Credentials);
        }
        let port = url
            .port_or_known_default()
            .filter(|port| ports.contains(port))
            .ok_or_else(|| BadRedirect::Port(either(80, rules.http_port), either(443, rules.tls_port)))?;
        let host = match url.host() {
            Some(url::Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                Host::Name(DnsName::parse(name).map_err(|_| BadRedirect::Host)?)
            }
            Some(url::Host::Ipv4(address)) => Host::Address(address.into()),
            Some(url::Host::Ipv6(address)) => Host::Address(address.into()),
            None => return Err(BadRedirect::Host),
        };
        let path = PathAndQuery::try_from(&url[Position::BeforePath..Position::AfterQuery]);
        let path = path.map_err(|_| BadRedirect::NoUrl)?;
        Ok(Self { scheme, place: Place { host, port, redirects: self.place.redirects + 1 }, path })
    }

    /// The `Host` of the request (RFC 9110 section 7.2): with the port unless it is the scheme's own.
    pub(super) fn authority(&self) -> String {
        let own = match self.scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        let Place { host, port, .. } = &self.place;
        if *port == own { host.to_string() } else { format!("{host}:{port}") }
    }

    /// How a client is told of this: by its URL, unless a redirect led here.
    pub(super) fn told(&self) -> String {
        if self.place.redirects == 0 { self.to_string() } else { self.place.told() }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

fn either(own: u16, profile: u16) -> String {
    if own == profile { own.to_string() } else { format!("{own} or {profile}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chancery_machine::challenge::TOKEN_ENTROPY;
    use proptest::prelude::*;

    fn start(port: u16) -> Target {
        let name = Identifier::Dns(DnsName::parse("www.example.org").expect("a name"));
        Target::challenge(&name, port, &Token::new(&[0; TOKEN_ENTROPY]))
    }

    fn follow(location: &str, rules: &NetworkRules) -> Result<String, BadRedirect> {
        start(rules.http_port).redirect(Some(location), rules).map(|target| target.to_string())
    }

    #[test]
    fn the_first_url_is_that_of_section_8_3() {
        let path = format!("/.well-known/acme-challenge/{}", "A".repeat(43));
        assert_eq!(start(80).to_string(), format!("http://www.example.org{path}"));
        assert_eq!(start(5002).to_string(), format!("http://www.example.org:5002{path}"));
    }

    #[test]
    fn redirects_lead_to_web_ports_only() {
        let rules = NetworkRules { http_port: 5002, tls_port: 5001, ..NetworkRules::default() };
        let ports = || BadRedirect::Port("80 or 5002".into(), "443 or 5001".into());
        for (location, expected) in [
            ("/there?a=b#c", Ok("http://www.example.org:5002/there?a=b")),
            ("there", Ok("http://www.example.org:5002/.well-known/acme-challenge/there")),
            ("//other.example/x", Ok("http://other.example/x")),
            ("http://other.example:5002/", Ok("http://other.example:5002/")),
            ("HTTPS://Other.Example.", Ok("https://other.example/")),
            ("https://other.example:5001/x", Ok("https://other.example:5001/x")),
            ("http://127.1/x", Ok("http://127.0.0.1/x")),
            ("http://2130706433/x", Ok("http://127.0.0.1/x")),
            ("http://[::1]:5002/x", Ok("http://[::1]:5002/x")),
            ("http://other.example:22/", Err(ports())),
            ("http://other.example:443/", Err(ports())),
            ("https://other.example:80/", Err(ports())),
            ("ftp://other.example/", Err(BadRedirect::Scheme)),
            ("file:///etc/passwd", Err(BadRedirect::Scheme)),
            ("http://user@other.example/", Err(BadRedirect::Credentials)),
            ("http://:word@other.example/", Err(BadRedirect::Credentials)),
            ("http://under_score.example/", Err(BadRedirect::Host)),
            ("http://", Err(BadRedirect::NoUrl)),
            ("http://a b/", Err(BadRedirect::NoUrl)),
        ] {
            assert_eq!(follow(location, &rules), expected.map(str::to_owned), "{location}");
        }
        assert_eq!(start(80).redirect(None, &rules), Err(BadRedirect::NoUrl));
    }

    #[test]
    fn clients_are_not_told_where_a_redirect_leads() {
        let rules = NetworkRules::default();
        let target = start(80).redirect(Some("http://secret.internal/x"), &rules).expect("a redirect");
        assert_eq!(target.told(), "the target of redirect 1");
    }

    proptest! {
        #[test]
        fn no_location_breaks_out_of_the_request_line(location in "(https?:|/)?[/a-z?#\\PC]*") {
            let rules = NetworkRules::default();
            if let Ok(target) = start(80).redirect(Some(&location), &rules) {
                prop_assert!(target.path.as_str().starts_with('/'));
                prop_assert!(target.path.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert!(target.authority().bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
