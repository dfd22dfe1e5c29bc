//! The directory tells only the truth: whatever a profile offers and does not offer, what is advertised works, and what is
//! not advertised is refused or means nothing. Every combination of the settings is tried on one profile, at both forms of
//! URL.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::client::{Account, Endpoint, Response, challenge, text};
use crate::house::{moment, name, open};
use crate::jws::Signer;
use crate::profiles::{Profiles, create};

/// The challenge types, and what each can prove: a name, a wildcard, an address (RFC 8555 section 8, RFC 8737, RFC 8738,
/// and the drafts).
const CHALLENGES: [(&str, [bool; 3]); 5] = [
    ("http-01", [true, false, true]),
    ("dns-01", [true, true, false]),
    ("tls-alpn-01", [true, false, true]),
    ("dns-account-01", [true, true, false]),
    ("dns-persist-01", [true, true, false]),
];

#[test]
fn s7_1_1_every_combination_of_challenge_types_is_offered_as_it_is_set() {
    let profiles = Profiles::acme(&json!({}));
    let endpoints = [profiles.endpoint(), profiles.activated()];
    let accounts = endpoints.each_ref().map(|endpoint| endpoint.register("ES256"));
    for chosen in subsets(&CHALLENGES).into_iter().filter(|chosen| !chosen.is_empty()) {
        for identities in [json!([]), json!(["acme.test"])] {
            let types: Vec<&str> = chosen.iter().map(|(kind, _)| *kind).collect();
            profiles.change_acme(&json!({"challenges": types, "caaIdentities": identities}));
            let host = name("truth");
            let asked = [("dns", host.clone()), ("dns", format!("*.{host}")), ("ip", "127.0.0.1".to_owned())];
            for account in &accounts {
                for (place, (kind, value)) in asked.iter().enumerate() {
                    // A record that stays has to name the authority, so it needs a name.
                    let named = |kind: &str| kind != "dns-persist-01" || identities != json!([]);
                    let expected: BTreeSet<&str> = chosen
                        .iter()
                        .filter(|(kind, proves)| proves[place] && named(kind))
                        .map(|(kind, _)| *kind)
                        .collect();
                    let told = || format!("{types:?}, {identities}, {value}");
                    let response = order(account, &json!({"identifiers": [{"type": kind, "value": value}]}));
                    if expected.is_empty() {
                        assert_eq!(response.problem(), "rejectedIdentifier", "{}: {response:?}", told());
                        continue;
                    }
                    let placed = response.expect(201).json();
                    let url = placed["authorizations"][0].as_str().expect("a URL");
                    assert_eq!(offered(&account.read(url).expect(200).json()), expected, "{}", told());
                }
            }
        }
    }
}

/// RFC 8555 section 7.1.1: the names by which CAA records mean this authority, so there are none where nobody asks for such
/// records. Issuer domain names of dns-persist-01 stand in its challenges, and by draft -02 (section 3.2: "a CA that does not
/// perform CAA validation has no names to disclose there") in `issuerDomainNames`.
#[test]
fn s7_1_1_caa_identities_are_told_where_caa_records_are_asked_for() {
    let names = json!(["acme.test", "ca.acme.test"]);
    let profiles = Profiles::acme(&json!({"caaIdentities": names}));
    profiles.activate(&profiles.acme);
    let forms = [profiles.acme.clone(), format!("raProfile/{}", profiles.ra)];
    for caa in ["on", "off"] {
        for challenges in [json!(["dns-01"]), json!(["dns-01", "dns-persist-01"])] {
            for draft in [1, 2] {
                profiles.change_acme(&json!({"caa": caa, "challenges": challenges, "dnsPersistDraft": draft}));
                for endpoint in forms.each_ref().map(|form| open(form)) {
                    let meta = endpoint.directory()["meta"].clone();
                    let told = || format!("{caa}, {challenges}, {draft}: {meta}");
                    assert_eq!(meta.get("caaIdentities"), (caa == "on").then_some(&names), "{}", told());
                    let persists = challenges.as_array().is_some_and(|types| types.len() == 2);
                    let advertised = (persists && draft == 2).then_some(&names);
                    assert_eq!(meta.get("issuerDomainNames"), advertised, "{}", told());
                    if persists {
                        let account = endpoint.register("ES256");
                        let placed = order(&account, &json!({"identifiers": identifiers()})).expect(201).json();
                        let proof =
                            account.read(placed["authorizations"][0].as_str().expect("a URL")).expect(200).json();
                        let member = if draft == 1 { "issuer-domain-names" } else { "issuerDomainNames" };
                        assert_eq!(challenge(&proof, "dns-persist-01")[member], names, "{}", told());
                    }
                }
            }
        }
    }
}

/// An extension that a profile offers or not.
struct Extension {
    /// The settings that offer it, or do not.
    settings: fn(offered: bool, other: &str) -> Value,
    /// Whether the directory advertises it.
    advertised: fn(&Endpoint) -> bool,
    /// Uses it, and fails the test unless it works as it is offered, or is not there.
    used: fn(&Endpoint, &Account<'_>, offered: bool, other: &str),
}

const EXTENSIONS: &[Extension] = &[
    // RFC 9773.
    Extension {
        settings: |offered, _| json!({"renewalInfo": offered}),
        advertised: |endpoint| endpoint.directory().get("renewalInfo").is_some(),
        used: |endpoint, account, offered, _| {
            let base = endpoint.directory_url().trim_end_matches("directory");
            let asked = endpoint.send("GET", &format!("{base}renewal-info/none"), &[], b"");
            // Where there is no such resource, the same name means nothing.
            assert_eq!(asked.status, if offered { 400 } else { 404 }, "{asked:?}");
            let payload = json!({"identifiers": identifiers(), "replaces": "none"});
            assert_eq!(order(account, &payload).status, if offered { 400 } else { 201 });
        },
    },
    // RFC 8555 section 7.4.1.
    Extension {
        settings: |offered, _| json!({"preAuthorization": offered}),
        advertised: |endpoint| endpoint.directory().get("newAuthz").is_some(),
        used: |endpoint, account, offered, _| {
            let url = endpoint.directory_url().replace("/directory", "/new-authz");
            let asked = account.post(&url, &json!({"identifier": identifiers()[0]}));
            match offered {
                true => asked.expect(201),
                false => asked.expect_problem(403, "unauthorized"),
            };
        },
    },
    // RFC 9444.
    Extension {
        settings: |offered, _| json!({"subdomainAuthorization": offered}),
        advertised: |endpoint| endpoint.directory()["meta"]["subdomainAuthAllowed"] == true,
        used: |_, account, offered, _| {
            let mut asked = identifiers();
            asked[0]["ancestorDomain"] = json!("acme.test");
            let placed = order(account, &json!({"identifiers": asked})).expect(201).json();
            let proof = account.read(placed["authorizations"][0].as_str().expect("a URL")).expect(200).json();
            let proven = if offered { &asked[0]["ancestorDomain"] } else { &asked[0]["value"] };
            assert_eq!(&proof["identifier"]["value"], proven);
            assert_eq!(proof["subdomainAuthAllowed"] == true, offered, "{proof}");
        },
    },
    // draft-ietf-acme-profiles.
    Extension {
        settings: |offered, other| json!({"raProfiles": if offered { vec![other] } else { Vec::new() }}),
        advertised: |endpoint| endpoint.directory()["meta"].get("profiles").is_some(),
        used: |endpoint, account, offered, other| {
            // At /acme/raProfile/ the one profile of the URL can be named.
            let here = endpoint.directory()["meta"]["profiles"].as_object();
            let names: Vec<String> = here.into_iter().flatten().map(|(name, _)| name.clone()).collect();
            for name in &names {
                order(account, &json!({"identifiers": identifiers(), "profile": name})).expect(201);
            }
            if !offered || !names.iter().any(|name| name == other) {
                let refused = order(account, &json!({"identifiers": identifiers(), "profile": other}));
                refused.expect_problem(400, "invalidProfile");
            }
        },
    },
    // RFC 8555 section 7.1.1: externalAccountRequired.
    Extension {
        settings: |offered, _| json!({"externalAccountRequired": offered}),
        advertised: |endpoint| endpoint.directory()["meta"]["externalAccountRequired"] == true,
        used: |endpoint, _, offered, _| {
            let url = endpoint.url("newAccount");
            let signer = Signer::new("ES256");
            let response = endpoint.post(url, signer.with_jwk(url).payload(&json!({})));
            match offered {
                true => response.expect_problem(403, "externalAccountRequired"),
                false => response.expect(201),
            };
        },
    },
    // RFC 8739.
    Extension {
        settings: |offered, _| json!({"autoRenewal": offered.then(|| json!({"minLifetime": "1d"}))}),
        advertised: |endpoint| endpoint.directory()["meta"].get("auto-renewal").is_some(),
        used: |_, account, offered, _| {
            let renewal = json!({"end-date": moment(10 * 86_400), "lifetime": 86_400});
            let response = order(account, &json!({"identifiers": identifiers(), "auto-renewal": renewal}));
            match offered {
                true => assert!(response.expect(201).json().get("auto-renewal").is_some()),
                false => drop(response.expect_problem(400, "malformed")),
            }
        },
    },
];

#[test]
fn s7_1_1_every_combination_of_extensions_is_advertised_as_it_works() {
    let profiles = Profiles::acme(&json!({}));
    let other = format!("{}-other", profiles.ra);
    create("raProfiles", &other, &json!({}));
    let forms = [profiles.acme.clone(), format!("raProfile/{}", profiles.ra)];
    profiles.activate(&profiles.acme);
    let before = forms.each_ref().map(|form| open(form));
    let registered = before.each_ref().map(|endpoint| endpoint.register("ES256"));
    for chosen in subsets(&(0..EXTENSIONS.len()).collect::<Vec<_>>()) {
        for (place, extension) in EXTENSIONS.iter().enumerate() {
            profiles.change_acme(&(extension.settings)(chosen.contains(&place), &other));
        }
        for (form, account) in forms.iter().zip(&registered) {
            let endpoint = open(form);
            for (place, extension) in EXTENSIONS.iter().enumerate() {
                let offered = chosen.contains(&place);
                assert_eq!((extension.advertised)(&endpoint), offered, "{chosen:?}: {}", endpoint.directory());
                (extension.used)(&endpoint, account, offered, &other);
            }
        }
    }
}

fn identifiers() -> Value {
    json!([{"type": "dns", "value": name("truth")}])
}

fn order(account: &Account<'_>, payload: &Value) -> Response {
    account.post(account.endpoint.url("newOrder"), payload)
}

fn offered(authorization: &Value) -> BTreeSet<&str> {
    let challenges = authorization["challenges"].as_array().expect("a list");
    challenges.iter().map(|challenge| text(challenge, "type")).collect()
}

/// All subsets.
fn subsets<T: Copy>(all: &[T]) -> Vec<Vec<T>> {
    (0..1 << all.len())
        .map(|mask: usize| {
            all.iter().enumerate().filter(|(place, _)| mask >> place & 1 == 1).map(|(_, item)| *item).collect()
        })
        .collect()
}
