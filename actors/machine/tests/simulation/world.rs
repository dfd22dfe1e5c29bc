//! The world: one account with its orders, authorizations and certificates, a store, a validator, a signer and a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chancery_machine::account::{Account, AccountEvent, AccountKey, AccountState, AccountStatus};
use chancery_machine::authorization::{
    Authorization, AuthorizationEvent, AuthorizationStatus, AuthorizationTerms, Outcome,
};
use chancery_machine::auto_renewal::AutoRenewal;
use chancery_machine::certificate::{Certificate, CertificateEvent, CertificateRecord, RevocationReason};
use chancery_machine::challenge::{Challenge, ChallengeState, ChallengeType, Reliance, TOKEN_ENTROPY, Token};
use chancery_machine::id::{AccountId, AuthorityId, AuthorizationId, CertificateId, Id, OrderId};
use chancery_machine::identifier::{Identifier, Subject};
use chancery_machine::machine::{Machine, Step};
use chancery_machine::order::{
    Draft, Intent, Order, OrderEvent, OrderState, OrderStatus, OrderTerms, Predecessor, ProfileRef,
};
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::profile::{Endpoint, ProfileName, ProfileRevision, RetryRules, Seconds};
use chancery_machine::snapshot::{self, Snapshot};
use chancery_machine::time::Timestamp;
use chancery_machine::transcript::Transcript;

use super::errand::Errand;
use super::invariants::{self, History};
use super::script::{Delivery, Operation, Placing};
use super::{Violation, hold};

const NAMES: [&str; 4] = ["a.example", "b.a.example", "*.a.example", "*.b.a.example"];
/// What a client controls that says so.
const ANCESTOR: &str = "a.example";
const ACCOUNT: AccountId = AccountId(Id::from_bytes([1; 16]));
/// Enough for authorizations to be shared, few enough for scripts to come back to the same ones.
const ORDERS: usize = 8;
const ORDER_LIFE: Duration = Duration::from_secs(24 * 3600);
/// A little shorter than the life of an order, so that either can run out before the other.
const VALID_FOR: Seconds = Seconds(20 * 3600);
/// An order may be finalized when most of its renewal is over.
const RENEWED_FOR: Seconds = Seconds(30 * 3600);
const LIFETIME: Seconds = Seconds(4 * 3600);
pub(super) const PAUSES: [Seconds; 2] = [Seconds(10), Seconds(60)];

pub(crate) struct World {
    pub(super) now: Timestamp,
    pub(super) account: Account,
    pub(super) orders: BTreeMap<OrderId, Order>,
    pub(super) authorizations: BTreeMap<AuthorizationId, Authorization>,
    pub(super) certificates: BTreeMap<CertificateId, Certificate>,
    pub(crate) history: History,
    in_flight: Vec<Errand>,
    crl: u64,
    made: u128,
}

impl World {
    pub(crate) fn new() -> Self {
        let now = Timestamp::from_seconds(1_000_000);
        let account = Account {
            endpoint: Endpoint::AcmeProfile(profile().name),
            key: key(0),
            contacts: Vec::new(),
            terms_agreed: None,
            created: now,
            state: AccountState::Valid,
            disabled: None,
            acme_profile: None,
            binding: None,
            former_keys: Vec::new(),
        };
        Self {
            now,
            account,
            orders: BTreeMap::new(),
            authorizations: BTreeMap::new(),
            certificates: BTreeMap::new(),
            history: History::default(),
            in_flight: Vec::new(),
            crl: 0,
            made: 0,
        }
    }

    pub(crate) fn perform(&mut self, operation: Operation) -> Result<(), Violation> {
        match operation {
            Operation::PlaceOrder { names, how } => self.place_order(names, how)?,
            Operation::PreAuthorize { name, below, exempt } => self.pre_authorize(name, below, exempt)?,
            Operation::Respond { authorization, challenge } => {
                if let Some(id) = pick(&self.authorizations, authorization).filter(|_| self.serves()) {
                    self.respond(id, u32::from(challenge % 3))?;
                }
            }
            Operation::Deliver { errand, how } => {
                if let Some(place) = usize::from(errand).checked_rem(self.in_flight.len()) {
                    let errand = self.in_flight[place];
                    if errand.due() <= self.now {
                        if how != Delivery::AndAgain {
                            self.in_flight.remove(place);
                        }
                        self.deliver(errand, how)?;
                    }
                }
            }
            Operation::Lose { errand } => {
                if let Some(place) = usize::from(errand).checked_rem(self.in_flight.len()) {
                    self.in_flight.remove(place);
                }
            }
            Operation::Restart => self.restart(),
            Operation::Sweep => self.in_flight.extend(self.owed()),
            Operation::Wait { seconds } => self.now = self.now.plus(Duration::from_secs(seconds)),
            Operation::Strike { object } => self.strike(object)?,
            Operation::Finalize { order } => {
                if let Some(id) = pick(&self.orders, order).filter(|_| self.serves()) {
                    self.finalize(id)?;
                }
            }
            Operation::Deactivate { authorization } => {
                if let Some(id) = pick(&self.authorizations, authorization).filter(|_| self.serves()) {
                    self.turn_authorization(id, &AuthorizationEvent::Deactivated)?;
                }
            }
            Operation::Revoke { authorization } => {
                if let Some(id) = pick(&self.authorizations, authorization) {
                    self.turn_authorization(id, &AuthorizationEvent::Revoked)?;
                }
            }
            Operation::UpdateAccount => {
                self.made += 1;
                let byte = self.made.to_le_bytes()[0];
                self.turn_account(&AccountEvent::KeyChanged(key(byte)))?;
                self.turn_account(&AccountEvent::ContactsUpdated(vec![format!("mailto:{byte}@example.org")]))?;
            }
            Operation::CloseAccount { by_server: false, .. } => {
                self.turn_account(&AccountEvent::Deactivated)?;
            }
            Operation::CloseAccount { by_server: true, certificates } => {
                let certificates = RevocationReason::from_code(u64::from(certificates % 8));
                self.turn_account(&AccountEvent::Revoked { certificates })?;
            }
            Operation::SwitchAccount { enabled } => {
                self.turn_account(&if enabled { AccountEvent::Enabled } else { AccountEvent::Disabled })?;
            }
            Operation::AgreeToTerms => {
                self.turn_account(&AccountEvent::TermsAgreed)?;
            }
            Operation::Cancel { order } => {
                if let Some(id) = pick(&self.orders, order)
                    && self.turn_order(id, &OrderEvent::Cancelled)?
                {
                    self.history.statuses.insert("order cancelled".to_owned());
                }
            }
            Operation::CancelRenewal { order } => {
                if let Some(id) = pick(&self.orders, order).filter(|_| self.serves()) {
                    self.turn_order(id, &OrderEvent::RenewalCanceled)?;
                }
            }
            Operation::RevokeCertificate { certificate, reason } => {
                if let Some(id) = pick(&self.certificates, certificate) {
                    let reason = RevocationReason::from_code(u64::from(reason % 8));
                    self.turn_certificate(id, &CertificateEvent::Revoked(reason))?;
                }
            }
            Operation::PublishCrl => self.publish_crl()?,
            Operation::Stray { object, what } => self.stray(object, what)?,
        }
        self.observe()
    }

    /// Performs everything that is owed, beginning with a restart, until nothing is; then nothing may be stuck.
    pub(crate) fn come_to_rest(&mut self, attempts_pass: bool) -> Result<(), Violation> {
        let how = if attempts_pass { Delivery::Well } else { Delivery::Badly };
        self.restart();
        // While the account is disabled, each is tried again sixteen times in a lifetime.
        let renewals = usize::try_from(16 * RENEWED_FOR.0 / LIFETIME.0).expect("a few") + 3;
        let bound = 16 + 12 * self.authorizations.len() + renewals * self.orders.len();
        for _ in 0..bound {
            self.strike_all()?;
            let owed = self.owed();
            let Some(next) = owed.iter().map(Errand::due).min() else {
                return invariants::check_at_rest(self);
            };
            self.now = self.now.max(next);
            for errand in owed.into_iter().filter(|errand| errand.due() <= next) {
                let issuing = matches!(errand, Errand::Sign { .. } | Errand::Renew { .. });
                let how = if issuing { Delivery::Well } else { how };
                self.deliver(errand, how)?;
            }
        }
        hold("quiescence_is_reached_within_a_bound", false, || format!("still owed: {:?}", self.owed()))
    }

    /// Everything that the objects owe, as the start of the process finds it.
    pub(super) fn owed(&self) -> Vec<Errand> {
        let mut owed: Vec<_> = self.account.owed().into_iter().map(Errand::of_account).collect();
        for (id, order) in &self.orders {
            owed.extend(order.owed().into_iter().map(|effect| Errand::of_order(*id, effect)));
        }
        for (id, authorization) in &self.authorizations {
            owed.extend(authorization.owed().iter().map(|effect| Errand::of_authorization(*id, effect)));
        }
        for (id, certificate) in &self.certificates {
            owed.extend(certificate.owed().into_iter().map(|effect| Errand::of_certificate(*id, effect)));
        }
        owed
    }

    /// Whether the engine takes what the account's client asks of orders and authorizations: the account is looked at
    /// first. What the client asks of the account itself is refused by the account.
    fn serves(&self) -> bool {
        self.account.disabled.is_none()
    }

    /// The certificate that an order replaces, once it knows of the order; `None` if another order replaces it already,
    /// and then this one is refused (RFC 9773 section 5).
    fn predecessor(&mut self, order: OrderId) -> Result<Option<Predecessor>, Violation> {
        let Some((&id, latest)) = self.certificates.last_key_value() else { return Ok(None) };
        let failed = |before: &OrderId| self.orders[before].status(self.now) == OrderStatus::Invalid;
        let instead_of = latest.replaced.filter(failed);
        let predecessor = Predecessor { certificate: id, named: id.to_string(), not_after: latest.record.not_after };
        let replaced = self.turn_certificate(id, &CertificateEvent::Replaced { by: order, instead_of })?;
        Ok(replaced.then_some(predecessor))
    }

    fn place_order(&mut self, names: u8, how: Placing) -> Result<(), Violation> {
        // The account's actor places orders, and stops doing so before it ends the account's work.
        if self.account.status() != AccountStatus::Valid || !self.serves() || self.orders.len() >= ORDERS {
            return Ok(());
        }
        let id = OrderId(self.new_id());
        let replaces = if how.renews { self.predecessor(id)? } else { None };
        if how.renews && replaces.is_none() {
            return self.observe();
        }
        let expires = self.now.plus(ORDER_LIFE);
        let wanted = NAMES.iter().enumerate().filter(|(bit, _)| names == 0 || names & (1 << bit) != 0);
        let mut subjects: Vec<_> = wanted.map(|(_, name)| Subject::dns(name).expect("a name")).collect();
        subjects.sort();
        let below = how.ancestor && !how.exempt;
        let mut made = BTreeMap::new();
        let mut authorizations = Vec::new();
        let mut outstanding = BTreeSet::new();
        for subject in &subjects {
            let proof = if below { Subject { wildcard: subject.wildcard, ..ancestor() } } else { subject.clone() };
            let authorization = match self.usable(subject).filter(|_| !how.fresh) {
                Some(shared) => {
                    self.turn_authorization(shared, &AuthorizationEvent::OrderJoined { order: id, until: expires })?;
                    shared
                }
                None => match made.get(&proof) {
                    Some(made) => *made,
                    None => {
                        let new = self.new_authorization(&proof, below, Some((id, expires)), how.exempt);
                        made.insert(proof, new);
                        new
                    }
                },
            };
            if self.authorizations[&authorization].status(self.now) != AuthorizationStatus::Valid {
                outstanding.insert(authorization);
            }
            authorizations.push(authorization);
        }
        let named = subjects.iter().filter(|_| how.ancestor);
        let Identifier::Dns(ancestor) = ancestor().identifier else { return Ok(()) };
        let terms = OrderTerms {
            account: ACCOUNT,
            endpoint: Endpoint::AcmeProfile(profile().name),
            acme_profile: profile(),
            ra_profile: profile(),
            ancestors: named.map(|subject| (subject.clone(), ancestor.clone())).collect(),
            subjects,
            authorizations,
            created: self.now,
            expires,
            not_before: None,
            not_after: None,
            profile: None,
            replaces,
            auto_renewal: how.renewed.then(|| AutoRenewal {
                start: None,
                end: self.now.plus(RENEWED_FOR.into()),
                lifetime: LIFETIME,
                adjust: AutoRenewal::adjusted(LIFETIME, Seconds(0)),
                certificate_get: false,
            }),
        };
        self.orders.insert(id, Order::placed(terms, outstanding.into_iter().collect()));
        self.observe()
    }

    /// What a client proves before any order.
    fn pre_authorize(&mut self, name: u8, below: bool, exempt: bool) -> Result<(), Violation> {
        let made = self.authorizations.values().filter(|authorization| authorization.terms.pre_authorized).count();
        if self.account.status() != AccountStatus::Valid || !self.serves() || made >= ORDERS {
            return Ok(());
        }
        let name = NAMES[usize::from(name) % NAMES.len()];
        let subject = Subject { wildcard: false, ..Subject::dns(name).expect("a name") };
        self.new_authorization(&subject, below && !exempt, None, exempt);
        self.observe()
    }

    fn usable(&self, subject: &Subject) -> Option<AuthorizationId> {
        let fits = |authorization: &Authorization| {
            authorization.terms.proves(subject) && !authorization.status(self.now).is_final()
        };
        self.authorizations.iter().find(|(_, authorization)| fits(authorization)).map(|(id, _)| *id)
    }

    fn new_authorization(
        &mut self,
        subject: &Subject,
        subdomains: bool,
        order: Option<(OrderId, Timestamp)>,
        exempt: bool,
    ) -> AuthorizationId {
        let id = AuthorizationId(self.new_id());
        let terms = AuthorizationTerms {
            account: ACCOUNT,
            endpoint: Endpoint::AcmeProfile(profile().name),
            acme_profile: profile(),
            identifier: subject.identifier.clone(),
            wildcard: subject.wildcard,
            created: self.now,
            expires: self.now.plus(ORDER_LIFE),
            valid_for: VALID_FOR,
            retry: RetryRules { pauses: PAUSES.to_vec(), interval: None },
            exemption: exempt.then(|| "example (subdomain, wildcards too)".to_owned()),
            subdomains,
            pre_authorized: order.is_none(),
        };
        if exempt {
            self.history.exempt.insert(id);
            self.authorizations.insert(id, Authorization::exempt(terms, order));
            return id;
        }
        let offered = [ChallengeType::Dns01, ChallengeType::Http01].into_iter();
        let offered = offered.filter(|kind| !subdomains || kind.proves_below(subject));
        let challenges = offered.map(|kind| Challenge::new(kind, Token::new(&[0; TOKEN_ENTROPY]))).collect();
        self.authorizations.insert(id, Authorization::new(terms, challenges, order));
        id
    }

    fn respond(&mut self, id: AuthorizationId, challenge: u32) -> Result<(), Violation> {
        self.history.responded.insert((id, challenge));
        self.turn_authorization(id, &AuthorizationEvent::Responded { challenge }).map(drop)
    }

    /// What the engine does with a finalize request: it looks at the authorizations as they stand, since the clock or a
    /// message under way may have decided what the order was not told yet. It leaves to the order what is only pending.
    fn finalize(&mut self, id: OrderId) -> Result<(), Violation> {
        for authorization in self.orders[&id].terms.authorizations.clone() {
            if self.authorizations[&authorization].status(self.now).is_final() {
                self.turn_authorization(authorization, &AuthorizationEvent::Expired)?;
                let error = self.authorizations[&authorization].loss(self.now);
                self.turn_order(id, &OrderEvent::AuthorizationLost { authorization, error })?;
            }
        }
        let validity = match self.orders[&id].terms.auto_renewal {
            Some(terms) => terms.validity(terms.first(self.now), 0),
            None => (self.now, self.now.plus(2 * ORDER_LIFE)),
        };
        let intent = Box::new(self.intent(validity));
        self.turn_order(id, &OrderEvent::Finalized(intent)).map(drop)
    }

    fn intent(&mut self, (not_before, not_after): (Timestamp, Timestamp)) -> Intent {
        let certificate = CertificateId(self.new_id());
        let draft = Draft {
            authority: AuthorityId(Id::from_bytes([2; 16])),
            serial: self.made.to_be_bytes().to_vec(),
            not_before,
            not_after,
            public_key: vec![],
            tbs: self.made.to_be_bytes().to_vec(),
        };
        Intent { certificate, draft, methods: Vec::new() }
    }

    /// What the engine does when the next certificate of an order is due: it looks at the account, and drafts for the
    /// period of this moment.
    fn renew(&mut self, id: OrderId, due: Timestamp, how: Delivery) -> Result<(), Violation> {
        let order = &self.orders[&id];
        let (Some(terms), OrderState::Renewing { series, due: Some(still), .. }) =
            (order.terms.auto_renewal, &order.state)
        else {
            return Ok(());
        };
        if *still != due || how == Delivery::Unheard {
            return Ok(());
        }
        let (first, present) = (series.first, order.period_at(series, self.now));
        let event = if self.account.status() != AccountStatus::Valid {
            OrderEvent::AccountClosed
        } else if let Some(period) = present.filter(|_| self.serves() && how != Delivery::Badly) {
            let intent = Box::new(self.intent(terms.validity(first, period)));
            OrderEvent::RenewalDrafted { period, intent }
        } else if present.is_none() {
            OrderEvent::PeriodPassed
        } else {
            OrderEvent::RenewalFailed("the authority is disabled".to_owned())
        };
        self.turn_order(id, &event).map(drop)
    }

    fn deliver(&mut self, errand: Errand, how: Delivery) -> Result<(), Violation> {
        match errand {
            Errand::EndWork { revoke } => self.end_work(revoke, how),
            Errand::Sign { order, certificate } => self.sign(order, certificate, how),
            Errand::Renew { order, due } => self.renew(order, due, how),
            Errand::Validate { authorization, challenge, attempt, .. } => {
                self.validate(authorization, challenge, attempt, how)
            }
            Errand::TellOrder { authorization, order, outcome } => {
                let event = match outcome {
                    Outcome::Valid => OrderEvent::AuthorizationValid(authorization),
                    Outcome::Lost => {
                        let error = self.authorizations[&authorization].loss(self.now);
                        OrderEvent::AuthorizationLost { authorization, error }
                    }
                };
                self.turn_order(order, &event)?;
                if how == Delivery::Unheard {
                    return Ok(());
                }
                self.turn_authorization(authorization, &AuthorizationEvent::OrderTold { order, outcome }).map(drop)
            }
            Errand::PublishRevocation { .. } if how == Delivery::Unheard => Ok(()),
            Errand::PublishRevocation { .. } => self.publish_crl(),
        }
    }

    fn validate(&mut self, id: AuthorizationId, challenge: u32, attempt: u32, how: Delivery) -> Result<(), Violation> {
        let transcript = Transcript::begin(self.now);
        let event = match how {
            Delivery::Unheard => return Ok(()),
            Delivery::Well | Delivery::AndAgain => {
                self.history.passed.insert((id, challenge, attempt));
                AuthorizationEvent::AttemptPassed { challenge, attempt, transcript, reliance: Reliance::default() }
            }
            Delivery::Badly => {
                let error = Problem::new(ProblemType::Connection, "refused");
                AuthorizationEvent::AttemptFailed { challenge, attempt, error, transcript }
            }
        };
        self.turn_authorization(id, &event).map(drop)
    }

    /// The signer reads what to sign from the order's state, and from nowhere else.
    fn sign(&mut self, id: OrderId, certificate: CertificateId, how: Delivery) -> Result<(), Violation> {
        let order = &self.orders[&id];
        let intent = match &order.state {
            OrderState::Processing { intent } => intent,
            OrderState::Reissuing { series, period, .. } if order.period_at(series, self.now) != Some(*period) => {
                return self.turn_order(id, &OrderEvent::PeriodPassed).map(drop);
            }
            OrderState::Reissuing { intent, .. } => intent,
            OrderState::Pending { .. }
            | OrderState::Ready
            | OrderState::Valid { .. }
            | OrderState::Invalid { .. }
            | OrderState::Renewing { .. }
            | OrderState::Canceled { .. } => return Ok(()),
        };
        if intent.certificate != certificate {
            return Ok(());
        }
        let period = intended_for(order);
        let signed = self.history.signed.get(&(id, period));
        // What has passed the lint passes it again.
        if how == Delivery::Badly && signed.is_none() {
            let error = Problem::new(ProblemType::ServerInternal, "the authority is gone");
            return self.turn_order(id, &OrderEvent::IssuanceFailed(error)).map(drop);
        }
        let signed = (certificate, intent.draft.tbs.clone());
        self.history.signed.entry((id, period)).or_default().insert(signed);
        match how {
            Delivery::Unheard => self.observe(),
            Delivery::Well | Delivery::AndAgain | Delivery::Badly => {
                self.turn_order(id, &OrderEvent::Issued(certificate)).map(drop)
            }
        }
    }

    /// With certificates to revoke, the work is at its end only when none can come any more: a signature under way is
    /// waited for.
    fn end_work(&mut self, revoke: Option<RevocationReason>, how: Delivery) -> Result<(), Violation> {
        let orders: Vec<_> = self.orders.keys().copied().collect();
        let authorizations: Vec<_> = self.authorizations.keys().copied().collect();
        // Unheard: the process dies halfway.
        let skip = if how == Delivery::Unheard { orders.len() / 2 } else { 0 };
        for id in orders.into_iter().skip(skip) {
            self.turn_order(id, &OrderEvent::AccountClosed)?;
        }
        if how == Delivery::Unheard {
            return Ok(());
        }
        for id in authorizations {
            self.turn_authorization(id, &AuthorizationEvent::AccountClosed)?;
        }
        if revoke.is_some() {
            if self.orders.values().any(|order| matches!(order.state, OrderState::Processing { .. })) {
                return Ok(());
            }
            for id in self.certificates.keys().copied().collect::<Vec<_>>() {
                self.turn_certificate(id, &CertificateEvent::Revoked(revoke))?;
            }
        }
        self.turn_account(&AccountEvent::WorkEnded).map(drop)
    }

    fn publish_crl(&mut self) -> Result<(), Violation> {
        self.crl += 1;
        for id in self.certificates.keys().copied().collect::<Vec<_>>() {
            self.turn_certificate(id, &CertificateEvent::RevocationPublished(self.crl))?;
        }
        Ok(())
    }

    fn strike(&mut self, object: u8) -> Result<(), Violation> {
        if let Some(id) = pick(&self.orders, object) {
            self.turn_order(id, &OrderEvent::Expired)?;
        }
        if let Some(id) = pick(&self.authorizations, object) {
            self.turn_authorization(id, &AuthorizationEvent::Expired)?;
        }
        Ok(())
    }

    fn strike_all(&mut self) -> Result<(), Violation> {
        for id in self.orders.keys().copied().collect::<Vec<_>>() {
            self.turn_order(id, &OrderEvent::Expired)?;
        }
        for id in self.authorizations.keys().copied().collect::<Vec<_>>() {
            self.turn_authorization(id, &AuthorizationEvent::Expired)?;
        }
        Ok(())
    }

    /// Messages that nobody should act upon: for the wrong object, or with the wrong number.
    fn stray(&mut self, object: u8, what: u8) -> Result<(), Violation> {
        let (order, authorization) = (pick(&self.orders, object), pick(&self.authorizations, object));
        let unknown = Id::from_bytes([0xff; 16]);
        let error = Problem::new(ProblemType::Dns, "stray");
        match (what % 8, order, authorization, pick(&self.certificates, object)) {
            (0, Some(id), _, _) => self.turn_order(id, &OrderEvent::AuthorizationValid(AuthorizationId(unknown))),
            (1, Some(id), _, _) => {
                let authorization = AuthorizationId(unknown);
                self.turn_order(id, &OrderEvent::AuthorizationLost { authorization, error })
            }
            (2, _, _, _) => {
                // Only one that is processing could mistake it for its own.
                let processing = |(_, order): &(&OrderId, &Order)| {
                    matches!(order.state, OrderState::Processing { .. } | OrderState::Reissuing { .. })
                };
                match self.orders.iter().find(processing).map(|(id, _)| *id) {
                    Some(id) => self.turn_order(id, &OrderEvent::Issued(CertificateId(unknown))),
                    None => Ok(false),
                }
            }
            (3, _, Some(id), _) => {
                let (challenge, attempt) = (u32::from(what / 8 % 2), u32::from(what / 16));
                if self.awaited(id, challenge) == Some(attempt) {
                    return Ok(());
                }
                let transcript = Transcript::begin(self.now);
                self.turn_authorization(
                    id,
                    &AuthorizationEvent::AttemptPassed {
                        challenge,
                        attempt,
                        transcript,
                        reliance: Reliance::default(),
                    },
                )
            }
            (4, _, Some(id), _) => {
                let (challenge, attempt) = (u32::from(what / 8 % 2), u32::from(what / 16));
                if self.awaited(id, challenge) == Some(attempt) {
                    return Ok(());
                }
                let transcript = Transcript::begin(self.now);
                self.turn_authorization(
                    id,
                    &AuthorizationEvent::AttemptFailed { challenge, attempt, error, transcript },
                )
            }
            (5, _, Some(id), _) => {
                let outcome = if (what / 8).is_multiple_of(2) { Outcome::Valid } else { Outcome::Lost };
                self.turn_authorization(id, &AuthorizationEvent::OrderTold { order: OrderId(unknown), outcome })
            }
            (6, _, _, Some(id)) if self.certificates[&id].owed().is_empty() => {
                self.turn_certificate(id, &CertificateEvent::RevocationPublished(self.crl))
            }
            _ if self.account.status() == AccountStatus::Valid => self.turn_account(&AccountEvent::WorkEnded),
            _ => Ok(false),
        }
        .map(drop)
    }

    fn awaited(&self, id: AuthorizationId, challenge: u32) -> Option<u32> {
        // An exempt authorization has no challenges.
        match self.authorizations[&id].challenges.get(challenge as usize)?.state {
            ChallengeState::Processing { attempt, .. } => Some(attempt),
            ChallengeState::Pending | ChallengeState::Valid { .. } | ChallengeState::Invalid { .. } => None,
        }
    }

    /// Only what was stored comes back.
    fn restart(&mut self) {
        fn reread<T: Snapshot>(value: &T) -> T {
            snapshot::decode(&snapshot::encode(value)).expect("it was read back when it was stored")
        }
        self.account = reread(&self.account);
        self.orders.values_mut().for_each(|order| *order = reread(order));
        self.authorizations.values_mut().for_each(|authorization| *authorization = reread(authorization));
        self.certificates.values_mut().for_each(|certificate| *certificate = reread(certificate));
        self.in_flight = self.owed();
    }

    fn turn_account(&mut self, event: &AccountEvent) -> Result<bool, Violation> {
        let Some(Step { next, effects }) = invariants::turn(&self.account, event, self.now)? else { return Ok(false) };
        self.account = next;
        self.in_flight.extend(effects.into_iter().map(Errand::of_account));
        self.observe().map(|()| true)
    }

    fn turn_order(&mut self, id: OrderId, event: &OrderEvent) -> Result<bool, Violation> {
        let before = &self.orders[&id];
        let Some(Step { next, effects }) = invariants::turn(before, event, self.now)? else { return Ok(false) };
        match event {
            OrderEvent::Finalized(_) => {
                let status = |id: &AuthorizationId| (*id, self.authorizations[id].status(self.now));
                self.history.finalized.insert(id, before.terms.authorizations.iter().map(status).collect());
            }
            OrderEvent::Issued(certificate) => {
                if let OrderState::Processing { intent } | OrderState::Reissuing { intent, .. } = &before.state {
                    // Stored with this very step.
                    let issued = Certificate::issued(record(id, before, intent, self.now));
                    self.certificates.insert(*certificate, issued);
                }
            }
            OrderEvent::Expired => invariants::nothing_expires_before_its_time(before.terms.expires, self.now)?,
            OrderEvent::AuthorizationValid(_)
            | OrderEvent::AuthorizationLost { .. }
            | OrderEvent::IssuanceFailed(_)
            | OrderEvent::AccountClosed
            | OrderEvent::Cancelled
            | OrderEvent::RenewalDrafted { .. }
            | OrderEvent::RenewalFailed(_)
            | OrderEvent::PeriodPassed
            | OrderEvent::RenewalCanceled => (),
        }
        self.orders.insert(id, next);
        self.in_flight.extend(effects.into_iter().map(|effect| Errand::of_order(id, effect)));
        self.observe().map(|()| true)
    }

    fn turn_authorization(&mut self, id: AuthorizationId, event: &AuthorizationEvent) -> Result<bool, Violation> {
        let before = &self.authorizations[&id];
        let Some(Step { next, effects }) = invariants::turn(before, event, self.now)? else { return Ok(false) };
        if *event == AuthorizationEvent::Expired {
            invariants::nothing_expires_before_its_time(before.expires().unwrap_or(Timestamp::EPOCH), self.now)?;
        }
        self.authorizations.insert(id, next);
        self.in_flight.extend(effects.iter().map(|effect| Errand::of_authorization(id, effect)));
        self.observe().map(|()| true)
    }

    fn turn_certificate(&mut self, id: CertificateId, event: &CertificateEvent) -> Result<bool, Violation> {
        let Some(Step { next, effects }) = invariants::turn(&self.certificates[&id], event, self.now)? else {
            return Ok(false);
        };
        self.certificates.insert(id, next);
        self.in_flight.extend(effects.into_iter().map(|effect| Errand::of_certificate(id, effect)));
        self.observe().map(|()| true)
    }

    fn observe(&mut self) -> Result<(), Violation> {
        invariants::check(self)?;
        let mut history = std::mem::take(&mut self.history);
        history.record(self);
        self.history = history;
        Ok(())
    }

    fn new_id(&mut self) -> Id {
        self.made += 1;
        Id::from_bytes(self.made.to_be_bytes())
    }
}

fn ancestor() -> Subject {
    Subject::dns(ANCESTOR).expect("a name")
}

fn pick<K: Copy + Ord, V>(objects: &BTreeMap<K, V>, number: u8) -> Option<K> {
    objects.keys().nth(usize::from(number).checked_rem(objects.len())?).copied()
}

fn record(id: OrderId, order: &Order, intent: &Intent, now: Timestamp) -> CertificateRecord {
    CertificateRecord {
        order: Some((order.terms.account, id)),
        authority: intent.draft.authority,
        serial: intent.draft.serial.clone(),
        subjects: order.terms.subjects.clone(),
        not_before: intent.draft.not_before,
        not_after: intent.draft.not_after,
        issued: now,
        spki_sha256: [0; 32],
        der: intent.draft.tbs.clone(),
        profiles: Some((order.terms.acme_profile.clone(), order.terms.ra_profile.clone())),
        period: order.terms.auto_renewal.map(|_| intended_for(order)),
    }
}

/// The period of what is to be signed; 0 without automatic renewal.
fn intended_for(order: &Order) -> u64 {
    if let OrderState::Reissuing { period, .. } = order.state { period } else { 0 }
}

fn key(byte: u8) -> AccountKey {
    AccountKey { jwk: String::new(), thumbprint: [byte; 32], spki_sha256: [byte; 32] }
}

fn profile() -> ProfileRef {
    ProfileRef { name: ProfileName::parse("default").expect("a name"), revision: ProfileRevision(1) }
}
