//! The engine as a whole, over doubles of everything around it: a store whose commits fail or land unheard, a clock that
//! stands until it is moved, a validator and an issuer that fail, hang and panic on command. Nothing here measures time;
//! what has to happen is waited for.

mod audit;
mod auto_renewal;
mod auto_renewal_barred;
mod caa;
mod closing;
mod concurrency;
mod crl;
mod doubles;
mod external;
mod faults;
#[path = "../support/jws.rs"]
mod jws;
mod lab;
mod limits;
mod listing;
mod news;
mod panics;
mod path;
mod policy;
mod pre_authorization;
mod pressure;
mod registry;
mod renewal;
mod restart;
mod retention;
mod reuse;
mod revisions;
mod revoking;
mod sightings;
mod store;
mod twins;
mod wire;
