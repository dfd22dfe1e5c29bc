//! RFC 8555 sections 7.1.4, 7.1.6, 7.5.1, 7.5.2 and 8.2.

use std::time::Duration;

use chancery_machine::authorization::{
    Authorization, AuthorizationEffect, AuthorizationEvent, AuthorizationState, AuthorizationStatus,
    AuthorizationTerms, ORDERS, Outcome,
};
use chancery_machine::challenge::{ChallengeState, Reliance};
use chancery_machine::id::{Id, OrderId};
use chancery_machine::machine::Machine;
use chancery_machine::problem::ProblemType;
use chancery_machine::profile::Seconds;
use chancery_machine::rejection::Rejection;
use chancery_machine::time::Timestamp;

use crate::sample::{AFTER, BEFORE, EXPIRES, NOW, P, Q, authorization, authorizations, problem, transcript};
use crate::table::{attempt, check};

type Named<T> = Vec<(&'static str, T)>;

/// Sections 7.1.6 and 8.2: a response makes a challenge processing, an attempt makes it valid, invalid or, while the rules
/// allow, due again; a client's repeated response brings a retry forward and adds none. Section 7.1.6: the first challenge
/// that is valid or invalid makes its authorization so. Only the attempt that is owed counts.
const CHALLENGES: &str = "
            | pending        | try 1 now     | try 2 in 10s      | try 3 now     | valid        | invalid         | deactivated         | expired         | revoked
respond 0   | try 1 now      | stale         | try 2 now         | stale         | stale        | stale           | closed: deactivated | closed: expired | closed: revoked
respond 1   | pending/1      | try 1 now/1   | try 2 in 10s/1    | try 3 now/1   | stale        | closed: invalid | closed: deactivated | closed: expired | closed: revoked
respond 2   | no challenge   | no challenge  | no challenge      | no challenge  | no challenge | no challenge    | no challenge        | no challenge    | no challenge
pass 0 try 1 | stale          | valid         | stale             | stale         | stale        | stale           | stale               | stale           | stale
pass 0 try 2| stale          | stale         | valid             | stale         | stale        | stale           | stale               | stale           | stale
pass 0 try 3| stale          | stale         | stale             | valid         | stale        | stale           | stale               | stale           | stale
pass 1 try 1| stale          | stale         | stale             | stale         | stale        | stale           | stale               | stale           | stale
pass 2 try 1| no challenge   | no challenge  | no challenge      | no challenge  | stale        | stale           | stale               | stale           | stale
fail 0 try 1| stale          | try 2 in 10s  | stale             | stale         | stale        | stale           | stale               | stale           | stale
fail 0 try 2| stale          | stale         | try 3 in 20s      | stale         | stale        | stale           | stale               | stale           | stale
fail 0 try 3| stale          | stale         | stale             | invalid       | stale        | stale           | stale               | stale           | stale
fail 1 try 1| stale          | stale         | stale             | stale         | stale        | stale           | stale               | stale           | stale
fail 2 try 1| no challenge   | no challenge  | no challenge      | no challenge  | stale        | stale           | stale               | stale           | stale
";

/// Section 7.1.6: the client deactivates and the server revokes what is valid (and what is pending, see the machine's
/// comment); section 7.3.6: closing the account cancels what is open. The clock has not decided yet.
const ENDINGS: &str = "
            | pending        | try 1 now     | try 2 in 10s      | try 3 now     | valid        | invalid         | deactivated         | expired         | revoked
deactivated | deactivated    | deactivated   | deactivated       | deactivated   | deactivated  | closed: invalid | stale               | closed: expired | closed: revoked
closed      | deactivated    | deactivated   | deactivated       | deactivated   | deactivated  | stale           | stale               | stale           | stale
revoked     | revoked        | revoked       | revoked           | revoked       | revoked      | stale           | stale               | stale           | stale
expired     | stale          | stale         | stale             | stale         | stale        | stale           | stale               | stale           | stale
";

/// Sections 7.1.4 and 7.1.6: past `expires` a pending or valid authorization is expired. What a client asks is refused, and
/// everything else makes the expiry known. A final state stays as it was.
const LAPSED: &str = "
            | pending         | try 1 now       | try 2 in 10s    | try 3 now       | valid           | invalid         | deactivated         | expired         | revoked
respond 0   | closed: expired | closed: expired | closed: expired | closed: expired | closed: expired | stale           | closed: deactivated | closed: expired | closed: revoked
respond 1   | closed: expired | closed: expired | closed: expired | closed: expired | closed: expired | closed: invalid | closed: deactivated | closed: expired | closed: revoked
respond 2   | closed: expired | closed: expired | closed: expired | closed: expired | closed: expired | no challenge    | no challenge        | no challenge    | no challenge
pass 0 try 1 | expired         | expired         | expired         | expired         | expired         | stale           | stale               | stale           | stale
pass 0 try 2| expired         | expired         | expired         | expired         | expired         | stale           | stale               | stale           | stale
pass 0 try 3| expired         | expired         | expired         | expired         | expired         | stale           | stale               | stale           | stale
pass 1 try 1| expired         | expired         | expired         | expired         | expired         | stale           | stale               | stale           | stale
pass 2 try 1| expired         | expired         | expired         | expired         | expired         | stale           | stale               | stale           | stale
fail 0 try 1| expired         | expired         | expired         | expired         | expired         | stale           | stale               | stale           | stale
fail 0 try 2| expired         | expired         | expired         | expired         | expired         | stale           | stale               | stale           | stale
fail 0 try 3| expired         | expired         | expired         | expired         | expired         | stale           | stale               | stale           | stale
fail 1 try 1| expired         | expired         | expired         | expired         | expired         | stale           | stale               | stale           | stale
fail 2 try 1| expired         | expired         | expired         | expired         | expired         | stale           | stale               | stale           | stale
deactivated | closed: expired | closed: expired | closed: expired | closed: expired | closed: expired | closed: invalid | stale               | closed: expired | closed: revoked
closed      | expired         | expired         | expired         | expired         | expired         | stale           | stale               | stale           | stale
revoked     | expired         | expired         | expired         | expired         | expired         | stale           | stale               | stale           | stale
expired     | expired         | expired         | expired         | expired         | expired         | stale           | stale               | stale           | stale
";

/// Section 7.1.6: an order follows its authorizations. P depends on this one, Q does not yet; what P was told stands
/// behind the status. A message that crosses with a change settles nothing.
const ORDERS_IN_FORCE: &str = "
              | pending    | valid       | valid=valid       | invalid         | invalid=valid   | invalid=lost    | revoked=valid
P joined      | stale      | stale       | stale             | closed: invalid | closed: invalid | closed: invalid | closed: revoked
Q joined      | pending +Q | valid +Q    | valid=valid +Q    | closed: invalid | closed: invalid | closed: invalid | closed: revoked
P told valid  | stale      | valid=valid | stale             | stale           | stale           | stale           | stale
P told lost   | stale      | stale       | stale             | invalid=lost    | invalid=lost    | stale           | revoked=lost
Q told valid  | stale      | stale       | stale             | stale           | stale           | stale           | stale
Q told lost   | stale      | stale       | stale             | stale           | stale           | stale           | stale
";

/// An expired authorization takes no order, and has to tell those that it had.
const ORDERS_LAPSED: &str = "
              | pending         | valid           | valid=valid     | invalid         | invalid=valid   | invalid=lost    | revoked=valid
P joined      | closed: expired | closed: expired | closed: expired | closed: invalid | closed: invalid | closed: invalid | closed: revoked
Q joined      | closed: expired | closed: expired | closed: expired | closed: invalid | closed: invalid | closed: invalid | closed: revoked
P told valid  | expired         | expired         | expired=valid   | stale           | stale           | stale           | stale
P told lost   | expired         | expired         | expired=valid   | invalid=lost    | invalid=lost    | stale           | revoked=lost
Q told valid  | expired         | expired         | expired=valid   | stale           | stale           | stale           | stale
Q told lost   | expired         | expired         | expired=valid   | stale           | stale           | stale           | stale
";

/// Where nothing had to be proven there is no challenge; otherwise it is as any that is valid, and its order knows.
const EXEMPT: &str = "
              | in force       | past expires
respond 0     | no challenge   | closed: expired
pass 0 try 1  | stale          | expired=valid
fail 0 try 1  | stale          | expired=valid
deactivated   | deactivated=valid | closed: expired
closed        | deactivated=valid | expired=valid
revoked       | revoked=valid  | expired=valid
expired       | stale          | expired=valid
P joined      | stale          | closed: expired
Q joined      | valid=valid +Q | closed: expired
P told valid  | stale          | expired=valid
P told lost   | stale          | expired=valid
Q told valid  | stale          | expired=valid
Q told lost   | stale          | expired=valid
";

#[test]
fn an_exempt_authorization_with_every_event() {
    let terms = authorization(AuthorizationState::Pending, ChallengeState::Pending, None).terms;
    let lapsed = AuthorizationTerms { valid_for: Seconds(0), ..terms.clone() };
    let states = [("in force", terms), ("past expires", lapsed)]
        .map(|(name, terms)| (name, Authorization::exempt(terms, Some((P, EXPIRES)))));
    for (_, exempt) in &states {
        assert_eq!(exempt.owed(), vec![], "the order was made with it and knows");
    }
    let mut events = [challenge_events(), endings(), order_events()].concat();
    events.retain(|(name, _)| EXEMPT.lines().any(|line| line.starts_with(name)));
    check(EXEMPT, &states, &events, NOW, |next| {
        assert!(next.challenges.is_empty());
        format!("{}{}", next.status(NOW).token(), dependents(next))
    });
    let (_, exempt) = &states[0];
    let revoked = attempt(exempt, &AuthorizationEvent::Revoked, BEFORE).expect("it is valid");
    assert_eq!(revoked.owed(), vec![AuthorizationEffect::TellOrder { order: P, outcome: Outcome::Lost }]);
}

#[test]
fn every_state_with_every_event_of_its_challenges() {
    for now in [NOW, BEFORE] {
        check(CHALLENGES, &states(now), &challenge_events(), now, |next| describe(next, now));
    }
}

#[test]
fn every_state_with_every_ending() {
    for now in [NOW, BEFORE] {
        check(ENDINGS, &states(now), &endings(), now, |next| describe(next, now));
    }
}

#[test]
fn every_state_with_every_event_past_expires() {
    let events = [challenge_events(), endings()].concat();
    for now in [EXPIRES, AFTER, Timestamp::from_millis(u64::MAX)] {
        check(LAPSED, &states(NOW), &events, now, |next| describe(next, now));
    }
}

#[test]
fn every_state_with_every_event_of_its_orders() {
    for now in [NOW, BEFORE] {
        check(ORDERS_IN_FORCE, &told_states(), &order_events(), now, |next| describe(next, now));
    }
    for now in [EXPIRES, AFTER] {
        check(ORDERS_LAPSED, &told_states(), &order_events(), now, |next| describe(next, now));
    }
}

/// Every kind of event stands in a table: a new one does not compile until it has a number, and then wants a row.
#[test]
fn the_tables_know_every_kind_of_event() {
    let kind = |event: &AuthorizationEvent| match event {
        AuthorizationEvent::Responded { .. } => 0,
        AuthorizationEvent::AttemptPassed { .. } => 1,
        AuthorizationEvent::AttemptFailed { .. } => 2,
        AuthorizationEvent::OrderJoined { .. } => 3,
        AuthorizationEvent::OrderTold { .. } => 4,
        AuthorizationEvent::Deactivated => 5,
        AuthorizationEvent::AccountClosed => 6,
        AuthorizationEvent::Revoked => 7,
        AuthorizationEvent::Expired => 8,
    };
    let events = [challenge_events(), endings(), order_events()].concat();
    let kinds: std::collections::BTreeSet<_> = events.iter().map(|(_, event)| kind(event)).collect();
    assert_eq!(kinds, (0..=8).collect());
}

/// What proves control may say for how long; it never makes that longer.
#[test]
fn a_proof_that_ends_ends_the_authorization() {
    let processing = ChallengeState::Processing { attempt: 1, due: NOW, error: None };
    let pending = authorization(AuthorizationState::Pending, processing, None);
    let full = NOW.plus(pending.terms.valid_for.into());
    for (until, expires) in [(None, full), (Some(BEFORE), BEFORE), (Some(full.plus(Duration::from_secs(1))), full)] {
        let reliance = Reliance { until, reuse_until: Some(NOW) };
        let event = AuthorizationEvent::AttemptPassed { challenge: 0, attempt: 1, transcript: transcript(), reliance };
        let valid = attempt(&pending, &event, NOW).expect("it is awaited");
        assert_eq!(valid.state, AuthorizationState::Valid { since: NOW, expires });
        assert_eq!(valid.challenges[0].reliance, reliance);
    }
}

#[test]
fn what_is_owed_follows_from_the_state() {
    let tell = |outcome| vec![AuthorizationEffect::TellOrder { order: P, outcome }];
    let validate = |attempt, due| vec![AuthorizationEffect::Validate { challenge: 0, attempt, due }];
    for (name, authorization) in authorizations() {
        let expected = match name {
            "pending" | "valid" | "invalid" => vec![],
            "processing" => validate(1, NOW),
            "retrying" => validate(2, EXPIRES),
            "deactivated" | "expired" | "revoked" => tell(Outcome::Lost),
            other => panic!("{other} is not in the list"),
        };
        assert_eq!(authorization.owed(), expected, "{name}");
    }
    for (name, authorization) in told_states() {
        let expected = match name {
            "pending" | "valid=valid" | "invalid=lost" => vec![],
            "valid" => tell(Outcome::Valid),
            "invalid" | "invalid=valid" | "revoked=valid" => tell(Outcome::Lost),
            other => panic!("{other} is not in the list"),
        };
        assert_eq!(authorization.owed(), expected, "{name}");
    }
}

#[test]
fn the_status_of_an_open_authorization_is_expired_from_expires_on() {
    use AuthorizationStatus::{Deactivated, Expired, Invalid, Pending, Revoked, Valid};
    let at = |now| states(NOW).iter().map(|(_, state)| state.status(now)).collect::<Vec<_>>();
    let decided = [Invalid, Deactivated, Expired, Revoked];
    for now in [NOW, BEFORE] {
        assert_eq!(at(now), [vec![Pending, Pending, Pending, Pending, Valid], decided.to_vec()].concat());
    }
    for now in [EXPIRES, AFTER] {
        assert_eq!(at(now), [vec![Expired; 5], decided.to_vec()].concat());
    }
}

/// Section 7.1.4: `expires` stands in what is pending or valid. Validity counts from the attempt that passed.
#[test]
fn a_passed_attempt_begins_a_new_span() {
    let processing = ChallengeState::Processing { attempt: 1, due: NOW, error: None };
    let pending = authorization(AuthorizationState::Pending, processing, None);
    assert_eq!(pending.expires(), Some(EXPIRES));
    let valid = attempt(&pending, &passed(0, 1), BEFORE).expect("the attempt is owed");
    assert_eq!(valid.expires(), Some(BEFORE.plus(Duration::from_secs(5_000))));
    assert_eq!(valid.challenges[0].state, ChallengeState::Valid { validated: BEFORE });
    let revoked = attempt(&valid, &AuthorizationEvent::Revoked, AFTER).expect("it is still valid");
    assert_eq!(revoked.expires(), None);
}

/// Section 8.2: the error of the attempt before is there while the next one is awaited.
#[test]
fn a_retry_keeps_the_error_and_the_transcript_of_the_attempt_before() {
    let processing = ChallengeState::Processing { attempt: 1, due: NOW, error: None };
    let pending = authorization(AuthorizationState::Pending, processing, None);
    let retrying = attempt(&pending, &failed(0, 1), NOW).expect("the attempt is owed");
    let hurried = attempt(&retrying, &AuthorizationEvent::Responded { challenge: 0 }, NOW).expect("it is not due yet");
    for state in [&retrying, &hurried] {
        assert!(matches!(&state.challenges[0].state,
            ChallengeState::Processing { attempt: 2, error: Some(error), .. } if *error == problem()));
        assert_eq!(state.challenges[0].transcript, Some(transcript()));
    }
}

#[test]
fn the_loss_that_orders_are_told_names_the_identifier() {
    for (name, authorization) in authorizations() {
        let loss = authorization.loss(authorization.terms.created);
        assert!(loss.detail.contains("*.a.example"), "{name}: {loss}");
        let kind = if name == "invalid" { problem().kind } else { ProblemType::Unauthorized };
        assert_eq!(loss.kind, kind, "{name}");
    }
}

#[test]
fn the_orders_of_one_authorization_are_bounded_by_those_that_are_open() {
    let order = |number: usize| OrderId(Id::from_bytes((number as u128).to_be_bytes()));
    let mut full = authorization(AuthorizationState::Pending, ChallengeState::Pending, None);
    for number in 1..ORDERS {
        let joined = AuthorizationEvent::OrderJoined { order: order(number), until: BEFORE };
        full = attempt(&full, &joined, NOW).expect("there is room");
    }
    let another = AuthorizationEvent::OrderJoined { order: order(ORDERS), until: EXPIRES };
    assert_eq!(full.apply(another.clone(), NOW), Err(Rejection::TooManyOrders));
    let joined = attempt(&full, &another, BEFORE).expect("orders that have run out make room");
    assert_eq!(joined.dependents.iter().map(|dependent| dependent.order).collect::<Vec<_>>(), [P, order(ORDERS)]);
}

fn states(now: Timestamp) -> Named<Authorization> {
    let processing = |attempt, due| ChallengeState::Processing { attempt, due, error: Some(problem()) };
    let pending = |challenge| authorization(AuthorizationState::Pending, challenge, None);
    let soon = now.plus(Duration::from_secs(10));
    let valid = AuthorizationState::Valid { since: NOW, expires: EXPIRES };
    let invalid = AuthorizationState::Invalid { at: NOW, error: problem() };
    let failed = ChallengeState::Invalid { at: NOW, error: problem() };
    vec![
        ("pending", pending(ChallengeState::Pending)),
        ("try 1 now", pending(processing(1, now))),
        ("try 2 in 10s", pending(processing(2, soon))),
        ("try 3 now", pending(processing(3, NOW))),
        ("valid", authorization(valid, ChallengeState::Valid { validated: NOW }, None)),
        ("invalid", authorization(invalid, failed, None)),
        ("deactivated", authorization(AuthorizationState::Deactivated { at: NOW }, processing(1, now), None)),
        ("expired", authorization(AuthorizationState::Expired { at: NOW }, ChallengeState::Pending, None)),
        ("revoked", authorization(AuthorizationState::Revoked { at: NOW }, ChallengeState::Pending, None)),
    ]
}

fn told_states() -> Named<Authorization> {
    let pending = authorization(AuthorizationState::Pending, ChallengeState::Pending, None);
    let valid = |told| {
        let state = AuthorizationState::Valid { since: NOW, expires: EXPIRES };
        authorization(state, ChallengeState::Valid { validated: NOW }, told)
    };
    let invalid = |told| {
        let state = AuthorizationState::Invalid { at: NOW, error: problem() };
        authorization(state, ChallengeState::Invalid { at: NOW, error: problem() }, told)
    };
    let revoked = AuthorizationState::Revoked { at: NOW };
    vec![
        ("pending", pending),
        ("valid", valid(None)),
        ("valid=valid", valid(Some(Outcome::Valid))),
        ("invalid", invalid(None)),
        ("invalid=valid", invalid(Some(Outcome::Valid))),
        ("invalid=lost", invalid(Some(Outcome::Lost))),
        ("revoked=valid", authorization(revoked, ChallengeState::Pending, Some(Outcome::Valid))),
    ]
}

fn challenge_events() -> Named<AuthorizationEvent> {
    vec![
        ("respond 0", AuthorizationEvent::Responded { challenge: 0 }),
        ("respond 1", AuthorizationEvent::Responded { challenge: 1 }),
        ("respond 2", AuthorizationEvent::Responded { challenge: 2 }),
        ("pass 0 try 1", passed(0, 1)),
        ("pass 0 try 2", passed(0, 2)),
        ("pass 0 try 3", passed(0, 3)),
        ("pass 1 try 1", passed(1, 1)),
        ("pass 2 try 1", passed(2, 1)),
        ("fail 0 try 1", failed(0, 1)),
        ("fail 0 try 2", failed(0, 2)),
        ("fail 0 try 3", failed(0, 3)),
        ("fail 1 try 1", failed(1, 1)),
        ("fail 2 try 1", failed(2, 1)),
    ]
}

fn endings() -> Named<AuthorizationEvent> {
    vec![
        ("deactivated", AuthorizationEvent::Deactivated),
        ("closed", AuthorizationEvent::AccountClosed),
        ("revoked", AuthorizationEvent::Revoked),
        ("expired", AuthorizationEvent::Expired),
    ]
}

fn order_events() -> Named<AuthorizationEvent> {
    let told = |order, outcome| AuthorizationEvent::OrderTold { order, outcome };
    vec![
        ("P joined", AuthorizationEvent::OrderJoined { order: P, until: AFTER }),
        ("Q joined", AuthorizationEvent::OrderJoined { order: Q, until: AFTER }),
        ("P told valid", told(P, Outcome::Valid)),
        ("P told lost", told(P, Outcome::Lost)),
        ("Q told valid", told(Q, Outcome::Valid)),
        ("Q told lost", told(Q, Outcome::Lost)),
    ]
}

fn passed(challenge: u32, attempt: u32) -> AuthorizationEvent {
    AuthorizationEvent::AttemptPassed { challenge, attempt, transcript: transcript(), reliance: Reliance::default() }
}

fn failed(challenge: u32, attempt: u32) -> AuthorizationEvent {
    AuthorizationEvent::AttemptFailed { challenge, attempt, error: problem(), transcript: transcript() }
}

/// The state in the words of the tables.
fn describe(next: &Authorization, now: Timestamp) -> String {
    let before = authorization(AuthorizationState::Pending, ChallengeState::Pending, None);
    assert_eq!(next.terms, before.terms, "what was to be proven never changes");
    let mut text = match &next.state {
        AuthorizationState::Pending => match &next.challenges[0].state {
            ChallengeState::Processing { attempt, due, .. } => match due.since(now).as_secs() {
                0 => format!("try {attempt} now"),
                seconds => format!("try {attempt} in {seconds}s"),
            },
            ChallengeState::Pending => "pending".to_owned(),
            decided @ (ChallengeState::Valid { .. } | ChallengeState::Invalid { .. }) => {
                panic!("{decided:?} in a pending authorization")
            }
        },
        AuthorizationState::Valid { since, .. } => {
            if *since == now {
                assert_eq!(next.challenges[0].state, ChallengeState::Valid { validated: now });
            }
            "valid".to_owned()
        }
        AuthorizationState::Invalid { error, .. } => {
            assert_eq!(*error, problem());
            assert!(matches!(next.challenges[0].state, ChallengeState::Invalid { .. }));
            "invalid".to_owned()
        }
        AuthorizationState::Deactivated { at } => {
            assert_eq!(*at, now);
            "deactivated".to_owned()
        }
        AuthorizationState::Expired { at } => {
            assert_eq!(*at, now);
            "expired".to_owned()
        }
        AuthorizationState::Revoked { at } => {
            assert!([NOW, now].contains(at));
            "revoked".to_owned()
        }
    };
    if matches!(next.challenges[1].state, ChallengeState::Processing { attempt: 1, .. }) {
        text.push_str("/1");
    }
    text + &dependents(next)
}

/// What P was told, and whether Q depends on it too.
fn dependents(next: &Authorization) -> String {
    let told = match next.dependents.iter().find(|dependent| dependent.order == P).expect("P stays").told {
        Some(Outcome::Valid) => "=valid",
        Some(Outcome::Lost) => "=lost",
        None => "",
    };
    let joined = next.dependents.iter().any(|dependent| dependent.order == Q);
    format!("{told}{}", if joined { " +Q" } else { "" })
}
