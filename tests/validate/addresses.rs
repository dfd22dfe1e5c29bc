//! Identifiers that are addresses (RFC 8738), each rule by its section.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use chancery_actors::ports::{Attempt, Verdict};
use chancery_machine::challenge::ChallengeType;
use chancery_machine::identifier::Identifier;
use chancery_machine::network::NetworkRules;
use chancery_machine::problem::ProblemType;
use chancery_machine::transcript::Happening;
use rcgen::SanType;

use crate::dns::DnsServer;
use crate::responder::{ACME_TLS, Answer, Manner, Responder};
use crate::tls_alpn01::{dns_name, hello};
use crate::web::{Web, ok, redirect};
use crate::{attempt, failed, happened, key_authorization, patient, rules, run};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

async fn validate(kind: ChallengeType, address: IpAddr, network: NetworkRules) -> Verdict {
    let of_a_name = attempt(kind, "replaced.test", NetworkRules::default());
    run(patient(), Attempt { identifier: Identifier::Ip(address), network: Arc::new(network), ..of_a_name }).await
}

#[tokio::test]
async fn s8738_4_http_01_asks_the_address_itself() {
    let dns = DnsServer::start();
    for (address, place) in [(V4, "127.0.0.1:0"), (V6, "[::1]:0")] {
        let web = Web::start_at(place, |_| ok(&key_authorization())).await;
        let verdict = validate(ChallengeType::Http01, address, rules(&dns, web.port())).await;
        assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
        // Section 5, RFC 9110 section 7.2: an IPv6 address in brackets.
        let host = format!("\r\nhost: {}:{}\r\n", place.trim_end_matches(":0"), web.port());
        assert!(web.seen()[0].to_ascii_lowercase().contains(&host), "{}", web.seen()[0]);
    }
    assert!(dns.zone().questions().is_empty(), "nothing is resolved");
}

#[tokio::test]
async fn s8738_4_special_addresses_are_refused_unless_the_profile_allows_them() {
    let dns = DnsServer::start();
    let web = Web::start(|_| ok(&key_authorization())).await;
    let nothing = NetworkRules { allowed: Vec::new(), tls_port: web.port(), ..rules(&dns, web.port()) };
    for kind in [ChallengeType::Http01, ChallengeType::TlsAlpn01] {
        for (address, rule) in [
            ("127.0.0.1", "loopback"),
            ("::1", "loopback"),
            ("169.254.169.254", "metadata"),
            ("fe80::1", "link-local"),
            ("fd00:ec2::254", "metadata"),
            ("0.0.0.0", "this network"),
            ("255.255.255.255", "broadcast"),
            ("224.0.0.1", "multicast"),
        ] {
            let verdict = validate(kind, address.parse().expect("an address"), nothing.clone()).await;
            failed(&verdict, ProblemType::Connection, &[address, rule, "operator"]);
            assert!(happened(&verdict.transcript, |what| matches!(what, Happening::AddressRefused { .. })));
        }
    }
    let elsewhere = NetworkRules { only: vec!["10.0.0.0/8".parse().expect("a network")], ..rules(&dns, web.port()) };
    failed(
        &validate(ChallengeType::Http01, V4, elsewhere).await,
        ProblemType::Connection,
        &["outside of the networks"],
    );
    assert!(web.seen().is_empty());
}

#[tokio::test]
async fn s8738_4_a_redirect_from_an_address_is_followed_by_the_same_rules() {
    let dns = DnsServer::start();
    dns.zone().add_address("metadata.test", "169.254.169.254".parse().expect("an address"));
    for location in ["http://169.254.169.254/latest", "http://metadata.test/latest", "http://[fe80::1]/"] {
        let web = Web::start(move |_| redirect(302, location)).await;
        let verdict = validate(ChallengeType::Http01, V4, rules(&dns, web.port())).await;
        let problem = failed(&verdict, ProblemType::Connection, &["the target of redirect 1"]);
        assert!(!problem.detail.contains("169.254") && !problem.detail.contains("fe80"), "{problem}");
    }
}

#[tokio::test]
async fn s8738_6_tls_alpn_01_names_the_address_by_its_reverse_mapping() {
    let dns = DnsServer::start();
    let v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa";
    for (address, place, name) in [(V4, "127.0.0.1:0", "1.0.0.127.in-addr.arpa"), (V6, "[::1]:0", v6)] {
        let shown = Answer::new(SanType::IpAddress(address), &key_authorization()).self_signed();
        let responder = Responder::start_at(place, shown, Manner::default()).await;
        let network = NetworkRules { tls_port: responder.port(), ..rules(&dns, 80) };
        let verdict = validate(ChallengeType::TlsAlpn01, address, network).await;
        assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
        let hello = hello(&responder).await;
        assert_eq!(hello.server_name.as_deref(), Some(name));
        assert_eq!(hello.protocols, [ACME_TLS]);
        let told = address.to_string();
        assert!(happened(
            &verdict.transcript,
            |what| matches!(what, Happening::Presented { names, .. } if *names == [told.as_str()])
        ));
    }
    assert!(dns.zone().questions().is_empty(), "nothing is resolved");
}

#[tokio::test]
async fn s8738_6_the_certificate_has_one_ip_address_and_it_is_the_identifier() {
    let dns = DnsServer::start();
    let right = SanType::IpAddress(V4);
    let other = SanType::IpAddress("127.0.0.2".parse().expect("an address"));
    let mapped = SanType::IpAddress(Ipv4Addr::LOCALHOST.to_ipv6_mapped().into());
    for (names, words) in [
        (vec![], "0 names"),
        (vec![right.clone(), other.clone()], "2 names"),
        (vec![right, dns_name("1.0.0.127.in-addr.arpa")], "2 names"),
        (vec![other], "not the identifier"),
        (vec![mapped], "not the identifier"),
        (vec![dns_name("127.0.0.1")], "not the identifier"),
        (vec![dns_name("1.0.0.127.in-addr.arpa")], "not the identifier"),
    ] {
        let answer = Answer { names, ..Answer::new(SanType::IpAddress(V4), &key_authorization()) };
        let responder = Responder::start(answer.self_signed()).await;
        let network = NetworkRules { tls_port: responder.port(), ..rules(&dns, 80) };
        let verdict = validate(ChallengeType::TlsAlpn01, V4, network).await;
        failed(&verdict, ProblemType::IncorrectResponse, &["127.0.0.1", words]);
    }
}

#[tokio::test]
async fn s8738_7_the_dns_proves_nothing_of_an_address() {
    let dns = DnsServer::start();
    let verdict = validate(ChallengeType::Dns01, V4, rules(&dns, 80)).await;
    failed(&verdict, ProblemType::Malformed, &["address"]);
    assert!(dns.zone().questions().is_empty());
}
