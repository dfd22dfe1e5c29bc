//! Validators: one actor for each type of challenge, and one for CAA records alone. It bounds how much runs at once, and is fair between accounts: who
//! sends ten thousand challenges waits for their own, not everybody for them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use actix::prelude::*;
use chancery_machine::id::AccountId;
use tokio::sync::oneshot;

use crate::ports::{Attempt, CaaQuestion, Validate, Verdict};

/// How many attempts of one type run at once.
const RUNNING: usize = 256;

/// How many attempts of one type wait.
const WAITING: usize = 16 * 1024;

/// How many of them are one account's, so that no account can fill the room alone.
const LINE: usize = WAITING / 16;

/// What a validator can be sent for.
pub(crate) enum Errand {
    Attempt(Attempt),
    Caa(CaaQuestion),
}

/// Runs an errand for an account. The reply is dropped where too many wait, of all accounts or of this one.
pub(crate) struct Try {
    pub(crate) account: AccountId,
    pub(crate) errand: Errand,
    pub(crate) reply: oneshot::Sender<Verdict>,
}

impl Message for Try {
    type Result = ();
}

/// One attempt is over.
struct Over;

impl Message for Over {
    type Result = ();
}

/// A place among those that run, given back even by an attempt that panics.
struct Place(Addr<Validator>);

impl Drop for Place {
    fn drop(&mut self) {
        // Bounded by RUNNING.
        self.0.do_send(Over);
    }
}

/// The validator of one type of challenge, or of CAA records.
pub(crate) struct Validator {
    port: Arc<dyn Validate>,
    running: usize,
    waiting: FairQueue<AccountId, Try>,
}

impl Validator {
    pub(crate) fn new(port: Arc<dyn Validate>) -> Self {
        Self { port, running: 0, waiting: FairQueue::new() }
    }

    fn run(&mut self, ctx: &Context<Self>) {
        while self.running < RUNNING
            && let Some(Try { errand, mut reply, .. }) = self.waiting.pop()
        {
            if reply.is_closed() {
                continue;
            }
            self.running += 1;
            let port = Arc::clone(&self.port);
            let place = Place(ctx.address());
            actix_rt::spawn(async move {
                let _place = place;
                let verdict = match errand {
                    Errand::Attempt(attempt) => port.attempt(attempt),
                    Errand::Caa(question) => port.permits(question),
                };
                // Whoever owed the attempt may not owe it any more: then it stops in the middle.
                let verdict = tokio::select! {
                    verdict = verdict => Some(verdict),
                    () = reply.closed() => None,
                };
                if let Some(verdict) = verdict {
                    let _ = reply.send(verdict);
                }
            });
        }
    }
}

impl Actor for Validator {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(WAITING);
    }
}

impl Handler<Try> for Validator {
    type Result = ();

    fn handle(&mut self, errand: Try, ctx: &mut Self::Context) {
        if self.waiting.len() < WAITING && self.waiting.line(&errand.account) < LINE {
            self.waiting.push(errand.account, errand);
            self.run(ctx);
        }
    }
}

impl Handler<Over> for Validator {
    type Result = ();

    fn handle(&mut self, _: Over, ctx: &mut Self::Context) {
        self.running = self.running.saturating_sub(1);
        self.run(ctx);
    }
}

/// A queue of queues: each owner has its own line, and the lines are served in turn.
struct FairQueue<K, T> {
    lines: HashMap<K, VecDeque<T>>,
    turns: VecDeque<K>,
    len: usize,
}

impl<K: Copy + Eq + std::hash::Hash, T> FairQueue<K, T> {
    fn new() -> Self {
        Self { lines: HashMap::new(), turns: VecDeque::new(), len: 0 }
    }

    fn len(&self) -> usize {
        self.len
    }

    /// How many items one owner has.
    fn line(&self, owner: &K) -> usize {
        self.lines.get(owner).map_or(0, VecDeque::len)
    }

    fn push(&mut self, owner: K, item: T) {
        let line = self.lines.entry(owner).or_default();
        if line.is_empty() {
            self.turns.push_back(owner);
        }
        line.push_back(item);
        self.len += 1;
    }

    fn pop(&mut self) -> Option<T> {
        let owner = self.turns.pop_front()?;
        let line = self.lines.get_mut(&owner)?;
        let item = line.pop_front()?;
        self.len -= 1;
        if line.is_empty() {
            self.lines.remove(&owner);
        } else {
            self.turns.push_back(owner);
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_served_in_turn() {
        let mut queue = FairQueue::new();
        for item in 0..4 {
            queue.push("many", item);
        }
        queue.push("few", 100);
        queue.push("many", 4);
        assert_eq!((queue.len(), queue.line(&"many"), queue.line(&"nobody")), (6, 5, 0));
        let order: Vec<i32> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [0, 100, 1, 2, 3, 4]);
        assert_eq!((queue.len(), queue.line(&"many")), (0, 0));
    }
}
