//! The tables name what there is, and forms lose nothing.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::describe::{description_of, prose};
use super::{ACME, Field, Group, Options, RA, Widget, read, sections, written};
use crate::admin::settings::{AcmeProfileSettings, AutoRenewalSettings, RaProfileSettings, changed};
use crate::ui::form::Form;

fn fields(groups: &'static [Group]) -> impl Iterator<Item = &'static Field> {
    groups.iter().flat_map(|group| group.fields)
}

fn members(settings: &impl Serialize) -> BTreeSet<String> {
    let value = serde_json::to_value(settings).expect("settings are an object");
    value.as_object().expect("an object").keys().cloned().collect()
}

/// Whoever adds an attribute finds here where it goes: `fields/acme.rs` or `fields/ra.rs`.
#[test]
fn the_tables_name_each_attribute_once() {
    let acme = (ACME, "AcmeProfileSettings", members(&AcmeProfileSettings::default()));
    let ra = (RA, "RaProfileSettings", members(&RaProfileSettings::default()));
    for (groups, schema, members) in [acme, ra] {
        let named: Vec<_> = fields(groups).map(|field| field.name.to_owned()).collect();
        assert_eq!(named.iter().cloned().collect::<BTreeSet<_>>(), members, "the table of {schema}");
        assert_eq!(named.len(), members.len(), "{named:?}");
        for field in fields(groups) {
            assert!(!description_of(schema, field.name).is_empty(), "nothing explains {}", field.name);
            if let Widget::Nested(schema, parts) = &field.widget {
                let named: BTreeSet<_> = parts.iter().map(|part| part.name.to_owned()).collect();
                assert_eq!(named, self::members(&AutoRenewalSettings::default()), "{}", field.name);
                assert!(parts.iter().all(|part| !description_of(schema, part.name).is_empty()));
            }
            let shown = matches!(
                field.widget,
                Widget::Tick
                    | Widget::Choice(_)
                    | Widget::Ticks(_)
                    | Widget::Other
                    | Widget::Others
                    | Widget::Authority
                    | Widget::Nested(..)
            );
            assert!(shown || !field.example.is_empty(), "{} has no example", field.name);
        }
    }
}

/// What a form makes of settings that were written into it.
fn there_and_back<T: Serialize + DeserializeOwned + Default + PartialEq + std::fmt::Debug>(
    groups: &[Group],
    change: Value,
) -> T {
    let Value::Object(change) = change else { panic!("{change} is no object") };
    let settings = changed(&T::default(), &change).expect("sound settings");
    let form = written(groups, &serde_json::to_value(&settings).expect("an object"));
    let members = read(groups, &form).expect("a form that was not touched");
    let back: T = changed(&T::default(), &members).expect("sound settings");
    assert_eq!(back, settings);
    back
}

#[test]
fn a_form_that_was_not_touched_changes_nothing() {
    there_and_back::<AcmeProfileSettings>(ACME, json!({}));
    there_and_back::<RaProfileSettings>(RA, json!({}));
    let acme: AcmeProfileSettings = there_and_back(
        ACME,
        json!({
            "description": "x", "enabled": false, "defaultRaProfile": "web", "raProfiles": ["web", "mail"],
            "challenges": ["dns-01"], "resolvers": ["192.0.2.53:53", "[fd00::53]:53"], "dnsPersistDraft": 2,
            "retryPauses": ["1m 30s", "1h"], "authorizationReuse": "1d 1s", "ordersPerHour": 5,
            "perspectivesRequired": 0,
            "termsOfServiceRequired": false, "preAuthorization": false, "renewalInfo": false,
            "autoRenewal": {"minLifetime": "2d", "maxDuration": "30d", "allowCertificateGet": true},
        }),
    );
    assert!(acme.auto_renewal.is_some_and(|rules| rules.allow_certificate_get));
    there_and_back::<AcmeProfileSettings>(ACME, json!({"retryPauses": []}));
    let ra: RaProfileSettings = there_and_back(
        RA,
        json!({
            "authority": "a", "acmeProfile": "web", "identifierTypes": ["ip"], "allow": ["**.a.example", "10.0.0.0/8"],
            "wildcards": false, "keys": ["rsa"], "rsaBits": [3072, 4096], "longestValidity": "397d", "policies": [],
            "withoutChallenge": [{"name": "lab.example", "match": "subdomain", "wildcard": true},
                {"name": "10.7.0.0/16"}],
            "withoutChallengeMode": "onlyThese", "subject": "CN={name}", "extendedKeyUsages": ["serverAuth", "1.2.3"],
        }),
    );
    assert_eq!(ra.without_challenge.len(), 2);
}

#[test]
fn what_is_wrong_stands_at_its_field() {
    let form = Form::parse(
        b"httpPort=eighty&rsaBits.from=2048&withoutChallenge=a.example%0Ab.example+always&autoRenewal=yes\
          &autoRenewal.minLifetime=1d",
    );
    let acme = read(ACME, &form).expect_err("no number");
    assert_eq!(acme.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), ["httpPort"]);
    let ra = read(RA, &form).expect_err("two faults");
    assert_eq!(
        ra.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(),
        ["withoutChallenge[1]", "rsaBits"],
        "{ra:?}"
    );
    let faults = [("withoutChallenge[1]", "why"), ("rsaBits", "both"), ("withoutChallengeMode", "other")]
        .map(|(field, detail)| (field.to_owned(), detail.to_owned()));
    let defaults = serde_json::to_value(RaProfileSettings::default()).expect("an object");
    let shown = sections((RA, "RaProfileSettings"), &form, &defaults, &Options::default(), &faults);
    let at = |name: &str| {
        let all = shown.iter().flat_map(|section| &section.inputs);
        all.filter(|input| input.name == name).find_map(|input| input.fault.clone())
    };
    assert_eq!(at("withoutChallenge").as_deref(), Some("Entry 2: why"));
    assert_eq!(at("rsaBits").as_deref(), Some("both"));
    assert_eq!(at("withoutChallengeMode").as_deref(), Some("other"));
    assert_eq!(at("allow"), None);
    assert!(shown.iter().any(|section| section.title == "Keys" && section.open), "faults are seen");
}

#[test]
fn a_fault_of_a_part_stands_at_the_part() {
    let form = Form::parse(b"autoRenewal=yes&autoRenewal.minLifetime=1s");
    let faults = [("autoRenewal.minLifetime".to_owned(), "too short".to_owned())];
    let defaults = serde_json::to_value(AcmeProfileSettings::default()).expect("an object");
    let shown = sections((ACME, "AcmeProfileSettings"), &form, &defaults, &Options::default(), &faults);
    let faulty: Vec<_> =
        shown.iter().flat_map(|section| &section.inputs).filter(|input| input.fault.is_some()).collect();
    assert_eq!(faulty.iter().map(|input| input.name.as_str()).collect::<Vec<_>>(), ["autoRenewal.minLifetime"]);
}

#[test]
fn explanations_are_escaped() {
    assert_eq!(prose("a `b<c>` & d"), "a <code>b&#60;c&#62;</code> &#38; d");
}
