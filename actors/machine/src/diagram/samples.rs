//! A state and an event of every kind. The matches in here have no wildcard: a new variant does not compile until it has
//! a sample, and then it stands in the diagrams.

use std::collections::BTreeMap;

use crate::account::{Account, AccountEvent, AccountKey, AccountState};
use crate::authorization::{
    Authorization, AuthorizationEvent, AuthorizationState, AuthorizationTerms, Dependent, Outcome,
};
use crate::auto_renewal::{AutoRenewal, Series};
use crate::certificate::{Certificate, CertificateEvent, CertificateRecord, CertificateState, RevocationReason};
use crate::challenge::{Challenge, ChallengeState, ChallengeType, Reliance, TOKEN_ENTROPY, Token};
use crate::eab::{EabCredential, EabEvent, EabScope, EabStatus};
use crate::id::{AccountId, AuthorityId, AuthorizationId, CertificateId, Id, OrderId};
use crate::identifier::Subject;
use crate::order::{Draft, Intent, Order, OrderEvent, OrderState, OrderTerms, ProfileRef};
use crate::problem::{Problem, ProblemType};
use crate::profile::{Endpoint, ProfileName, ProfileRevision, RetryRules, Seconds};
use crate::renewal::RenewalCall;
use crate::time::Timestamp;
use crate::transcript::Transcript;

/// While everything is in force.
pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_000);
const EXPIRES: Timestamp = Timestamp::from_seconds(2_000);
/// When everything that can run out has.
pub(super) const LATE: Timestamp = Timestamp::from_seconds(3_000);

const ONE: Id = Id::from_bytes([1; 16]);
const OTHER: Id = Id::from_bytes([2; 16]);

/// Lists samples with their names, by variant.
macro_rules! samples {
    ($type:ty: $($pattern:pat => $name:literal: $($sample:expr),+;)+) => {{
        let _exhaustive = |sample: &$type| match sample { $($pattern => ()),+ };
        vec![$($({
            let sample: $type = $sample;
            debug_assert!(matches!(sample, $pattern), "{sample:?} is no {}", $name);
            ($name, sample)
        }),+),+]
    }};
}

pub(super) fn new_accounts() -> Vec<Account> {
    vec![account(AccountState::Valid)]
}

pub(super) fn accounts() -> Vec<Account> {
    let states = samples!(AccountState:
        AccountState::Valid => "valid": AccountState::Valid;
        AccountState::Deactivated { .. } => "deactivated":
            AccountState::Deactivated { at: NOW, settled: false }, AccountState::Deactivated { at: NOW, settled: true };
        AccountState::Revoked { .. } => "revoked":
            AccountState::Revoked { at: NOW, settled: false, certificates: None },
            AccountState::Revoked { at: NOW, settled: false, certificates: Some(RevocationReason::Superseded) },
            AccountState::Revoked { at: NOW, settled: true, certificates: None };
    );
    let mut accounts: Vec<_> = states.into_iter().map(|(_, state)| account(state)).collect();
    accounts.insert(1, Account { disabled: Some(NOW), ..account(AccountState::Valid) });
    accounts
}

pub(super) fn account_events() -> Vec<(&'static str, AccountEvent)> {
    samples!(AccountEvent:
        AccountEvent::ContactsUpdated(_) => "contacts updated":
            AccountEvent::ContactsUpdated(vec!["mailto:admin@example.org".to_owned()]);
        AccountEvent::KeyChanged(_) => "key changed": AccountEvent::KeyChanged(key(2));
        AccountEvent::Deactivated => "client deactivates": AccountEvent::Deactivated;
        AccountEvent::Revoked { .. } => "server revokes": AccountEvent::Revoked { certificates: None };
        AccountEvent::Disabled => "operator disables": AccountEvent::Disabled;
        AccountEvent::Enabled => "operator enables": AccountEvent::Enabled;
        AccountEvent::TermsAgreed => "changed terms agreed": AccountEvent::TermsAgreed;
        AccountEvent::WorkEnded => "open work ended": AccountEvent::WorkEnded;
    )
}

pub(super) fn new_orders(auto_renewal: Option<AutoRenewal>) -> Vec<Order> {
    let placed = |outstanding| Order::placed(OrderTerms { auto_renewal, ..order_terms() }, outstanding);
    vec![placed(vec![AuthorizationId(ONE)]), placed(Vec::new())]
}

/// At [`NOW`] the second of many periods.
pub(super) fn auto_renewal() -> AutoRenewal {
    AutoRenewal {
        start: None,
        end: Timestamp::from_seconds(100_000),
        lifetime: Seconds(400),
        adjust: Seconds(200),
        certificate_get: false,
    }
}

/// Those in which an order can be that has the automatic renewal, or has none.
pub(super) fn orders(auto_renewal: Option<AutoRenewal>) -> Vec<Order> {
    let (one, other) = (AuthorizationId(ONE), AuthorizationId(OTHER));
    let series = Series {
        first: Timestamp::from_seconds(600),
        period: 0,
        current: CertificateId(OTHER),
        not_after: NOW,
        issued: 1,
        public_key: Vec::new(),
        methods: Vec::new(),
    };
    let renewing = |due| OrderState::Renewing { series: series.clone(), due, setback: None };
    let states = samples!(OrderState:
        OrderState::Pending { .. } => "pending":
            OrderState::Pending { outstanding: vec![one, other] }, OrderState::Pending { outstanding: vec![one] };
        OrderState::Ready => "ready": OrderState::Ready;
        OrderState::Processing { .. } => "processing": OrderState::Processing { intent: intent() };
        OrderState::Valid { .. } => "valid":
            OrderState::Valid { certificate: intent().certificate, not_after: EXPIRES };
        OrderState::Invalid { .. } => "invalid": OrderState::Invalid { at: NOW, error: problem() };
        OrderState::Renewing { .. } => "renewing": renewing(Some(NOW)), renewing(None);
        OrderState::Reissuing { .. } => "reissuing":
            OrderState::Reissuing { series: series.clone(), period: 1, intent: intent() };
        OrderState::Canceled { .. } => "canceled":
            OrderState::Canceled { series: series.clone(), at: NOW, error: None };
    );
    let meant = |name: &str| match name {
        "valid" => auto_renewal.is_none(),
        "renewing" | "reissuing" | "canceled" => auto_renewal.is_some(),
        _ => true,
    };
    let terms = OrderTerms { auto_renewal, ..order_terms() };
    let states = states.into_iter().filter(|(name, _)| meant(name));
    states.map(|(_, state)| Order { terms: terms.clone(), state, passed: Vec::new() }).collect()
}

pub(super) fn order_events() -> Vec<(&'static str, OrderEvent)> {
    let authorization = AuthorizationId(ONE);
    samples!(OrderEvent:
        OrderEvent::AuthorizationValid(_) => "authorization valid": OrderEvent::AuthorizationValid(authorization);
        OrderEvent::AuthorizationLost { .. } => "authorization lost":
            OrderEvent::AuthorizationLost { authorization, error: problem() };
        OrderEvent::Finalized(_) => "finalized": OrderEvent::Finalized(Box::new(intent()));
        OrderEvent::Issued(_) => "certificate issued": OrderEvent::Issued(intent().certificate);
        OrderEvent::IssuanceFailed(_) => "issuance failed": OrderEvent::IssuanceFailed(problem());
        OrderEvent::AccountClosed => "account closed": OrderEvent::AccountClosed;
        OrderEvent::Cancelled => "operator cancels": OrderEvent::Cancelled;
        OrderEvent::Expired => "clock noticed": OrderEvent::Expired;
        OrderEvent::RenewalDrafted { .. } => "next certificate drafted":
            OrderEvent::RenewalDrafted { period: 1, intent: Box::new(intent()) };
        OrderEvent::RenewalFailed(_) => "drafting failed": OrderEvent::RenewalFailed(String::new());
        OrderEvent::PeriodPassed => "period passed": OrderEvent::PeriodPassed;
        OrderEvent::RenewalCanceled => "client cancels": OrderEvent::RenewalCanceled;
    )
}

pub(super) fn new_authorizations() -> Vec<Authorization> {
    vec![Authorization::new(authorization_terms(), vec![challenge(ChallengeState::Pending)], None)]
}

/// Where nothing has to be proven.
pub(super) fn exempt_authorizations() -> Vec<Authorization> {
    vec![Authorization::exempt(authorization_terms(), Some((OrderId(ONE), EXPIRES)))]
}

/// Every state of the authorization with every state of its challenge, also those that never meet.
pub(super) fn authorizations() -> Vec<Authorization> {
    let states = samples!(AuthorizationState:
        AuthorizationState::Pending => "pending": AuthorizationState::Pending;
        AuthorizationState::Valid { .. } => "valid": AuthorizationState::Valid { since: NOW, expires: EXPIRES };
        AuthorizationState::Invalid { .. } => "invalid": AuthorizationState::Invalid { at: NOW, error: problem() };
        AuthorizationState::Deactivated { .. } => "deactivated": AuthorizationState::Deactivated { at: NOW };
        AuthorizationState::Expired { .. } => "expired": AuthorizationState::Expired { at: NOW };
        AuthorizationState::Revoked { .. } => "revoked": AuthorizationState::Revoked { at: NOW };
    );
    let challenges = samples!(ChallengeState:
        ChallengeState::Pending => "pending": ChallengeState::Pending;
        ChallengeState::Processing { .. } => "processing":
            ChallengeState::Processing { attempt: 1, due: NOW, error: None },
            ChallengeState::Processing { attempt: 2, due: EXPIRES, error: Some(problem()) };
        ChallengeState::Valid { .. } => "valid": ChallengeState::Valid { validated: NOW };
        ChallengeState::Invalid { .. } => "invalid": ChallengeState::Invalid { at: NOW, error: problem() };
    );
    let mut authorizations = Vec::new();
    for (_, state) in &states {
        for (_, of_challenge) in &challenges {
            authorizations.push(Authorization {
                terms: authorization_terms(),
                challenges: vec![challenge(of_challenge.clone())],
                dependents: vec![Dependent { order: OrderId(ONE), until: EXPIRES, told: None }],
                state: state.clone(),
            });
        }
    }
    authorizations
}

pub(super) fn authorization_events() -> Vec<(&'static str, AuthorizationEvent)> {
    let transcript = Transcript::begin(NOW);
    let passed = |attempt| AuthorizationEvent::AttemptPassed {
        challenge: 0,
        attempt,
        transcript: transcript.clone(),
        reliance: Reliance::default(),
    };
    let failed = |attempt| AuthorizationEvent::AttemptFailed {
        challenge: 0,
        attempt,
        error: problem(),
        transcript: transcript.clone(),
    };
    let told = |outcome| AuthorizationEvent::OrderTold { order: OrderId(ONE), outcome };
    samples!(AuthorizationEvent:
        AuthorizationEvent::Responded { .. } => "client responds": AuthorizationEvent::Responded { challenge: 0 };
        AuthorizationEvent::AttemptPassed { .. } => "validation passed": passed(1), passed(2);
        AuthorizationEvent::AttemptFailed { .. } => "validation failed": failed(1), failed(2);
        AuthorizationEvent::OrderJoined { .. } => "order joined":
            AuthorizationEvent::OrderJoined { order: OrderId(OTHER), until: EXPIRES };
        AuthorizationEvent::OrderTold { .. } => "order told": told(Outcome::Valid), told(Outcome::Lost);
        AuthorizationEvent::Deactivated => "client deactivates": AuthorizationEvent::Deactivated;
        AuthorizationEvent::AccountClosed => "account closed": AuthorizationEvent::AccountClosed;
        AuthorizationEvent::Revoked => "server revokes": AuthorizationEvent::Revoked;
        AuthorizationEvent::Expired => "clock noticed": AuthorizationEvent::Expired;
    )
}

pub(super) fn new_certificates() -> Vec<Certificate> {
    vec![Certificate::issued(record())]
}

pub(super) fn certificates() -> Vec<Certificate> {
    let reason = Some(RevocationReason::Superseded);
    let states = samples!(CertificateState:
        CertificateState::Valid => "valid": CertificateState::Valid;
        CertificateState::Revoked { .. } => "revoked":
            CertificateState::Revoked { at: NOW, reason, published: None },
            CertificateState::Revoked { at: NOW, reason, published: Some(1) };
    );
    states.into_iter().map(|(_, state)| Certificate { state, ..Certificate::issued(record()) }).collect()
}

pub(super) fn certificate_events() -> Vec<(&'static str, CertificateEvent)> {
    samples!(CertificateEvent:
        CertificateEvent::Revoked(_) => "revoked": CertificateEvent::Revoked(None);
        CertificateEvent::RevocationPublished(_) => "CRL published": CertificateEvent::RevocationPublished(2);
        CertificateEvent::Replaced { .. } => "order replaces it":
            CertificateEvent::Replaced { by: OrderId(ONE), instead_of: None };
        CertificateEvent::RenewalCalled(_) => "operator calls to renew":
            CertificateEvent::RenewalCalled(Some(RenewalCall { at: NOW, until: EXPIRES }));
    )
}

pub(super) fn new_credentials() -> Vec<EabCredential> {
    vec![credential(EabStatus::Valid)]
}

pub(super) fn credentials() -> Vec<EabCredential> {
    let statuses = samples!(EabStatus:
        EabStatus::Valid => "valid": EabStatus::Valid;
        EabStatus::Expired => "expired": EabStatus::Expired;
        EabStatus::Revoked => "revoked": EabStatus::Revoked;
    );
    statuses.into_iter().map(|(_, status)| credential(status)).collect()
}

pub(super) fn credential_events() -> Vec<(&'static str, EabEvent)> {
    let bound = || EabEvent::AccountBound { acme_profile: profile().name, ra_profile: profile().name };
    let revised = || EabEvent::Revised { description: String::new(), scope: EabScope::default() };
    samples!(EabEvent:
        EabEvent::AccountBound { .. } => "account bound": bound();
        EabEvent::OrderPlaced => "order placed": EabEvent::OrderPlaced;
        EabEvent::Revised { .. } => "operator revises": revised();
        EabEvent::Revoked => "operator revokes": EabEvent::Revoked;
    )
}

fn account(state: AccountState) -> Account {
    Account {
        endpoint: endpoint(),
        key: key(1),
        contacts: Vec::new(),
        terms_agreed: None,
        created: NOW,
        state,
        disabled: None,
        acme_profile: None,
        binding: None,
        former_keys: Vec::new(),
    }
}

fn key(byte: u8) -> AccountKey {
    AccountKey { jwk: String::new(), thumbprint: [byte; 32], spki_sha256: [byte; 32] }
}

fn order_terms() -> OrderTerms {
    OrderTerms {
        account: AccountId(ONE),
        endpoint: endpoint(),
        acme_profile: profile(),
        ra_profile: profile(),
        subjects: vec![subject("a.example"), subject("b.example")],
        authorizations: vec![AuthorizationId(ONE), AuthorizationId(OTHER)],
        created: NOW,
        expires: EXPIRES,
        not_before: None,
        not_after: None,
        profile: None,
        replaces: None,
        ancestors: BTreeMap::new(),
        auto_renewal: None,
    }
}

fn intent() -> Intent {
    let draft = Draft {
        authority: AuthorityId(ONE),
        serial: vec![1],
        not_before: NOW,
        not_after: EXPIRES,
        public_key: Vec::new(),
        tbs: Vec::new(),
    };
    Intent { certificate: CertificateId(ONE), draft, methods: Vec::new() }
}

fn authorization_terms() -> AuthorizationTerms {
    AuthorizationTerms {
        account: AccountId(ONE),
        endpoint: endpoint(),
        acme_profile: profile(),
        identifier: subject("a.example").identifier,
        wildcard: false,
        created: NOW,
        expires: EXPIRES,
        valid_for: Seconds(1_000),
        retry: RetryRules { pauses: vec![Seconds(10)], interval: None },
        exemption: None,
        subdomains: false,
        pre_authorized: false,
    }
}

fn challenge(state: ChallengeState) -> Challenge {
    Challenge { state, ..Challenge::new(ChallengeType::Http01, Token::new(&[0; TOKEN_ENTROPY])) }
}

fn record() -> CertificateRecord {
    CertificateRecord {
        order: Some((AccountId(ONE), OrderId(ONE))),
        authority: AuthorityId(ONE),
        serial: vec![1],
        subjects: vec![subject("a.example")],
        not_before: NOW,
        not_after: EXPIRES,
        issued: NOW,
        spki_sha256: [0; 32],
        der: Vec::new(),
        profiles: None,
        period: None,
    }
}

fn credential(status: EabStatus) -> EabCredential {
    let (expires, revoked) = match status {
        EabStatus::Valid => (EXPIRES, None),
        EabStatus::Expired => (NOW, None),
        EabStatus::Revoked => (EXPIRES, Some(NOW)),
    };
    EabCredential {
        description: String::new(),
        sealed_key: Vec::new(),
        created: NOW,
        scope: EabScope { expires: Some(expires), ..EabScope::default() },
        accounts: 0,
        orders: 0,
        revoked,
    }
}

fn endpoint() -> Endpoint {
    Endpoint::AcmeProfile(profile().name)
}

fn profile() -> ProfileRef {
    let name = ProfileName::parse("default").expect("seven letters are a name");
    ProfileRef { name, revision: ProfileRevision(1) }
}

fn subject(name: &str) -> Subject {
    Subject::dns(name).expect("the samples above are names")
}

fn problem() -> Problem {
    Problem::new(ProblemType::Connection, "refused")
}
