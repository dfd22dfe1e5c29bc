//! The transcript while it is written.

use std::sync::{Arc, Mutex, PoisonError};

use chancery_actors::ports::Clock;
use chancery_machine::time::Timestamp;
use chancery_machine::transcript::{Happening, Transcript};

/// A transcript that concurrent steps write to, and that outlives an attempt which is broken off.
pub(super) struct Notes {
    clock: Arc<dyn Clock>,
    transcript: Mutex<Transcript>,
}

impl Notes {
    /// Nothing has happened yet.
    pub(super) fn begin(clock: Arc<dyn Clock>) -> Self {
        let transcript = Mutex::new(Transcript::begin(clock.now()));
        Self { clock, transcript }
    }

    /// The present moment, by the clock of the transcript.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Something is over.
    pub(super) fn note(&self, what: Happening) {
        let now = self.clock.now();
        // A transcript has no invariant that a panic elsewhere could have broken.
        self.transcript.lock().unwrap_or_else(PoisonError::into_inner).note(now, what);
    }

    /// The attempt is over.
    pub(super) fn end(self) -> Transcript {
        let mut transcript = self.transcript.into_inner().unwrap_or_else(PoisonError::into_inner);
        transcript.ended = self.clock.now();
        transcript
    }
}
