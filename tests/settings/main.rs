//! Any JSON as settings of a profile: refused with the field at fault, or a profile that says the same in every form.

use chancery::admin::settings::{AcmeProfileSettings, Fault, RaProfileSettings, changed};
use chancery_machine::id::{AuthorityId, Id};
use chancery_machine::profile::{AcmeProfile, ProfileName, RaProfile};
use chancery_machine::snapshot;
use chancery_machine::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

proptest! {
    #![proptest_config(ProptestConfig { cases: 8192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_acme_profile_says_what_its_settings_say(change in change::<AcmeProfileSettings>()) {
        let Ok(settings) = changed(&AcmeProfileSettings::default(), &change) else { return Ok(()) };
        let Ok(profile) = acme_profile(&settings) else { return Ok(()) };
        prop_assert_eq!(&acme_profile(&AcmeProfileSettings::of(&profile)), &Ok(profile.clone()));
        prop_assert_eq!(snapshot::decode::<AcmeProfile>(&snapshot::encode(&profile)), Ok(profile.clone()));
        unchanged(&AcmeProfileSettings::of(&profile))?;
    }

    #[test]
    fn an_ra_profile_says_what_its_settings_say(change in change::<RaProfileSettings>()) {
        let Ok(settings) = changed(&RaProfileSettings::default(), &change) else { return Ok(()) };
        let Ok(profile) = ra_profile(&settings) else { return Ok(()) };
        prop_assert_eq!(&ra_profile(&RaProfileSettings::of(&profile)), &Ok(profile.clone()));
        prop_assert_eq!(snapshot::decode::<RaProfile>(&snapshot::encode(&profile)), Ok(profile.clone()));
        unchanged(&RaProfileSettings::of(&profile))?;
    }

    /// A fault is of a field that the change has, or of one that goes with it: never of none at all.
    #[test]
    fn a_fault_names_a_field(change in change::<RaProfileSettings>()) {
        let fault = match changed(&RaProfileSettings::default(), &change) {
            Err(fault) => Some(fault),
            Ok(settings) => ra_profile(&settings).err(),
        };
        if let Some(Fault { field, detail }) = fault {
            prop_assert!(!detail.is_empty());
            prop_assert!(!field.is_empty() || change.keys().any(|name| detail.contains(name.as_str())), "{detail}");
        }
    }
}

fn acme_profile(settings: &AcmeProfileSettings) -> Result<AcmeProfile, Fault> {
    settings.profile(name(), None, NOW)
}

fn ra_profile(settings: &RaProfileSettings) -> Result<RaProfile, Fault> {
    settings.profile(name(), |_| Ok(AuthorityId(Id::from_bytes([7; 16]))))
}

fn name() -> ProfileName {
    ProfileName::parse("default").expect("a name")
}

/// A change of nothing changes nothing, nor does a change to what it is already.
fn unchanged<T>(settings: &T) -> Result<(), TestCaseError>
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let same = serde_json::to_value(settings).expect("settings are JSON");
    let members = same.as_object().cloned().expect("settings are an object");
    for change in [Map::new(), members] {
        let found = changed(settings, &change);
        prop_assert_eq!(found.as_ref(), Ok(settings));
    }
    Ok(())
}

/// A few members, mostly with names that are known, and values that are often of the right form.
fn change<T: Default + serde::Serialize>() -> impl Strategy<Value = Map<String, Value>> {
    let defaults = serde_json::to_value(T::default()).expect("settings are JSON");
    let names: Vec<String> = defaults.as_object().expect("settings are an object").keys().cloned().collect();
    let known = prop::sample::select(names).prop_flat_map(move |name| {
        let fitting = match &defaults[&name] {
            Value::Bool(_) => any::<bool>().prop_map(Value::Bool).boxed(),
            Value::Number(_) => number().boxed(),
            Value::Array(_) => prop::collection::vec(word(), 0..3).prop_map(Value::Array).boxed(),
            Value::Null | Value::String(_) | Value::Object(_) => word().boxed(),
        };
        (Just(name), prop_oneof![5 => fitting, 1 => value()])
    });
    let unknown = ("[a-zA-Z]{0,8}", value());
    prop::collection::vec(prop_oneof![30 => known, 1 => unknown], 0..5)
        .prop_map(|members| members.into_iter().collect())
}

fn word() -> impl Strategy<Value = Value> {
    let words = [
        "dns",
        "http-01",
        "dns-01",
        "p256",
        "ed25519",
        "rsa",
        "onlyThese",
        "default",
        "raProfile",
        "https://ca.example/x",
        "http://[::1]/",
        "ca.example",
        "CA.example",
        "90d",
        "1h 30m",
        "10.0.0.0/8",
        "fd00::/8",
        "::ffff:1.2.3.4/100",
        "192.0.2.53:53",
        "[2001:db8::53]:53",
        "[fe80::1%2]:53",
        "**.corp.example",
        "*.Corp.example",
        "CN={name},O=Example\\, Inc.",
        "cn = a ,C=DE",
        "digitalSignature",
        "serverAuth",
        "1.3.6.1.5.5.7.3.1",
        "2.999.1",
        "soon",
        "",
    ];
    prop::sample::select(words.to_vec()).prop_map(Value::from)
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        5 => (0..100_000_u64).prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let exemption = (word(), any::<bool>())
        .prop_map(|(name, wildcard)| json!([{"name": name, "match": "subdomain", "wildcard": wildcard}]));
    let leaf = prop_oneof![
        4 => word(),
        4 => number(),
        2 => exemption,
        2 => any::<bool>().prop_map(Value::Bool),
        1 => Just(Value::Null),
        1 => Just(json!([3072, 4096])),
        1 => "\\PC{0,8}".prop_map(Value::String),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Value::Array))
}
