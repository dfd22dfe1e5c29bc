//! What may be done with the credential of an external account.

use chancery_machine::eab::{EabCredential, EabScope};
use chancery_machine::profile::ProfileName;
use chancery_machine::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Fault, bounded, description, patterns, profile_name};
use crate::admin::time::{read_rfc3339, rfc3339};

/// How many names and profiles a credential is limited to at the most: it is read whenever one of its accounts places an
/// order.
const MOST: usize = 1000;

/// What may be done with the credential of an external account. Everything may be left out, and then limits nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(as = EabCredentialSettings)]
pub struct EabSettings {
    /// For people: whose it is.
    pub description: String,
    /// Accounts can be bound with these ACME Profiles only.
    pub acme_profiles: Vec<String>,
    /// Accounts can be bound with these RA Profiles only.
    pub ra_profiles: Vec<String>,
    /// Bound accounts can order for these names only: patterns as in `**.corp.example`.
    pub names: Vec<String>,
    /// How many accounts can be bound.
    #[schema(minimum = 1)]
    pub accounts: Option<u32>,
    /// How many orders all those accounts can place together.
    #[schema(minimum = 1)]
    pub orders: Option<u64>,
    /// Until when accounts can be bound (RFC 3339).
    #[schema(format = DateTime)]
    pub expires: Option<String>,
}

impl EabSettings {
    /// The settings of a credential.
    #[must_use]
    pub fn of(credential: &EabCredential) -> Self {
        let EabScope { acme_profiles, ra_profiles, names, accounts, orders, expires } = &credential.scope;
        Self {
            description: credential.description.clone(),
            acme_profiles: acme_profiles.iter().map(ProfileName::to_string).collect(),
            ra_profiles: ra_profiles.iter().map(ProfileName::to_string).collect(),
            names: names.iter().map(ToString::to_string).collect(),
            accounts: *accounts,
            orders: *orders,
            expires: expires.map(rfc3339),
        }
    }

    /// The description and the scope that these settings mean. What was so `before` may lie in the past.
    ///
    /// # Errors
    /// [`Fault`] names the first field at fault.
    pub fn scope(&self, before: Option<&EabScope>, now: Timestamp) -> Result<(String, EabScope), Fault> {
        let expires = self.expires.as_deref().map(|text| read_rfc3339("expires", text)).transpose()?;
        let was = before.and_then(|before| before.expires).map(rfc3339);
        if expires.is_some_and(|expires| expires <= now) && was != self.expires {
            return Err(Fault::new("expires", "it lies in the past; revoke the credential to end it at once"));
        }
        for (field, none) in [("accounts", self.accounts == Some(0)), ("orders", self.orders == Some(0))] {
            if none {
                return Err(Fault::new(field, "at least 1; leave it out, or say null, for no limit"));
            }
        }
        bounded("names", self.names.len(), MOST)?;
        let scope = EabScope {
            acme_profiles: profiles("acmeProfiles", &self.acme_profiles)?,
            ra_profiles: profiles("raProfiles", &self.ra_profiles)?,
            names: patterns("names", &self.names)?,
            accounts: self.accounts,
            orders: self.orders,
            expires,
        };
        Ok((description(&self.description)?, scope))
    }
}

fn profiles(field: &str, texts: &[String]) -> Result<Vec<ProfileName>, Fault> {
    bounded(field, texts.len(), MOST)?;
    texts.iter().enumerate().map(|(place, text)| profile_name(&format!("{field}[{place}]"), text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(settings: &EabSettings) -> String {
        settings.scope(None, Timestamp::from_seconds(1_000_000_000)).expect_err("must be refused").field
    }

    #[test]
    fn settings_come_back_as_they_went() {
        let settings = EabSettings {
            description: "team 7".to_owned(),
            acme_profiles: vec!["default".to_owned()],
            ra_profiles: vec!["web".to_owned()],
            names: vec!["**.corp.example".to_owned(), "10.0.0.0/8".to_owned()],
            accounts: Some(2),
            orders: Some(10),
            expires: Some("2030-01-01T00:00:00Z".to_owned()),
        };
        let now = Timestamp::from_seconds(1_000_000_000);
        let (description, scope) = settings.scope(None, now).expect("it is sound");
        let credential = EabCredential {
            description,
            sealed_key: Vec::new(),
            created: now,
            scope,
            accounts: 0,
            orders: 0,
            revoked: None,
        };
        assert_eq!(EabSettings::of(&credential), settings);
        // What has run out meanwhile does not keep the rest from being changed.
        let later = Timestamp::from_seconds(3_000_000_000);
        assert!(settings.scope(Some(&credential.scope), later).is_ok());
        assert!(settings.scope(None, later).is_err());
    }

    #[test]
    fn the_field_at_fault_is_named() {
        let none = EabSettings::default;
        assert_eq!(fault(&EabSettings { accounts: Some(0), ..none() }), "accounts");
        assert_eq!(fault(&EabSettings { orders: Some(0), ..none() }), "orders");
        assert_eq!(fault(&EabSettings { names: vec!["a..b".to_owned()], ..none() }), "names[0]");
        assert_eq!(fault(&EabSettings { ra_profiles: vec!["a/b".to_owned()], ..none() }), "raProfiles[0]");
        assert_eq!(fault(&EabSettings { expires: Some("tomorrow".to_owned()), ..none() }), "expires");
        assert_eq!(fault(&EabSettings { expires: Some("2001-01-01T00:00:00Z".to_owned()), ..none() }), "expires");
    }
}
