//! `serve --dev`: settings for people who test ACME clients.

use serde_json::json;

use super::ServeArgs;
use crate::admin::apply::Declared;

/// The ports of Pebble, which test setups of clients expect.
const HTTP_PORT: u16 = 5002;
const TLS_PORT: u16 = 5001;

/// Makes every declared ACME Profile one for tests: at ports that need no privilege, with one attempt so that a failure is
/// seen at once, and as many identifiers in an order as there can be.
pub(super) fn adapt(declared: &mut Declared, args: &ServeArgs) {
    for profile in declared.acme_profiles.values_mut() {
        profile.insert("httpPort".into(), json!(args.http_port.unwrap_or(HTTP_PORT)));
        profile.insert("tlsPort".into(), json!(args.tls_port.unwrap_or(TLS_PORT)));
        profile.insert("identifiersPerOrder".into(), json!(1000));
        profile.entry("retryPauses").or_insert_with(|| json!([]));
        if let Some(resolver) = args.resolver {
            profile.insert("resolvers".into(), json!([resolver]));
        }
    }
}
