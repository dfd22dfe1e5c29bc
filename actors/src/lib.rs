//! The engine: supervised actors that drive the machines of `chancery-machine`, and the ports to the world.
//!
//! One turn is the same for every kind of object: the event goes to the machine, the step to the journal, the reply to
//! the caller, and only then is anything done about it. [`engine::Engine`] is the front; [`ports`] is the back.

mod account;
mod alarm;
pub mod audit;
mod authorization;
mod caa;
pub mod catalog;
mod certificate;
mod crl;
mod eab;
pub mod engine;
pub mod error;
pub mod finalize;
mod holder;
mod issuer;
mod journal;
pub mod listing;
mod news;
mod order;
pub mod place;
pub mod ports;
pub mod profiles;
pub mod renewal;
mod resident;
mod shard;
mod sightings;
mod sweep;
mod terms;
mod upgrade;
mod validator;
mod world;

pub use engine::Engine;
pub use resident::Versioned;
pub use world::{Ports, Settings};
