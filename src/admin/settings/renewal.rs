//! When clients are told to renew (RFC 9773): that part of an ACME Profile's settings.

use chancery_machine::renewal::RenewalRules;

use super::acme::{AcmeProfileSettings, within};
use super::{Fault, url};

impl AcmeProfileSettings {
    /// The rules of renewal that these settings mean.
    pub(super) fn renewal(&self) -> Result<RenewalRules, Fault> {
        if self.renewal_begin > 95 {
            let detail = format!("it is {}, and has to be between 0 and 95 hundredths of a life", self.renewal_begin);
            return Err(Fault::new("renewalBegin", detail));
        }
        let left = 100 - self.renewal_begin;
        if !(1..=left).contains(&self.renewal_length) {
            let detail = format!(
                "it is {}, and has to be between 1 and the {left} hundredths of a life that are left after renewalBegin",
                self.renewal_length
            );
            return Err(Fault::new("renewalLength", detail));
        }
        Ok(RenewalRules {
            offered: self.renewal_info,
            begin: self.renewal_begin,
            length: self.renewal_length,
            interval: within("renewalInterval", self.renewal_interval, 60, 86_400)?,
            explanation_url: url("renewalExplanationUrl", self.renewal_explanation_url.as_ref())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use chancery_machine::profile::Seconds;

    use super::*;
    use crate::span::Span;

    #[test]
    fn a_wrong_setting_is_named() {
        let with = |change: fn(&mut AcmeProfileSettings)| {
            let mut settings = AcmeProfileSettings::default();
            change(&mut settings);
            settings.renewal().map_err(|fault| fault.field)
        };
        assert_eq!(with(|_| ()), Ok(RenewalRules::default()), "the defaults are the machine's");
        assert_eq!(with(|settings| settings.renewal_begin = 96), Err("renewalBegin".to_owned()));
        assert_eq!(with(|settings| settings.renewal_length = 0), Err("renewalLength".to_owned()));
        assert_eq!(with(|settings| settings.renewal_length = 35), Err("renewalLength".to_owned()));
        assert!(with(|settings| settings.renewal_length = 34).is_ok());
        let interval = |seconds| {
            let renewal_interval = Span(Seconds(seconds));
            AcmeProfileSettings { renewal_interval, ..AcmeProfileSettings::default() }.renewal()
        };
        assert!(interval(59).is_err() && interval(86_401).is_err() && interval(60).is_ok());
        let wrong = with(|settings| settings.renewal_explanation_url = Some("ca.example".into()));
        assert_eq!(wrong, Err("renewalExplanationUrl".to_owned()));
    }
}
