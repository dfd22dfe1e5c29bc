//! Any bytes as the value of a CAA record (RFC 8659 section 4.2) or of one of dns-persist-01: refused or understood, and what
//! is understood is what stands there.
#![no_main]

use chancery_fuzz::validate::issue_value::{IssueValue, Repeated};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(value) = IssueValue::parse(bytes) else { return };
    let text = std::str::from_utf8(bytes).expect("the grammar has no octet beyond ASCII");
    if let Some(issuer) = &value.issuer {
        assert!(text.to_ascii_lowercase().contains(issuer.as_str()));
        assert!(issuer.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')));
        assert!(value.names(std::slice::from_ref(issuer)));
    }
    for tag in ["accounturi", "validationmethods", "policy", "persistuntil"] {
        match value.parameter(tag) {
            Ok(Some(found)) => assert!(text.contains(found) && !found.contains([';', ' ', '\t'])),
            Ok(None) => {}
            Err(Repeated) => assert!(text.to_ascii_lowercase().matches(tag).count() > 1),
        }
    }
});
