//! Reads a table, tries each of its cells, and holds what every machine promises of every step.

use std::fmt::Debug;

use chancery_machine::eab::BindingRefused;
use chancery_machine::machine::Machine;
use chancery_machine::rejection::Rejection;
use chancery_machine::snapshot::{self, Snapshot};
use chancery_machine::time::Timestamp;

/// Tries every cell of `table`: a column for each state, a row for each event, neither more nor less. A cell says what
/// `describe` says of the state that follows, or how the event is refused.
pub(crate) fn check<M>(
    table: &str,
    states: &[(&str, M)],
    events: &[(&str, M::Event)],
    now: Timestamp,
    describe: impl Fn(&M) -> String,
) where
    M: Machine + Snapshot,
    M::Event: PartialEq,
{
    let mut rows = table.lines().filter(|line| !line.trim().is_empty()).map(cells);
    let (_, columns) = rows.next().expect("a table has a head");
    assert_eq!(columns, states.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "a column for each state");
    let rows: Vec<_> = rows.collect();
    let named: Vec<_> = rows.iter().map(|(event, _)| *event).collect();
    assert_eq!(named, events.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "a row for each event");

    for ((name, event), (_, expected)) in events.iter().zip(&rows) {
        assert_eq!(expected.len(), states.len(), "the row {name} has a cell for each state");
        for ((state_name, state), expected) in states.iter().zip(expected) {
            let found = match attempt(state, event, now) {
                Ok(next) => describe(&next),
                Err(rejection) => word(rejection),
            };
            assert_eq!(found, *expected, "{state_name:?} with {name:?} at {now}");
        }
    }
}

/// Applies the event, and checks what holds of every step of every machine.
pub(crate) fn attempt<M>(state: &M, event: &M::Event, now: Timestamp) -> Result<M, Rejection>
where
    M: Machine + Snapshot,
{
    let before = state.clone();
    let result = state.apply(event.clone(), now);
    assert_eq!(*state, before, "no event changes the state it is applied to");
    assert_eq!(state.apply(event.clone(), now), result, "the same event gives the same step");
    reads_back(state);
    let step = result?;
    reads_back(&step.next);
    let (already, owed) = (state.owed(), step.next.owed());
    for effect in &owed {
        assert_ne!(already.contains(effect), step.effects.contains(effect), "{effect:?} is new or was owed before");
    }
    assert!(step.effects.iter().all(|effect| owed.contains(effect)), "no effect without a debt");
    Ok(step.next)
}

pub(crate) fn reads_back<T: Snapshot + PartialEq + Debug>(value: &T) {
    assert_eq!(snapshot::decode::<T>(&snapshot::encode(value)).as_ref(), Ok(value));
}

fn cells(line: &str) -> (&str, Vec<&str>) {
    let mut cells = line.split('|').map(str::trim);
    (cells.next().unwrap_or_default(), cells.collect())
}

fn word(rejection: Rejection) -> String {
    match rejection {
        Rejection::Stale => "stale".to_owned(),
        Rejection::OrderNotReady(status) => format!("not ready: {}", status.token()),
        Rejection::NoSuchChallenge => "no challenge".to_owned(),
        Rejection::AuthorizationClosed(status) => format!("closed: {}", status.token()),
        Rejection::TooManyOrders => "too many".to_owned(),
        Rejection::AccountClosed(status) => format!("closed: {}", status.token()),
        Rejection::AccountDisabled => "account disabled".to_owned(),
        Rejection::AlreadyReplaced => "already replaced".to_owned(),
        Rejection::OrderPastCancelling(status) => format!("too late: {}", status.token()),
        Rejection::NotRenewing(status) => format!("not renewing: {}", status.token()),
        Rejection::Binding(refused) => match refused {
            BindingRefused::Deleted => "refused: deleted",
            BindingRefused::Revoked => "refused: revoked",
            BindingRefused::Expired => "refused: expired",
            BindingRefused::Elsewhere => "refused: elsewhere",
            BindingRefused::Accounts => "refused: accounts",
            BindingRefused::Orders => "refused: orders",
        }
        .to_owned(),
        Rejection::AlreadyRevoked => "already revoked".to_owned(),
        Rejection::CertificateExpired => "certificate expired".to_owned(),
    }
}
