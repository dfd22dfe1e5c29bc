//! `serve --dev`: settings for people who test ACME clients.

use super::ServeArgs;
use crate::config::{AcmeProfileConfig, Config};

/// The ports of Pebble, which test setups of clients expect.
const HTTP_PORT: u16 = 5002;
const TLS_PORT: u16 = 5001;

/// What reaches this machine alone.
pub(super) const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// Makes every ACME Profile one for tests: loopback may be validated, at ports that need no privilege, with one attempt so
/// that a failure is seen at once, and without limits.
pub(super) fn adapt(config: &mut Config, args: &ServeArgs) {
    for profile in config.acme_profiles.values_mut() {
        profile.allowed_networks.extend(LOOPBACK.map(str::to_owned));
        profile.http_port = args.http_port.unwrap_or(HTTP_PORT);
        profile.tls_port = args.tls_port.unwrap_or(TLS_PORT);
        profile.identifiers_per_order = u32::MAX;
        if profile.retry_pauses == AcmeProfileConfig::default().retry_pauses {
            profile.retry_pauses.clear();
        }
        if let Some(resolver) = args.resolver {
            profile.resolvers = vec![resolver];
        }
    }
}
