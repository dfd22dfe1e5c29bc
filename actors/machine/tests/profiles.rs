//! What profiles are written in, against simpler code that says the same, and every profile against its snapshot.

#[path = "profiles/arbitrary.rs"]
mod arbitrary;

use std::fmt::Debug;

use chancery_machine::identifier::Subject;
use chancery_machine::profile::{
    IdentifierPattern, IdentifierRules, NameRefused, Oid, SubjectAttribute, SubjectTemplate,
};
use chancery_machine::snapshot::{self, Snapshot};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use arbitrary::{acme_profile, credential, oid, ra_profile, template_part};

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: Some(Box::new(FileFailurePersistence::Off)), ..ProptestConfig::default() }
}

/// Few letters, so that labels often fit.
fn glob() -> impl Strategy<Value = String> {
    let label = prop_oneof![3 => "[ab*]{1,4}", 1 => Just("**".to_owned()), 1 => Just("*".to_owned())];
    prop::collection::vec(label, 1..6)
        .prop_map(|labels| labels.join("."))
        .prop_filter("a pattern", |text| IdentifierPattern::parse(text).is_ok())
}

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec("[ab]{1,3}", 1..6).prop_map(|labels| labels.join("."))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..config() })]

    #[test]
    fn a_pattern_covers_what_a_naive_matcher_says(glob in glob(), name in name(), wildcard: bool) {
        let subject = subject(&name, wildcard);
        let pattern = IdentifierPattern::parse(&glob.to_ascii_uppercase()).expect("capital letters are small ones");
        let labels: Vec<_> = wildcard.then_some("*").into_iter().chain(name.split('.')).collect();
        let globs: Vec<_> = glob.split('.').collect();
        prop_assert_eq!(pattern.covers(&subject), naive(&globs, &labels, |glob| glob == "*"));
        prop_assert_eq!(pattern.touches(&subject), naive(&globs, &labels, |_| true));
    }

    /// What the two words mean, whatever finds it out.
    #[test]
    fn a_wildcard_stands_for_every_name_below(glob in glob(), name in name(), label in "[ab]{1,3}") {
        let pattern = IdentifierPattern::parse(&glob).expect("a pattern");
        let (wildcard, below) = (subject(&name, true), subject(&format!("{label}.{name}"), false));
        prop_assert!(!pattern.covers(&wildcard) || pattern.covers(&below), "all of {wildcard} but not {below}");
        prop_assert!(!pattern.covers(&below) || pattern.touches(&wildcard), "nothing of {wildcard} but {below}");
        prop_assert!(!pattern.covers(&wildcard) || pattern.touches(&wildcard));
        prop_assert_eq!(pattern.covers(&below), pattern.touches(&below), "for a plain name they are the same");
        let denied = IdentifierRules { deny: vec![pattern.clone()], ..IdentifierRules::default() };
        if pattern.covers(&below) {
            prop_assert_eq!(denied.check(&wildcard), Err(NameRefused::Denied));
        }
    }

    #[test]
    fn any_text_is_a_pattern_that_reads_back_or_none(text in "[a-zA-Z0-9*./:-]{0,24}|\\PC{0,24}") {
        if let Ok(pattern) = IdentifierPattern::parse(&text) {
            prop_assert_eq!(IdentifierPattern::parse(&pattern.to_string()), Ok(pattern));
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_subject_template_reads_back(parts in prop::collection::vec(template_part(), 1..=16)) {
        let escaped = |value: &str| value.replace('\\', "\\\\").replace(',', "\\,");
        let text: Vec<_> = parts.iter().map(|(kind, value)| format!("{}={}", kind.token(), escaped(value))).collect();
        let template = SubjectTemplate::parse(&text.join(",")).expect("its parts are sound");
        prop_assert_eq!(SubjectTemplate::parse(&template.to_string()), Ok(template.clone()));
        let filled: Vec<_> = template.filled("host.example").collect();
        let expected: Vec<_> = parts
            .into_iter()
            .map(|(kind, value)| (kind, value.trim().replace("{name}", "host.example")))
            .filter(|(kind, value)| value.chars().count() <= kind.longest())
            .collect();
        prop_assert_eq!(filled, expected);
    }

    #[test]
    fn any_text_is_a_template_that_reads_back_or_none(text in "((CN|o|OU|C|st|L| ?)=[a{}name,\\\\= A-Z]{0,8},?){0,4}|\\PC{0,32}") {
        if let Ok(template) = SubjectTemplate::parse(&text) {
            let written = template.to_string();
            prop_assert_eq!(SubjectTemplate::parse(&written).map(|read| read.to_string()), Ok(written));
            prop_assert!(template.filled("a").all(|(kind, value)| value.chars().count() <= kind.longest()));
            let countries = template.filled("a").filter(|(kind, _)| *kind == SubjectAttribute::Country);
            prop_assert!(countries.into_iter().all(|(_, code)| code.bytes().all(|byte| byte.is_ascii_uppercase())));
        }
    }

    #[test]
    fn an_object_identifier_reads_back(oid in oid()) {
        prop_assert_eq!(Oid::parse(oid.as_str()), Ok(oid.clone()));
        prop_assert_eq!(oid.to_string(), oid.as_str());
    }

    #[test]
    fn any_text_is_an_object_identifier_as_it_stands_or_none(text in "[0-9.]{0,24}|\\PC{0,16}") {
        if let Ok(oid) = Oid::parse(&text) {
            prop_assert_eq!(oid.as_str(), &text);
            let arcs: Vec<u32> = text.split('.').map(|arc| arc.parse().expect("a number")).collect();
            prop_assert!(arcs.len() >= 2 && arcs[0] <= 2 && arcs[1] < 40);
        }
    }

    #[test]
    fn every_acme_profile_reads_back_equal(profile in acme_profile()) {
        reads_back(&profile)?;
    }

    #[test]
    fn every_ra_profile_reads_back_equal(profile in ra_profile()) {
        reads_back(&profile)?;
    }

    #[test]
    fn every_credential_reads_back_equal(credential in credential()) {
        reads_back(&credential)?;
    }
}

fn subject(name: &str, wildcard: bool) -> Subject {
    Subject::dns(&if wildcard { format!("*.{name}") } else { name.to_owned() }).expect("a name")
}

/// Tries everything; `star` says which globs the star of a wildcard fits.
fn naive(globs: &[&str], labels: &[&str], star: fn(&str) -> bool) -> bool {
    match (globs.split_first(), labels.split_first()) {
        (None, label) => label.is_none(),
        (Some((&"**", globs)), _) => (1..=labels.len()).any(|taken| naive(globs, &labels[taken..], star)),
        (Some(_), None) => false,
        (Some((glob, globs)), Some((label, labels))) => {
            let fits = if *label == "*" { star(glob) } else { run(glob.as_bytes(), label.as_bytes()) };
            fits && naive(globs, labels, star)
        }
    }
}

/// The same for the characters of a label.
fn run(glob: &[u8], label: &[u8]) -> bool {
    match (glob.split_first(), label.split_first()) {
        (None, letter) => letter.is_none(),
        (Some((b'*', glob)), _) => (0..=label.len()).any(|taken| run(glob, &label[taken..])),
        (Some((wanted, glob)), Some((letter, label))) => wanted == letter && run(glob, label),
        (Some(_), None) => false,
    }
}

fn reads_back<T: Snapshot + PartialEq + Debug>(value: &T) -> Result<(), TestCaseError> {
    let read = snapshot::decode::<T>(&snapshot::encode(value));
    prop_assert_eq!(read.as_ref(), Ok(value));
    Ok(())
}
