//! What an operator does: use cases over the engine, and the REST API that offers them. The command line and the web
//! interface call the same.
//!
//! Every use case begins with what its caller may do, and ends with one commit that holds the change and its entry in the
//! audit log.

pub mod accounts;
pub mod apply;
pub mod audit;
pub mod authorities;
pub mod authorizations;
pub mod bulk;
pub mod certificates;
pub mod eab;
pub mod error;
pub mod idempotency;
mod issuers;
pub(crate) mod objects;
pub mod operator;
pub mod orders;
pub mod overview;
pub mod precondition;
pub mod profiles;
pub mod renewal;
pub mod rest;
pub mod sessions;
pub mod settings;
pub mod time;
pub mod tokens;
pub mod trial;
pub mod view;
pub mod words;

use std::sync::Arc;

use chancery_actors::Engine;
use chancery_actors::ports::Store;
use chancery_machine::perspective::PerspectiveName;

use self::authorities::KeptAuthorities;
use self::overview::{LastOverview, Surroundings};
use self::sessions::SessionRules;
use crate::vault::Vault;

/// What every use case has at hand.
pub struct Admin {
    /// The engine.
    pub engine: Engine,
    /// What the engine keeps, for reading; writes go through [`Engine::administer`].
    pub store: Arc<dyn Store>,
    /// Seals secrets.
    pub vault: Arc<Vault>,
    /// What signs.
    pub authorities: Arc<dyn KeptAuthorities>,
    /// Scheme, host and port under which clients reach the server.
    pub origin: String,
    /// How long those who sign in with a browser stay so.
    pub sessions: SessionRules,
    /// How what surrounds the engine does.
    pub surroundings: Arc<dyn Surroundings>,
    /// The last overview.
    pub overview: LastOverview,
    /// The perspectives of this server's configuration.
    pub perspectives: Vec<PerspectiveName>,
}
