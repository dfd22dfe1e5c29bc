//! instant-acme: Rust, with ES256 accounts.

use std::fs;
use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Identifier, NewAccount, NewOrder, OrderStatus,
    RetryPolicy, RevocationReason, RevocationRequest,
};
use rcgen::SanType;
use rustls_pki_types::CertificateDer;
use serde_json::json;

use crate::lab::Lab;
use crate::matrix::{Client, Feature, Trial};
use crate::responder::{Answer, Manner, Responder};
use crate::support::certificate::Chain;

/// Patient, since debug builds on busy machines are slow.
const PATIENCE: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(100)).backoff(1.2).timeout(Duration::from_secs(60));

#[tokio::test]
async fn instant_acme_account_http_01_renewal_key_change_revocation_update_deactivation() {
    let Some(_trial) = Trial::of(
        Client::InstantAcme,
        &[
            Feature::AccountEs256,
            Feature::Http01,
            Feature::Renewal,
            Feature::KeyChange,
            Feature::RevocationByAccount,
            Feature::ContactUpdate,
            Feature::Deactivation,
            Feature::CertificateP256,
        ],
    ) else {
        return;
    };
    let lab = Lab::new();
    let mut account = register(&lab).await;
    let names = ["instant.test", "www.instant.test"];

    let first = obtain(&lab, &account, &names, Means::Http, "first.pem").await;
    let id = account.id().to_owned();
    let credentials = account.update_key().await.expect("the key is changed");
    account.update_contacts(&["mailto:other@instant.test"]).await.expect("the new key speaks for the account");
    let account = Account::builder_with_root(lab.root())
        .expect("the root is a certificate")
        .from_credentials(credentials)
        .await
        .expect("the directory answers");
    assert_eq!(account.id(), id, "the account is the same");
    let second = obtain(&lab, &account, &names, Means::Http, "second.pem").await;
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");

    let der = CertificateDer::from(first.der());
    let request = RevocationRequest { certificate: &der, reason: Some(RevocationReason::CessationOfOperation) };
    account.revoke(&request).await.expect("what it obtained under its old key is still its own");
    let again = account.revoke(&request).await.expect_err("a certificate is revoked once");
    assert!(again.to_string().contains("alreadyRevoked"), "{again}");
    first.assert_revoked(&lab.root());
    second.assert_good(&lab.root());

    let names = [Identifier::Dns("late.test".to_owned())];
    account.clone().deactivate().await.expect("the account is deactivated");
    let refused = account.new_order(&NewOrder::new(&names)).await.err().expect("a deactivated account orders nothing");
    assert!(refused.to_string().contains("unauthorized"), "{refused}");
}

#[tokio::test]
async fn instant_acme_dns_01_wildcard_renewal() {
    let Some(_trial) = Trial::of(Client::InstantAcme, &[Feature::Dns01, Feature::Wildcard, Feature::Renewal]) else {
        return;
    };
    let lab = Lab::new();
    let account = register(&lab).await;
    let names = ["*.instant.test", "instant.test"];
    let first = obtain(&lab, &account, &names, Means::Dns, "first.pem").await;
    let second = obtain(&lab, &account, &names, Means::Dns, "second.pem").await;
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");
}

#[tokio::test]
async fn instant_acme_deactivates_an_authorization() {
    let Some(_trial) = Trial::of(Client::InstantAcme, &[Feature::AuthorizationDeactivation]) else { return };
    let lab = Lab::new();
    let account = register(&lab).await;
    let names = [Identifier::Dns("instant.test".to_owned())];
    let mut order = account.new_order(&NewOrder::new(&names)).await.expect("the order is accepted");
    {
        let mut authorizations = order.authorizations();
        let mut authorization =
            authorizations.next().await.expect("an order has an authorization").expect("its owner may read it");
        let state = authorization.deactivate().await.expect("its owner may deactivate it");
        assert_eq!(state.status, AuthorizationStatus::Deactivated);
    }
    // An order fails with its authorization (RFC 8555 section 7.1.6), and whoever asks for it next is told so.
    let state = order.refresh().await.expect("the order is read");
    assert_eq!(state.status, OrderStatus::Invalid);
}

#[tokio::test]
async fn instant_acme_chooses_a_profile_asks_when_to_renew_and_replaces() {
    let Some(_trial) = Trial::of(
        Client::InstantAcme,
        &[Feature::Profile, Feature::RenewalInformation, Feature::Replaces, Feature::Renewal],
    ) else {
        return;
    };
    let lab = Lab::new();
    let admin = lab.admin();
    let short = json!({"name": "short", "description": "five days", "validity": "5d", "backdate": 0});
    admin.post("/raProfiles", &short).expect(201);
    admin.patch("/acmeProfiles/default", "*", &json!({"raProfiles": ["short"]})).expect(200);
    let account = register(&lab).await;
    let profiles: Vec<_> = account.profiles().map(|profile| (profile.name, profile.description)).collect();
    assert!(profiles.contains(&("short", "five days")) && profiles.len() == 2, "{profiles:?}");

    let names = ["instant.test"];
    let identifiers = [Identifier::Dns(names[0].to_owned())];
    let new = NewOrder::new(&identifiers).profile("short");
    let first = obtain_as(&lab, &account, &new, &names, Means::Http, "first.pem").await;
    assert_eq!(first.days(), 5);
    let der = CertificateDer::from(first.der());
    let id = CertificateIdentifier::try_from(&der).expect("it names its issuer's key");
    let (info, again) = account.renewal_info(&id).await.expect("the server tells when");
    let window = info.suggested_window;
    assert!(window.start < window.end, "{window:?}");
    // A twenty-fourth of five days is five hours.
    assert!(again > Duration::from_secs(4 * 3600) && again <= Duration::from_secs(5 * 3600), "{again:?}");

    let renewal = NewOrder::new(&identifiers).replaces(id.clone());
    let second = obtain_as(&lab, &account, &renewal, &names, Means::Http, "second.pem").await;
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");
    let refused = account.new_order(&renewal).await.err().expect("it is replaced already");
    assert!(refused.to_string().contains("alreadyReplaced"), "{refused}");
}

#[tokio::test]
async fn instant_acme_is_told_to_renew_what_it_revoked_and_does() {
    let Some(_trial) = Trial::of(
        Client::InstantAcme,
        &[Feature::RenewalOfRevoked, Feature::RenewalInformation, Feature::Replaces, Feature::RevocationByAccount],
    ) else {
        return;
    };
    let lab = Lab::new();
    let account = register(&lab).await;
    let names = ["instant.test"];
    let first = obtain(&lab, &account, &names, Means::Http, "first.pem").await;
    let der = CertificateDer::from(first.der());
    let id = CertificateIdentifier::try_from(&der).expect("it names its issuer's key");
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs().cast_signed();
    let (info, _) = account.renewal_info(&id).await.expect("the server tells when");
    assert!(info.suggested_window.start.unix_timestamp() > now(), "{:?}", info.suggested_window);
    let request = RevocationRequest { certificate: &der, reason: Some(RevocationReason::Superseded) };
    account.revoke(&request).await.expect("it is its own");
    let (info, _) = account.renewal_info(&id).await.expect("the server tells when");
    assert!(info.suggested_window.end.unix_timestamp() <= now(), "{:?}", info.suggested_window);

    let identifiers = [Identifier::Dns(names[0].to_owned())];
    let renewal = NewOrder::new(&identifiers).replaces(id);
    let second = obtain_as(&lab, &account, &renewal, &names, Means::Http, "second.pem").await;
    first.assert_revoked(&lab.root());
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");
}

#[tokio::test]
async fn instant_acme_addresses_http_01_and_tls_alpn_01_renewal() {
    let Some(_trial) =
        Trial::of(Client::InstantAcme, &[Feature::IpIdentifier, Feature::Http01, Feature::TlsAlpn01, Feature::Renewal])
    else {
        return;
    };
    let lab = Lab::new();
    let account = register(&lab).await;
    let names = ["127.0.0.1", "instant.test"];
    let first = obtain(&lab, &account, &names, Means::Http, "first.pem").await;
    let second = obtain(&lab, &account, &names, Means::Http, "second.pem").await;
    assert_ne!(first.serial(), second.serial(), "a renewal is a new certificate");

    for (place, name) in [("[::1]:0", "::1"), ("127.0.0.1:0", "127.0.0.1"), ("127.0.0.1:0", "instant.test")] {
        let nothing = Answer::new(SanType::IpAddress(Ipv4Addr::LOCALHOST.into()), "nothing").self_signed();
        let responder = Responder::start_at(place, nothing, Manner::default()).await;
        lab.admin().patch("/acmeProfiles/default", "*", &json!({"tlsPort": responder.port()})).expect(200);
        obtain(&lab, &account, &[name], Means::TlsAlpn(&responder), "alpn.pem").await;
    }
}

/// How an account proves control.
#[derive(Clone, Copy)]
enum Means<'a> {
    Http,
    Dns,
    TlsAlpn(&'a Responder),
}

impl Means<'_> {
    fn kind(self) -> ChallengeType {
        match self {
            Self::Http => ChallengeType::Http01,
            Self::Dns => ChallengeType::Dns01,
            Self::TlsAlpn(_) => ChallengeType::TlsAlpn01,
        }
    }
}

fn identifier(name: &str) -> Identifier {
    name.parse().map_or_else(|_| Identifier::Dns(name.to_owned()), Identifier::Ip)
}

async fn register(lab: &Lab) -> Account {
    let (account, _) = Account::builder_with_root(lab.root())
        .expect("the root is a certificate")
        .create(
            &NewAccount {
                contact: &["mailto:operator@instant.test"],
                terms_of_service_agreed: true,
                only_return_existing: false,
            },
            lab.directory().to_owned(),
            None,
        )
        .await
        .expect("the account is made");
    account
}

async fn obtain(lab: &Lab, account: &Account, names: &[&str], means: Means<'_>, file: &str) -> Chain {
    let identifiers: Vec<Identifier> = names.iter().map(|&name| identifier(name)).collect();
    obtain_as(lab, account, &NewOrder::new(&identifiers), names, means, file).await
}

async fn obtain_as(
    lab: &Lab,
    account: &Account,
    new: &NewOrder<'_>,
    names: &[&str],
    means: Means<'_>,
    file: &str,
) -> Chain {
    let mut order = account.new_order(new).await.expect("the order is accepted");
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.expect("its owner may read it");
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let mut challenge = authorization.challenge(means.kind()).expect("the challenge is offered");
        let key_authorization = challenge.key_authorization();
        match means {
            Means::Http => fs::write(lab.web().challenges().join(&challenge.token), key_authorization.as_str())
                .expect("the challenge's file can be written"),
            Means::Dns => {
                let Identifier::Dns(name) = challenge.identifier().identifier.clone() else {
                    panic!("only DNS names were ordered");
                };
                lab.dns().zone().add_txt(&format!("_acme-challenge.{name}"), &key_authorization.dns_value());
            }
            Means::TlsAlpn(responder) => {
                let name = challenge.identifier().to_string();
                let name = name
                    .parse()
                    .map_or_else(|_| SanType::DnsName(name.as_str().try_into().expect("ASCII")), SanType::IpAddress);
                responder.show(&Answer::new(name, key_authorization.as_str()).self_signed());
            }
        }
        challenge.set_ready().await.expect("the challenge is accepted");
    }
    let status = order.poll_ready(&PATIENCE).await.expect("the order gets ready");
    assert_eq!(status, OrderStatus::Ready);
    order.finalize().await.expect("the CSR is accepted");
    let pem = order.poll_certificate(&PATIENCE).await.expect("the certificate is issued");
    let chain = Chain::write(lab.path(file), pem);
    chain.assert_sound(&lab.root(), names);
    chain.assert_good(&lab.root());
    chain
}
