//! The settings of automatic renewal, which an ACME Profile may offer.

use chancery_machine::profile::{AutoRenewalRules, Seconds};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Fault;
use super::acme::within;
use crate::span::Span;

/// The longest time for which an order may be renewed: what its profiles were is kept for longer.
const LONGEST: u64 = 366 * 86_400;

/// What orders may ask for whose certificates are renewed automatically (RFC 8739). Everything may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AutoRenewalSettings {
    /// The shortest lifetime of a certificate that an order may ask for.
    pub min_lifetime: Span,
    /// The longest time from the start date of an order to its end date.
    pub max_duration: Span,
    /// Whether an order may have its certificate given to whoever has the URL, without a signature (section 3.4).
    pub allow_certificate_get: bool,
}

impl Default for AutoRenewalSettings {
    fn default() -> Self {
        Self { min_lifetime: Span::days(1), max_duration: Span::days(365), allow_certificate_get: false }
    }
}

impl AutoRenewalSettings {
    /// The settings of these rules.
    #[must_use]
    pub const fn of(rules: &AutoRenewalRules) -> Self {
        Self {
            min_lifetime: Span(rules.min_lifetime),
            max_duration: Span(rules.max_duration),
            allow_certificate_get: rules.certificate_get,
        }
    }

    /// The rules that these settings make.
    ///
    /// # Errors
    /// [`Fault`] names the field at fault.
    pub fn rules(&self) -> Result<AutoRenewalRules, Fault> {
        // Half of a lifetime is at least a second (section 3.5).
        let min_lifetime = within("autoRenewal.minLifetime", self.min_lifetime, 2, LONGEST)?;
        let Seconds(least) = min_lifetime;
        let max_duration = within("autoRenewal.maxDuration", self.max_duration, least, LONGEST)?;
        Ok(AutoRenewalRules { min_lifetime, max_duration, certificate_get: self.allow_certificate_get })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_and_rules_say_the_same() {
        for allow_certificate_get in [false, true] {
            let settings = AutoRenewalSettings { allow_certificate_get, ..AutoRenewalSettings::default() };
            assert_eq!(settings.rules().as_ref().map(AutoRenewalSettings::of), Ok(settings));
        }
    }

    #[test]
    fn the_field_at_fault_is_named() {
        let sound = AutoRenewalSettings::default();
        for (wrong, field) in [
            (AutoRenewalSettings { min_lifetime: Span(Seconds(1)), ..sound }, "autoRenewal.minLifetime"),
            (AutoRenewalSettings { max_duration: Span(Seconds(86_399)), ..sound }, "autoRenewal.maxDuration"),
            (AutoRenewalSettings { max_duration: Span::days(367), ..sound }, "autoRenewal.maxDuration"),
        ] {
            assert_eq!(wrong.rules().expect_err("must be refused").field, field);
        }
    }
}
