//! The objects of the tables, and one of every state with every field set, as the fixtures of the snapshots have them.

use std::collections::BTreeMap;

use chancery_machine::account::{Account, AccountBinding, AccountKey, AccountState};
use chancery_machine::audit::{AuditEntry, AuditHead};
use chancery_machine::authorization::{Authorization, AuthorizationState, AuthorizationTerms, Dependent, Outcome};
use chancery_machine::auto_renewal::{AutoRenewal, Series};
use chancery_machine::certificate::{Certificate, CertificateRecord, CertificateState, RevocationReason};
use chancery_machine::challenge::{Challenge, ChallengeState, ChallengeType, Reliance, TOKEN_ENTROPY, Token};
use chancery_machine::crl::Crl;
use chancery_machine::dnssec::TrustAnchors;
use chancery_machine::eab::{EabCredential, EabScope};
use chancery_machine::id::{AccountId, AuthorityId, AuthorizationId, CertificateId, EabId, Id, OrderId};
use chancery_machine::identifier::{DnsName, Subject};
use chancery_machine::network::{Network, NetworkRules, SiteRules};
use chancery_machine::order::{
    Cause, Draft, Intent, Order, OrderState, OrderStatus, OrderTerms, Passage, Predecessor, ProfileRef, Setback,
};
use chancery_machine::perspective::{PerspectiveName, Perspectives};
use chancery_machine::problem::{Problem, ProblemType, Subproblem};
use chancery_machine::profile::{
    AcmeProfile, AutoRenewalRules, CertificateContents, Endpoint, ExemptName, Exemption, ExemptionMode, ExemptionScope,
    Exemptions, IdentifierPattern, IdentifierRules, IdentifierType, KeyRules, KeyUsage, Limits, Oid, PersistDraft,
    ProfileName, ProfileRevision, RaProfile, RetryRules, Seconds, SubjectTemplate, TermsOfService, ValidityRules,
};
use chancery_machine::renewal::{RenewalCall, RenewalRules};
use chancery_machine::time::Timestamp;
use chancery_machine::transcript::{Happening, PerspectiveTranscript, Standing, Transcript};

/// While everything is in force.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_000_500);
/// When orders and authorizations run out, and the notAfter of certificates.
pub(crate) const EXPIRES: Timestamp = Timestamp::from_seconds(2_000);
/// The last moment before.
pub(crate) const BEFORE: Timestamp = Timestamp::from_millis(1_999_999);
/// The first moment after.
pub(crate) const AFTER: Timestamp = Timestamp::from_millis(2_000_001);

pub(crate) const A: AuthorizationId = AuthorizationId(Id::from_bytes([0xa; 16]));
pub(crate) const B: AuthorizationId = AuthorizationId(Id::from_bytes([0xb; 16]));
/// Not of the order.
pub(crate) const C: AuthorizationId = AuthorizationId(Id::from_bytes([0xc; 16]));
/// Depends on the authorization.
pub(crate) const P: OrderId = OrderId(Id::from_bytes([0x10; 16]));
/// Does not.
pub(crate) const Q: OrderId = OrderId(Id::from_bytes([0x11; 16]));

pub(crate) fn account(state: AccountState) -> Account {
    Account {
        endpoint: Endpoint::AcmeProfile(profile().name),
        key: key(1),
        contacts: vec!["mailto:old@example.org".to_owned()],
        terms_agreed: Some(NOW),
        created: NOW,
        state,
        disabled: None,
        acme_profile: None,
        binding: None,
        former_keys: Vec::new(),
    }
}

pub(crate) fn key(byte: u8) -> AccountKey {
    AccountKey { jwk: r#"{"kty":"OKP"}"#.to_owned(), thumbprint: [byte; 32], spki_sha256: [byte + 1; 32] }
}

pub(crate) fn order(state: OrderState) -> Order {
    let terms = OrderTerms {
        account: account_id(),
        endpoint: Endpoint::RaProfile(profile().name),
        acme_profile: profile(),
        ra_profile: profile(),
        subjects: vec![subject("*.a.example"), subject("b.example")],
        authorizations: vec![A, B],
        created: NOW,
        expires: EXPIRES,
        not_before: Some(NOW),
        not_after: Some(EXPIRES),
        profile: None,
        replaces: None,
        ancestors: BTreeMap::new(),
        auto_renewal: None,
    };
    Order { terms, state, passed: Vec::new() }
}

pub(crate) fn intent() -> Intent {
    let draft = Draft {
        authority: AuthorityId(Id::from_bytes([3; 16])),
        serial: vec![1, 2, 3],
        not_before: NOW,
        not_after: Timestamp::from_seconds(9_000),
        public_key: vec![4, 5],
        tbs: vec![6, 7, 8],
    };
    Intent { certificate: CertificateId(Id::from_bytes([9; 16])), draft, methods: Vec::new() }
}

/// Two challenges, of which the second is always pending; one order depends on it and was told `told`. Three attempts,
/// with pauses of 10 and 20 seconds.
pub(crate) fn authorization(state: AuthorizationState, http: ChallengeState, told: Option<Outcome>) -> Authorization {
    let terms = AuthorizationTerms {
        account: account_id(),
        endpoint: Endpoint::AcmeProfile(profile().name),
        acme_profile: profile(),
        identifier: subject("a.example").identifier,
        wildcard: true,
        created: NOW,
        expires: EXPIRES,
        valid_for: Seconds(5_000),
        retry: RetryRules { pauses: vec![Seconds(10), Seconds(20)], interval: None },
        exemption: None,
        subdomains: false,
        pre_authorized: false,
    };
    let http = Challenge {
        state: http,
        transcript: Some(transcript()),
        ..Challenge::new(ChallengeType::Http01, Token::new(&[1; TOKEN_ENTROPY]))
    };
    let dns = Challenge::new(ChallengeType::Dns01, Token::new(&[2; TOKEN_ENTROPY]));
    let dependents = vec![Dependent { order: P, until: EXPIRES, told }];
    Authorization { terms, challenges: vec![http, dns], dependents, state }
}

pub(crate) fn transcript() -> Transcript {
    let mut transcript = Transcript::begin(NOW);
    let (resolver, name) = ("192.0.2.53:53".to_owned(), "a.example".to_owned());
    let happenings = [
        Happening::Resolved { resolver, name, record: "A".to_owned(), answer: Ok(vec!["192.0.2.1".to_owned()]) },
        Happening::AddressRefused { address: "127.0.0.1".to_owned(), rule: "loopback".to_owned() },
        Happening::Connected { to: "192.0.2.1:80".to_owned(), error: Some("refused".to_owned()) },
        Happening::Answered { url: "http://a.example/".to_owned(), status: 302, location: Some("/b".to_owned()) },
        Happening::Compared { expected: "x".to_owned(), found: "y".to_owned() },
        Happening::GaveUp { reason: "too slow".to_owned() },
    ];
    for happening in happenings {
        transcript.note(EXPIRES, happening);
    }
    transcript
}

pub(crate) fn certificate(state: CertificateState) -> Certificate {
    let record = CertificateRecord {
        order: Some((account_id(), P)),
        authority: AuthorityId(Id::from_bytes([3; 16])),
        serial: vec![1, 2, 3],
        subjects: vec![subject("*.a.example")],
        not_before: NOW,
        not_after: EXPIRES,
        issued: NOW,
        spki_sha256: [7; 32],
        der: vec![0x30, 0],
        profiles: None,
        period: None,
    };
    Certificate { state, ..Certificate::issued(record) }
}

pub(crate) fn problem() -> Problem {
    let identifier = Some(subject("a.example").identifier);
    let subproblem = Subproblem { kind: ProblemType::Dns, detail: "no such name".to_owned(), identifier };
    Problem { subproblems: vec![subproblem], ..Problem::new(ProblemType::Connection, "refused") }
}

/// As they were when format 1 began: what came later is `None`.
pub(crate) fn accounts() -> Vec<(&'static str, Account)> {
    vec![
        ("valid", account(AccountState::Valid)),
        ("deactivated", account(AccountState::Deactivated { at: NOW, settled: false })),
        ("deactivated-settled", account(AccountState::Deactivated { at: NOW, settled: true })),
        ("revoked", account(AccountState::Revoked { at: NOW, settled: false, certificates: None })),
        ("revoked-settled", account(AccountState::Revoked { at: NOW, settled: true, certificates: None })),
    ]
}

pub(crate) fn orders() -> Vec<(&'static str, Order)> {
    let not_after = intent().draft.not_after;
    vec![
        ("pending", order(OrderState::Pending { outstanding: vec![A, B] })),
        ("ready", order(OrderState::Ready)),
        ("processing", order(OrderState::Processing { intent: intent() })),
        ("valid", order(OrderState::Valid { certificate: intent().certificate, not_after })),
        ("invalid", order(OrderState::Invalid { at: NOW, error: problem() })),
    ]
}

pub(crate) fn authorizations() -> Vec<(&'static str, Authorization)> {
    let (pending, processing) =
        (ChallengeState::Pending, ChallengeState::Processing { attempt: 1, due: NOW, error: None });
    let again = ChallengeState::Processing { attempt: 2, due: EXPIRES, error: Some(problem()) };
    let failed = ChallengeState::Invalid { at: NOW, error: problem() };
    let valid = AuthorizationState::Valid { since: NOW, expires: EXPIRES };
    let passed = ChallengeState::Valid { validated: NOW };
    let invalid = AuthorizationState::Invalid { at: NOW, error: problem() };
    vec![
        ("pending", authorization(AuthorizationState::Pending, pending.clone(), None)),
        ("processing", authorization(AuthorizationState::Pending, processing.clone(), None)),
        ("retrying", authorization(AuthorizationState::Pending, again, None)),
        ("valid", authorization(valid, passed, Some(Outcome::Valid))),
        ("invalid", authorization(invalid, failed, Some(Outcome::Lost))),
        ("deactivated", authorization(AuthorizationState::Deactivated { at: NOW }, processing, None)),
        ("expired", authorization(AuthorizationState::Expired { at: NOW }, pending.clone(), None)),
        ("revoked", authorization(AuthorizationState::Revoked { at: NOW }, pending, None)),
    ]
}

pub(crate) fn certificates() -> Vec<(&'static str, Certificate)> {
    let revoked = |reason, published| certificate(CertificateState::Revoked { at: NOW, reason, published });
    vec![
        ("valid", certificate(CertificateState::Valid)),
        ("revoked", revoked(None, None)),
        ("unspecified", revoked(Some(RevocationReason::Unspecified), Some(1))),
        ("key-compromise", revoked(Some(RevocationReason::KeyCompromise), Some(1))),
        ("affiliation-changed", revoked(Some(RevocationReason::AffiliationChanged), Some(1))),
        ("superseded", revoked(Some(RevocationReason::Superseded), Some(1))),
        ("cessation-of-operation", revoked(Some(RevocationReason::CessationOfOperation), Some(1))),
    ]
}

pub(crate) fn crls() -> Vec<(&'static str, Crl)> {
    vec![("signed", Crl { number: 7, this_update: NOW, next_update: EXPIRES, der: vec![0x30, 0] })]
}

/// With everything that came later.
pub(crate) fn accounts_2() -> Vec<(&'static str, Account)> {
    let binding = AccountBinding {
        credential: EabId(Id::from_bytes([0x20; 16])),
        object: r#"{"protected":"e30","payload":"e30","signature":""}"#.to_owned(),
    };
    let account = |state| Account {
        endpoint: Endpoint::RaProfile(name("servers")),
        disabled: Some(NOW),
        acme_profile: Some(name("strict")),
        binding: Some(binding.clone()),
        ..account(state)
    };
    let revoked = |settled, reason| AccountState::Revoked { at: NOW, settled, certificates: Some(reason) };
    vec![
        ("disabled", account(AccountState::Valid)),
        ("revoked-with-certificates", account(revoked(false, RevocationReason::KeyCompromise))),
        ("revoked-with-certificates-settled", account(revoked(true, RevocationReason::CessationOfOperation))),
    ]
}

/// With automatic renewal (RFC 8739), and in the states that only such orders have.
pub(crate) fn orders_renewing() -> Vec<(&'static str, Order)> {
    let auto_renewal = AutoRenewal {
        start: Some(NOW),
        end: Timestamp::from_seconds(9_000),
        lifetime: Seconds(400),
        adjust: Seconds(200),
        certificate_get: true,
    };
    let series = Series {
        first: NOW,
        period: 3,
        current: CertificateId(Id::from_bytes([8; 16])),
        not_after: EXPIRES,
        issued: 2,
        public_key: vec![4, 5],
        methods: Vec::new(),
    };
    let renewing = |due, setback| OrderState::Renewing { series: series.clone(), due, setback };
    let canceled = |error| OrderState::Canceled { series: series.clone(), at: EXPIRES, error };
    let setback = Setback { since: NOW, reason: "the authority is disabled".to_owned() };
    let states = [
        ("ready", OrderState::Ready),
        ("renewing", renewing(Some(EXPIRES), None)),
        ("renewing-late", renewing(Some(EXPIRES), Some(setback))),
        ("renewing-last", renewing(None, None)),
        ("reissuing", OrderState::Reissuing { series: series.clone(), period: 4, intent: intent() }),
        ("canceled", canceled(None)),
        ("canceled-by-operator", canceled(Some(problem()))),
    ];
    let terms = OrderTerms { auto_renewal: Some(auto_renewal), ..order(OrderState::Ready).terms };
    states.map(|(name, state)| (name, Order { terms: terms.clone(), state, passed: Vec::new() })).to_vec()
}

/// The same, of which it is known how control was proven.
pub(crate) fn orders_proven() -> Vec<(&'static str, Order)> {
    let methods = vec![Some(ChallengeType::Dns01), None];
    let proven = |(name, order): (&'static str, Order)| {
        let intent = Intent { methods: methods.clone(), ..intent() };
        let (name, state) = if let OrderState::Renewing { series, due, setback } = order.state {
            (name, OrderState::Renewing { series: Series { methods: methods.clone(), ..series }, due, setback })
        } else {
            ("processing", OrderState::Processing { intent })
        };
        (name, Order { state, ..order })
    };
    orders_renewing().into_iter().map(proven).take(2).collect()
}

/// Which know how they came to their status.
pub(crate) fn orders_passed() -> Vec<(&'static str, Order)> {
    let ready = order(OrderState::Ready);
    let causes = [
        (OrderStatus::Pending, Cause::Placed),
        (OrderStatus::Ready, Cause::Authorized),
        (OrderStatus::Processing, Cause::Finalized),
        (OrderStatus::Valid, Cause::Issued),
        (OrderStatus::Invalid, Cause::AuthorizationLost),
        (OrderStatus::Invalid, Cause::IssuanceFailed),
        (OrderStatus::Invalid, Cause::AccountClosed),
        (OrderStatus::Invalid, Cause::Cancelled),
        (OrderStatus::Invalid, Cause::Expired),
        (OrderStatus::Canceled, Cause::RenewalCanceled),
    ];
    let passed = causes.map(|(status, cause)| Passage { status, at: NOW, cause }).to_vec();
    vec![("passed", Order { passed, ..ready })]
}

/// With a limit of orders that are renewed automatically.
pub(crate) fn acme_profiles_limited() -> Vec<(&'static str, AcmeProfile)> {
    let [(_, plain), _] = acme_profiles().try_into().expect("two");
    let limits = Limits { renewing_orders_per_account: Some(20), ..plain.limits.clone() };
    vec![("renewing", AcmeProfile { limits, ..plain })]
}

pub(crate) fn certificates_renewed() -> Vec<(&'static str, Certificate)> {
    let valid = certificate(CertificateState::Valid);
    vec![("renewed", Certificate { record: CertificateRecord { period: Some(4), ..valid.record }, ..valid })]
}

pub(crate) fn acme_profiles_renewing() -> Vec<(&'static str, AcmeProfile)> {
    let [(_, plain), _] = acme_profiles().try_into().expect("two");
    let rules = |certificate_get| AutoRenewalRules {
        min_lifetime: Seconds(86_400),
        max_duration: Seconds(31_536_000),
        certificate_get,
    };
    let with = |rules| AcmeProfile { auto_renewal: Some(rules), ..plain.clone() };
    vec![("auto-renewal", with(rules(false))), ("auto-renewal-get", with(rules(true)))]
}

pub(crate) fn authorizations_2() -> Vec<(&'static str, Authorization)> {
    let retry = RetryRules { pauses: Vec::new(), interval: Some(Seconds(15)) };
    let pending = authorization(AuthorizationState::Pending, ChallengeState::Pending, None);
    let terms = AuthorizationTerms { retry, ..pending.terms.clone() };
    let exempt = AuthorizationTerms { exemption: Some("a.example (exact, wildcards too)".to_owned()), ..terms.clone() };
    vec![
        ("interval", Authorization { terms, ..pending }),
        ("exempt", Authorization::exempt(exempt, Some((P, EXPIRES)))),
        ("perspectives", seen_from_elsewhere()),
        ("address", address()),
    ]
}

/// An authorization whose attempt perspectives had a part in, each in another way.
fn seen_from_elsewhere() -> Authorization {
    let steps = transcript().steps;
    let disagreed = Problem::new(ProblemType::Unauthorized, "another value");
    let standings = [
        Standing::Agreed,
        Standing::Disagreed(disagreed),
        Standing::Unreachable("connection refused".to_owned()),
        Standing::NotAwaited,
    ];
    let perspectives = standings.into_iter().zip(["a", "b", "c", "d"]).map(|(standing, name)| PerspectiveTranscript {
        name: perspective(name),
        standing,
        began: NOW,
        ended: EXPIRES,
        steps: steps.clone(),
    });
    let seen = Transcript { perspectives: perspectives.collect(), ..transcript() };
    let mut pending = authorization(AuthorizationState::Pending, ChallengeState::Pending, None);
    for challenge in &mut pending.challenges {
        challenge.transcript = Some(seen.clone());
    }
    pending
}

/// Of an address, with the challenges and what else came with them.
fn address() -> Authorization {
    let pending = authorization(AuthorizationState::Pending, ChallengeState::Pending, None);
    let identifier = Subject::ip("2001:db8::1").expect("an address").identifier;
    let mut transcript = transcript();
    let names = vec!["2001:db8::1".to_owned(), "a.example".to_owned()];
    let (from, version) = ("192.0.2.1:443".to_owned(), "TLSv1_3".to_owned());
    let protocol = Some("acme-tls/1".to_owned());
    transcript.note(EXPIRES, Happening::Presented { from, version, protocol, names });
    let challenges = [ChallengeType::TlsAlpn01, ChallengeType::DnsAccount01, ChallengeType::DnsPersist01]
        .map(|kind| Challenge {
            transcript: Some(transcript.clone()),
            ..Challenge::new(kind, Token::new(&[1; TOKEN_ENTROPY]))
        })
        .to_vec();
    let terms = AuthorizationTerms { identifier, wildcard: false, ..pending.terms.clone() };
    Authorization { terms, challenges, ..pending }
}

/// Asked for before any order, with all below the name.
pub(crate) fn authorizations_3() -> Vec<(&'static str, Authorization)> {
    let pending = authorization(AuthorizationState::Pending, ChallengeState::Pending, None);
    let terms = AuthorizationTerms { wildcard: false, subdomains: true, pre_authorized: true, ..pending.terms.clone() };
    vec![("subdomains", Authorization { terms, dependents: Vec::new(), ..pending })]
}

/// One authorization for two subjects, one of which the client named with its ancestor.
pub(crate) fn orders_ancestors() -> Vec<(&'static str, Order)> {
    let ready = order(OrderState::Ready);
    let subjects = vec![subject("*.b.a.example"), subject("a.example"), subject("b.a.example")];
    let ancestors = ["*.b.a.example", "b.a.example"].map(|name| (subject(name), dns_name("a.example")));
    let terms = OrderTerms {
        subjects,
        authorizations: vec![A, B, B],
        ancestors: BTreeMap::from(ancestors),
        ..ready.terms.clone()
    };
    vec![("ancestors", Order { terms, ..ready })]
}

/// With keys that it had before.
pub(crate) fn accounts_keys() -> Vec<(&'static str, Account)> {
    let former_keys = vec![[3; 32].into(), [2; 32].into()];
    vec![("former-keys", Account { former_keys, ..account(AccountState::Valid) })]
}

/// With a proof that says how long it may be relied on.
pub(crate) fn authorizations_reliance() -> Vec<(&'static str, Authorization)> {
    let valid = AuthorizationState::Valid { since: NOW, expires: EXPIRES };
    let mut authorization = authorization(valid, ChallengeState::Valid { validated: NOW }, Some(Outcome::Valid));
    authorization.challenges[0].reliance = Reliance { until: Some(EXPIRES), reuse_until: Some(AFTER) };
    vec![("reliance", authorization)]
}

/// With what is said of the DNS.
pub(crate) fn acme_profiles_dns() -> Vec<(&'static str, AcmeProfile)> {
    let (_, plain) = acme_profiles().swap_remove(0);
    let anchor = "corp.example. DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
    let of = |anchors| NetworkRules { dnssec: Some(TrustAnchors(anchors)), ..NetworkRules::default() };
    let own = of(vec![anchor.parse().expect("an anchor"), anchor[12..].parse().expect("an anchor")]);
    let persist_draft = PersistDraft::Draft02;
    vec![
        ("root", AcmeProfile { network: of(Vec::new()), ..plain.clone() }),
        ("own", AcmeProfile { network: own, persist_draft, ..plain }),
    ]
}

pub(crate) fn certificates_2() -> Vec<(&'static str, Certificate)> {
    let valid = certificate(CertificateState::Valid);
    let profiles = (
        ProfileRef { name: name("strict"), revision: ProfileRevision(7) },
        ProfileRef { name: name("servers"), revision: ProfileRevision(u64::MAX) },
    );
    vec![("profiles", Certificate { record: CertificateRecord { profiles: Some(profiles), ..valid.record }, ..valid })]
}

/// With what renewal brought (RFC 9773).
pub(crate) fn certificates_3() -> Vec<(&'static str, Certificate)> {
    let valid = certificate(CertificateState::Valid);
    vec![("replaced", Certificate { replaced: Some(Q), call: Some(call()), ..valid })]
}

pub(crate) fn orders_2() -> Vec<(&'static str, Order)> {
    let ready = order(OrderState::Ready);
    let replaces = Predecessor {
        certificate: CertificateId(Id::from_bytes([9; 16])),
        named: "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE".to_owned(),
        not_after: EXPIRES,
    };
    let terms = OrderTerms { profile: Some(name("servers")), replaces: Some(replaces), ..ready.terms.clone() };
    vec![("renewal", Order { terms, ..ready })]
}

pub(crate) fn acme_profiles_2() -> Vec<(&'static str, AcmeProfile)> {
    let (_, plain) = acme_profiles().swap_remove(0);
    let renewal = RenewalRules {
        offered: false,
        begin: 50,
        length: 25,
        interval: Seconds(3_600),
        explanation_url: Some("https://ca.example/renewal".to_owned()),
    };
    let perspectives = Perspectives { names: vec![perspective("north"), perspective("south")], required: Some(2) };
    vec![
        ("renewal", AcmeProfile { offers: vec![name("servers"), name("clients")], renewal, ..plain.clone() }),
        ("perspectives", AcmeProfile { perspectives, ..plain }),
    ]
}

pub(crate) fn ra_profiles_2() -> Vec<(&'static str, RaProfile)> {
    let (_, plain) = ra_profiles().swap_remove(0);
    let with = |keys| RaProfile { keys, ..plain.clone() };
    vec![
        ("called", RaProfile { call: Some(call()), ..plain.clone() }),
        ("keys", with(KeyRules::default())),
        ("mldsa44", with(KeyRules { mldsa44: true, ..no_keys() })),
        ("mldsa65", with(KeyRules { mldsa65: true, ..no_keys() })),
        ("mldsa87", with(KeyRules { mldsa87: true, ..no_keys() })),
    ]
}

const fn call() -> RenewalCall {
    RenewalCall { at: NOW, until: EXPIRES }
}

pub(crate) fn acme_profiles() -> Vec<(&'static str, AcmeProfile)> {
    let plain = AcmeProfile {
        name: name("default"),
        revision: ProfileRevision(1),
        description: String::new(),
        enabled: true,
        default_ra_profile: None,
        terms: TermsOfService::default(),
        website: None,
        caa_identities: Vec::new(),
        contact_required: false,
        binding_required: false,
        challenges: vec![ChallengeType::Http01, ChallengeType::Dns01],
        order_validity: Seconds(36_000),
        authorization_validity: Seconds(86_400),
        authorization_reuse: None,
        retry: RetryRules { pauses: Vec::new(), interval: None },
        network: NetworkRules::default(),
        limits: Limits::default(),
        offers: Vec::new(),
        renewal: RenewalRules::default(),
        perspectives: Perspectives::default(),
        no_pre_authorization: false,
        subdomains: false,
        auto_renewal: None,
        persist_draft: PersistDraft::Draft01,
        ignores_caa: false,
    };
    let full = AcmeProfile {
        revision: ProfileRevision(9),
        description: "for web servers".to_owned(),
        enabled: false,
        default_ra_profile: Some(name("servers")),
        terms: TermsOfService {
            url: Some("https://ca.example/terms".to_owned()),
            agreement_required: true,
            change_url: Some("https://ca.example/agree".to_owned()),
            no_new_orders: true,
            changed: Some(NOW),
        },
        website: Some("https://ca.example/".to_owned()),
        caa_identities: vec!["ca.example".to_owned()],
        contact_required: true,
        binding_required: true,
        challenges: vec![ChallengeType::Dns01],
        authorization_reuse: Some(Seconds(3_600)),
        retry: RetryRules { pauses: vec![Seconds(5)], interval: Some(Seconds(10)) },
        network: NetworkRules {
            resolvers: vec![
                "192.0.2.53:53".parse().expect("a socket"),
                "[2001:db8::53]:5353".parse().expect("a socket"),
            ],
            allowed: vec![network("127.0.0.0/8")],
            http_port: 5002,
            tls_port: 5001,
            only: vec![network("10.0.0.0/8"), network("fd00::/8")],
            site: SiteRules::default(),
            dnssec: None,
        },
        limits: Limits {
            identifiers_per_order: 5,
            open_orders_per_account: Some(4),
            orders_per_hour: Some(3),
            accounts_per_hour: Some(2),
            renewing_orders_per_account: None,
        },
        ..plain.clone()
    };
    vec![("plain", plain), ("full", full)]
}

fn perspective(name: &str) -> PerspectiveName {
    PerspectiveName::parse(name).expect("a name")
}

pub(crate) fn acme_profiles_caa() -> Vec<(&'static str, AcmeProfile)> {
    let (_, plain) = acme_profiles().swap_remove(0);
    vec![("off", AcmeProfile { ignores_caa: true, ..plain })]
}

pub(crate) fn acme_profiles_authorizing() -> Vec<(&'static str, AcmeProfile)> {
    let (_, plain) = acme_profiles().swap_remove(0);
    vec![("subdomains", AcmeProfile { no_pre_authorization: true, subdomains: true, ..plain })]
}

pub(crate) fn ra_profiles() -> Vec<(&'static str, RaProfile)> {
    let plain = RaProfile {
        name: name("default"),
        revision: ProfileRevision(1),
        description: String::new(),
        enabled: true,
        authority: AuthorityId(Id::from_bytes([3; 16])),
        acme_profile: None,
        identifiers: IdentifierRules { types: vec![IdentifierType::Dns], ..IdentifierRules::default() },
        exemptions: Exemptions::default(),
        keys: KeyRules { mldsa44: false, mldsa65: false, mldsa87: false, ..KeyRules::default() },
        validity: ValidityRules { default: Seconds(90), longest: Seconds(100), backdate: Seconds(0) },
        contents: CertificateContents::default(),
        call: None,
    };
    let exemption =
        |name, scope, wildcard| Exemption { name: ExemptName::parse(name).expect("a name"), scope, wildcard };
    let full = RaProfile {
        revision: ProfileRevision(2),
        description: "for web servers".to_owned(),
        enabled: false,
        acme_profile: Some(name("strict")),
        identifiers: IdentifierRules {
            allow: vec![pattern("**.corp.example"), pattern("10.0.0.0/8")],
            deny: vec![pattern("web*.corp.example")],
            wildcards: false,
            ..plain.identifiers.clone()
        },
        exemptions: Exemptions {
            rules: vec![
                exemption("lab.example", ExemptionScope::Exact, false),
                exemption("corp.example", ExemptionScope::Subdomain, true),
            ],
            mode: ExemptionMode::OnlyThese,
        },
        keys: KeyRules { p256: true, ..no_keys() },
        contents: CertificateContents {
            subject: SubjectTemplate::parse("CN={name},O=Example\\, Inc.,C=DE").expect("a template"),
            key_usages: KeyUsage::ALL.to_vec(),
            extended_key_usages: vec![Oid::parse("1.3.6.1.5.5.7.3.2").expect("an identifier")],
            policies: vec![Oid::parse("2.5.29.32.0").expect("an identifier")],
            ca_issuers_url: Some("http://ca.example/ca".to_owned()),
            crl_url: Some("http://ca.example/crl".to_owned()),
            ocsp_url: Some("http://ca.example/ocsp".to_owned()),
        },
        ..plain.clone()
    };
    let addresses = RaProfile {
        identifiers: IdentifierRules {
            types: vec![IdentifierType::Dns, IdentifierType::Ip],
            ..plain.identifiers.clone()
        },
        exemptions: Exemptions {
            rules: vec![exemption("fd00::/8", ExemptionScope::Exact, false)],
            mode: ExemptionMode::OrElseChallenge,
        },
        ..plain.clone()
    };
    vec![("plain", plain), ("full", full), ("addresses", addresses)]
}

fn no_keys() -> KeyRules {
    KeyRules {
        p256: false,
        p384: false,
        p521: false,
        ed25519: false,
        rsa: None,
        mldsa44: false,
        mldsa65: false,
        mldsa87: false,
    }
}

pub(crate) fn credential() -> EabCredential {
    EabCredential {
        description: String::new(),
        sealed_key: vec![1, 2, 3],
        created: NOW,
        scope: EabScope::default(),
        accounts: 1,
        orders: 1,
        revoked: None,
    }
}

pub(crate) fn credentials() -> Vec<(&'static str, EabCredential)> {
    let scope = EabScope {
        acme_profiles: vec![name("strict")],
        ra_profiles: vec![name("servers"), name("clients")],
        names: vec![pattern("**.corp.example"), pattern("corp.example")],
        accounts: Some(3),
        orders: Some(u64::MAX),
        expires: Some(EXPIRES),
    };
    vec![
        ("plain", credential()),
        ("scoped", EabCredential { description: "team web".to_owned(), scope, ..credential() }),
        ("revoked", EabCredential { revoked: Some(NOW), ..credential() }),
    ]
}

pub(crate) fn audit_entries() -> Vec<(&'static str, AuditEntry)> {
    let first = AuditEntry {
        number: 1,
        at: NOW,
        who: "system".to_owned(),
        action: "create".to_owned(),
        object: "acmeProfile/default".to_owned(),
        before: None,
        after: Some(r#"{"enabled":true}"#.to_owned()),
        previous: [0; 32],
    };
    let removal = AuditEntry {
        number: 2,
        who: "token:admin".to_owned(),
        action: "delete".to_owned(),
        before: first.after.clone(),
        after: None,
        previous: [0xab; 32],
        ..first.clone()
    };
    vec![("first", first), ("removal", removal)]
}

pub(crate) fn audit_heads() -> Vec<(&'static str, AuditHead)> {
    let trimmed = AuditHead { number: 500, digest: [0xcd; 32], base: 100, base_digest: [0xef; 32] };
    vec![("empty", AuditHead::default()), ("trimmed", trimmed)]
}

pub(crate) fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).expect("a name")
}

fn dns_name(text: &str) -> DnsName {
    DnsName::parse(text).expect("a name")
}

pub(crate) fn pattern(text: &str) -> IdentifierPattern {
    IdentifierPattern::parse(text).expect("a pattern")
}

fn network(text: &str) -> Network {
    text.parse().expect("a network")
}

fn account_id() -> AccountId {
    AccountId(Id::from_bytes([1; 16]))
}

fn profile() -> ProfileRef {
    ProfileRef { name: name("default"), revision: ProfileRevision(4) }
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::dns(name).expect("a name")
}
