//! Snapshots: one byte that names the format, then CBOR with numbered fields.
//!
//! A field or a state that is added takes a new number, and older snapshots stay readable; a change that numbers cannot
//! express takes a new format byte, and the reader of the old one stays.

use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::account::{Account, Sighting};
use crate::audit::{AuditEntry, AuditHead};
use crate::authorization::Authorization;
use crate::certificate::Certificate;
use crate::crl::Crl;
use crate::eab::EabCredential;
use crate::order::Order;
use crate::profile::{AcmeProfile, RaProfile};

/// What can be kept as a snapshot.
pub trait Snapshot: Encode<()> + for<'bytes> Decode<'bytes, ()> {
    /// The format that is written.
    const FORMAT: u8 = 1;
}

impl Snapshot for Account {}
impl Snapshot for Sighting {}
impl Snapshot for Order {}
impl Snapshot for Authorization {}
impl Snapshot for Certificate {}
impl Snapshot for Crl {}
impl Snapshot for EabCredential {}
impl Snapshot for AcmeProfile {}
impl Snapshot for AuditEntry {}
impl Snapshot for AuditHead {}
impl Snapshot for RaProfile {}

/// Why a snapshot cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// There are no bytes.
    #[error("the snapshot is empty")]
    Empty,
    /// The format is newer than this program, or not one at all.
    #[error("the snapshot has format {found}, and this program reads format {known}")]
    Format {
        /// What it has.
        found: u8,
        /// What this program reads.
        known: u8,
    },
    /// The content is not what its format says.
    #[error("the snapshot is damaged: {0}")]
    Damaged(String),
}

/// Writes a snapshot.
#[must_use]
pub fn encode<T: Snapshot>(value: &T) -> Vec<u8> {
    let mut bytes = vec![T::FORMAT];
    match minicbor::encode(value, &mut bytes) {
        Ok(()) => bytes,
        // Writing to a Vec cannot fail, and no field type of ours refuses to be written; the types say `Infallible`.
        Err(error) => unreachable!("a snapshot could not be written: {error}"),
    }
}

/// Reads a snapshot.
///
/// # Errors
/// [`Unreadable`] says why not; never a panic, whatever the bytes.
pub fn decode<T: Snapshot>(bytes: &[u8]) -> Result<T, Unreadable> {
    let (&format, content) = bytes.split_first().ok_or(Unreadable::Empty)?;
    if format != T::FORMAT {
        return Err(Unreadable::Format { found: format, known: T::FORMAT });
    }
    let mut decoder = minicbor::Decoder::new(content);
    let value = decoder.decode().map_err(|error| Unreadable::Damaged(error.to_string()))?;
    // Bytes that no field accounts for were not written by `encode`, so the others cannot be trusted either.
    match content.len() - decoder.position() {
        0 => Ok(value),
        spare => Err(Unreadable::Damaged(format!("{spare} bytes follow its end"))),
    }
}
