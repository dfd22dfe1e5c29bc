//! Clock, entropy, validator and issuer, as the tests want them.

use std::panic::panic_any;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chancery_actors::ports::{
    Attempt, CaaQuestion, Clock, CrlRequest, Draft, DraftError, DraftRequest, Entropy, Issue, KeySource, SignError,
    Validate, Verdict,
};
use chancery_machine::challenge::Reliance;
use chancery_machine::id::{AuthorityId, Id};
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::renewal::IssuerStanding;
use chancery_machine::time::Timestamp;
use chancery_machine::transcript::Transcript;
use tokio::sync::Semaphore;

/// What signs in these tests.
pub(crate) const AUTHORITY: AuthorityId = AuthorityId(Id::from_bytes([7; 16]));

/// How its certificates name it.
pub(crate) const KEY_IDENTIFIER: &[u8] = b"key";

/// A panic in the middle of a test leaves nothing half done under these locks.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stands until it is moved.
#[derive(Debug)]
pub(crate) struct StandingClock(AtomicU64);

impl Default for StandingClock {
    fn default() -> Self {
        Self(AtomicU64::new(1_795_435_200_000))
    }
}

impl StandingClock {
    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Never the same twice, and spread over all bits.
#[derive(Debug, Default)]
pub(crate) struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let count = self.0.fetch_add(1, Ordering::SeqCst);
            let word =
                (count + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            chunk.copy_from_slice(&word.to_be_bytes()[..chunk.len()]);
        }
    }
}

/// What a validation attempt comes to.
#[derive(Clone)]
pub(crate) enum Act {
    Pass,
    /// Passes, and says how long that may be relied on.
    PassFor(Reliance),
    Fail,
    Panic,
    /// Passes once the gate has a place.
    Wait(Arc<Semaphore>),
}

type Script = dyn Fn(&Attempt, usize) -> Act + Send + Sync;

/// Does what its script says for the attempt, and for how many came before it.
pub(crate) struct ScriptedValidator {
    script: Mutex<Arc<Script>>,
    /// The identifiers, in the order of the calls.
    calls: Mutex<Vec<String>>,
    running: AtomicUsize,
    most: AtomicUsize,
    caa: Mutex<Arc<Caa>>,
    questions: Mutex<Vec<CaaQuestion>>,
}

type Caa = dyn Fn(&CaaQuestion) -> Result<(), Problem> + Send + Sync;

impl Default for ScriptedValidator {
    fn default() -> Self {
        Self {
            script: Mutex::new(Arc::new(|_, _| Act::Pass)),
            calls: Mutex::default(),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            caa: Mutex::new(Arc::new(|_| Ok(()))),
            questions: Mutex::default(),
        }
    }
}

impl ScriptedValidator {
    pub(crate) fn follow(&self, script: impl Fn(&Attempt, usize) -> Act + Send + Sync + 'static) {
        *locked(&self.script) = Arc::new(script);
    }

    /// What CAA records say from now on.
    pub(crate) fn caa(&self, says: impl Fn(&CaaQuestion) -> Result<(), Problem> + Send + Sync + 'static) {
        *locked(&self.caa) = Arc::new(says);
    }

    /// What was asked of CAA records alone, in order.
    pub(crate) fn questions(&self) -> Vec<CaaQuestion> {
        locked(&self.questions).clone()
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        locked(&self.calls).clone()
    }

    /// How many ran at once at most.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }
}

struct Runs<'a>(&'a AtomicUsize);

impl Drop for Runs<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Validate for ScriptedValidator {
    async fn attempt(&self, attempt: Attempt) -> Verdict {
        let now = Timestamp::EPOCH;
        let nth = {
            let mut calls = locked(&self.calls);
            calls.push(attempt.identifier.value());
            calls.len() - 1
        };
        self.most.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let _runs = Runs(&self.running);
        let script = Arc::clone(&locked(&self.script));
        let mut reliance = Reliance::default();
        let outcome = match script(&attempt, nth) {
            Act::Pass => Ok(()),
            Act::PassFor(stated) => {
                reliance = stated;
                Ok(())
            }
            Act::Fail => Err(Problem::new(ProblemType::Connection, "nobody answers")),
            Act::Panic => panic_any("the validator panics on purpose"),
            Act::Wait(gate) => gate.acquire().await.map(|_| ()).map_err(|_| Problem::new(ProblemType::Dns, "closed")),
        };
        Verdict { outcome, reliance, transcript: Transcript::begin(now) }
    }

    async fn permits(&self, question: CaaQuestion) -> Verdict {
        let says = Arc::clone(&locked(&self.caa));
        let outcome = says(&question);
        locked(&self.questions).push(question);
        Verdict { outcome, reliance: Reliance::default(), transcript: Transcript::begin(Timestamp::EPOCH) }
    }
}

/// Drafts and signs without cryptography: the same draft gives the same bytes.
#[derive(Default)]
pub(crate) struct ScriptedIssuer {
    /// How many signatures fail from now on.
    pub(crate) sign_failures: AtomicU32,
    /// How many signatures panic from now on.
    pub(crate) sign_panics: AtomicU32,
    /// How many CRLs fail from now on.
    pub(crate) crl_failures: AtomicU32,
    /// How many drafts were made.
    pub(crate) drafts: AtomicU32,
    signed: Mutex<Vec<Vec<u8>>>,
    crls: Mutex<Vec<CrlRequest>>,
    /// Whether signing waits.
    held: Mutex<bool>,
    released: Condvar,
}

impl ScriptedIssuer {
    /// Lets every signature wait, or go on.
    pub(crate) fn hold(&self, held: bool) {
        *locked(&self.held) = held;
        self.released.notify_all();
    }

    /// What was signed, in order.
    pub(crate) fn signed(&self) -> Vec<Vec<u8>> {
        locked(&self.signed).clone()
    }

    /// The CRLs that were signed, in order.
    pub(crate) fn crls(&self) -> Vec<CrlRequest> {
        locked(&self.crls).clone()
    }

    fn wait(&self) {
        let mut held = locked(&self.held);
        while *held {
            held = self.released.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn due(counter: &AtomicU32) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Issue for ScriptedIssuer {
    fn draft(&self, request: &DraftRequest) -> Result<Draft, DraftError> {
        let key = match &request.key {
            KeySource::Csr(csr) if csr.is_empty() => return Err(DraftError::BadCsr("the CSR is empty".into())),
            KeySource::Csr(csr) if csr == b"panic" => panic_any("the issuer panics on purpose"),
            KeySource::Csr(key) | KeySource::Renewed(key) => key.clone(),
        };
        self.drafts.fetch_add(1, Ordering::SeqCst);
        let names: Vec<_> = request.subjects.iter().map(ToString::to_string).collect();
        Ok(Draft {
            authority: request.profile.authority,
            serial: request.serial_entropy.to_vec(),
            not_before: request.not_before.unwrap_or(request.now),
            not_after: request.not_after.unwrap_or(request.now.plus(request.profile.validity.default.into())),
            public_key: key,
            tbs: [&request.serial_entropy[..], names.join(",").as_bytes()].concat(),
        })
    }

    fn sign(&self, draft: &Draft) -> Result<Vec<u8>, SignError> {
        self.wait();
        if due(&self.sign_panics) {
            panic_any("the issuer panics on purpose");
        }
        if due(&self.sign_failures) {
            return Err(SignError::Unavailable("the key is elsewhere".into()));
        }
        locked(&self.signed).push(draft.tbs.clone());
        Ok([b"signed ", draft.tbs.as_slice()].concat())
    }

    fn with_key_identifier(&self, key_identifier: &[u8]) -> Vec<AuthorityId> {
        if key_identifier == KEY_IDENTIFIER { vec![AUTHORITY] } else { Vec::new() }
    }

    fn standing(&self, _: AuthorityId) -> Option<IssuerStanding> {
        None
    }

    fn authorities(&self) -> Vec<AuthorityId> {
        vec![AUTHORITY]
    }

    fn lifetime(&self, _: AuthorityId) -> Result<(Timestamp, Timestamp), SignError> {
        Ok((Timestamp::EPOCH, Timestamp::from_millis(u64::MAX)))
    }

    fn chain(&self, _: AuthorityId) -> Result<Vec<Vec<u8>>, SignError> {
        Ok(vec![b"issuing".to_vec()])
    }

    fn crl(&self, request: &CrlRequest) -> Result<Vec<u8>, SignError> {
        self.wait();
        if due(&self.crl_failures) {
            return Err(SignError::Unavailable("the key is elsewhere".into()));
        }
        locked(&self.crls).push(request.clone());
        Ok(request.number.to_be_bytes().to_vec())
    }
}
