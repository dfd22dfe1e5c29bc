//! What a person needs to know, once the server answers.

use std::fmt;
use std::path::Path;

use chancery_actors::profiles::ProfileSet;
use chancery_machine::profile::Endpoint;
use secrecy::ExposeSecret;

use super::bootstrap;
use super::first_token::FirstToken;
use crate::passphrase::Source;

/// What `serve` prints. Begins with the directory and ends with a line for certbot.
pub(super) struct Greeting<'a> {
    /// Scheme, host and port of the ACME endpoints.
    pub(super) external: &'a str,
    /// Scheme, host and port of the management API.
    pub(super) api: &'a str,
    /// Where the CRL is.
    pub(super) crl: &'a str,
    /// Where the root certificate lies.
    pub(super) root: &'a Path,
    /// Where the passphrase came from.
    pub(super) passphrase: &'a Source,
    /// Where the first token has gone.
    pub(super) first_token: &'a FirstToken,
    /// How this run differs from one for everybody.
    pub(super) mode: Option<&'a str>,
    /// An endpoint that answers.
    pub(super) endpoint: Option<Endpoint>,
}

/// The endpoint that people are shown: the one that a server begins with, or else the first that answers.
pub(super) fn shown(profiles: &ProfileSet) -> Option<Endpoint> {
    let begun = profiles.acme.keys().filter(|name| name.as_str() == bootstrap::FIRST);
    let acme = begun.chain(profiles.acme.keys()).cloned().map(Endpoint::AcmeProfile);
    let ra = profiles.ra.keys().cloned().map(Endpoint::RaProfile);
    acme.chain(ra).find(|endpoint| profiles.resolve(endpoint).is_ok())
}

impl fmt::Display for Greeting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { external, api, crl, .. } = self;
        let root = self.root.display();
        let directory = match &self.endpoint {
            Some(endpoint) => format!("{external}/acme/{endpoint}/directory"),
            None => format!("{external}/acme/NAME/directory"),
        };
        match &self.endpoint {
            Some(_) => writeln!(f, "directory: {directory}")?,
            None => writeln!(
                f,
                "directory: no endpoint answers: `chancery profile list` shows what is disabled or has no RA Profile, \
                 `chancery profile create NAME --ra-profile NAME` makes one"
            )?,
        }
        writeln!(f, "root:      {root}\ncrl:       {crl}\nui:        {api}/ui\napi:       {api}/api/v1/docs/")?;
        match self.passphrase {
            Source::MadeKeyFile(path) => writeln!(
                f,
                "key file:  {} (made now: it opens the issuing keys, so keep a copy apart from the data)",
                path.display()
            )?,
            Source::File(_) | Source::Environment | Source::Credential(_) | Source::KeyFile(_) => {}
        }
        match self.first_token {
            FirstToken::NotNeeded => {}
            FirstToken::Shown(token) => {
                let token = token.expose_secret();
                writeln!(f, "token:     {token} (an administrator's, shown only now: keep it safe)")?;
            }
            FirstToken::Written(path) => writeln!(f, "token:     in {} (an administrator's)", path.display())?,
        }
        if let Some(mode) = self.mode {
            writeln!(f, "mode:      {mode}")?;
        }
        writeln!(f, "certbot:   REQUESTS_CA_BUNDLE={root} certbot certonly --standalone --server {directory} -d NAME")
    }
}
