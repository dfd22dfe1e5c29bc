//! Every state with every event, against tables that were written from RFC 8555 and not from the code; and the snapshot of
//! every state.

mod account;
mod authorization;
mod auto_renewal;
mod certificate;
mod eab;
mod order;
mod renewal;
mod sample;
mod snapshot;
mod table;
