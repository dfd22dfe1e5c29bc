//! Bytes as operations. Every sequence of bytes is a script, so that a mutated one is still worth playing.

/// What happens to the world. Numbers name objects modulo how many there are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    /// A client orders some of four names.
    PlaceOrder { names: u8, how: Placing },
    /// A client asks for an authorization before any order; `below`: for all names below as well.
    PreAuthorize { name: u8, below: bool, exempt: bool },
    /// A client says that a challenge is ready.
    Respond { authorization: u8, challenge: u8 },
    /// An effect in flight is performed.
    Deliver { errand: u8, how: Delivery },
    /// An effect in flight is lost.
    Lose { errand: u8 },
    /// The process dies and comes back: what was in flight is forgotten, what is owed is found again.
    Restart,
    /// Everything owed is found again while other things are in flight.
    Sweep,
    /// Time goes by.
    Wait { seconds: u64 },
    /// The clock's message comes to an order and an authorization, in time or not.
    Strike { object: u8 },
    /// A client finalizes an order.
    Finalize { order: u8 },
    /// A client gives an authorization up.
    Deactivate { authorization: u8 },
    /// The server takes an authorization back.
    Revoke { authorization: u8 },
    /// The account changes its key and contacts.
    UpdateAccount,
    /// The account is closed; by the server with its certificates, if that is a reason.
    CloseAccount { by_server: bool, certificates: u8 },
    /// An operator disables the account, or enables it again.
    SwitchAccount { enabled: bool },
    /// The account's holder agrees to the terms of service.
    AgreeToTerms,
    /// An operator cancels an order.
    Cancel { order: u8 },
    /// A client ends the automatic renewal of an order.
    CancelRenewal { order: u8 },
    /// A certificate is revoked.
    RevokeCertificate { certificate: u8, reason: u8 },
    /// A CRL is published.
    PublishCrl,
    /// A message comes that belongs to something else, or to the past.
    Stray { object: u8, what: u8 },
}

/// How an order is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placing {
    /// It does not share the authorizations there are.
    pub(super) fresh: bool,
    /// Nothing has to be proven for those that it does not share.
    pub(super) exempt: bool,
    /// Its client names an ancestor of the names as its own.
    pub(super) ancestor: bool,
    /// It replaces the latest certificate.
    pub(super) renews: bool,
    /// Its certificate is renewed automatically.
    pub(super) renewed: bool,
}

/// How an effect is performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// It succeeds.
    Well,
    /// It succeeds, and will be performed once more.
    AndAgain,
    /// It succeeds, and word of it is lost.
    Unheard,
    /// It fails: an attempt does not prove control, or an intent cannot be signed.
    Badly,
}

/// The script that the bytes are; an operation that is cut off at the end is none.
pub(super) fn operations(bytes: &[u8]) -> impl Iterator<Item = Operation> {
    let mut bytes = bytes.iter().copied();
    std::iter::from_fn(move || operation(&mut bytes))
}

fn operation(bytes: &mut impl Iterator<Item = u8>) -> Option<Operation> {
    // What makes a world go on is common, what ends everything is rare.
    Some(match bytes.next()? {
        0..=23 => {
            let names = bytes.next()?;
            let how = Placing {
                fresh: names & 0b1000_0000 != 0,
                exempt: names & 0b0110_0000 == 0b0110_0000,
                ancestor: names & 0b0110_0000 == 0b0100_0000,
                renewed: names & 0b0110_0000 == 0b0010_0000,
                renews: names & 0b0001_0000 != 0,
            };
            Operation::PlaceOrder { names: names & 0b1111, how }
        }
        24..=63 => Operation::Respond { authorization: bytes.next()?, challenge: bytes.next()? },
        64..=135 => Operation::Deliver { errand: bytes.next()?, how: delivery(bytes.next()?) },
        136..=143 => Operation::Lose { errand: bytes.next()? },
        144..=149 => Operation::Restart,
        150..=155 => {
            let what = bytes.next()?;
            Operation::PreAuthorize { name: what & 0b11, below: what & 0b100 != 0, exempt: what & 0b1110_0000 == 0 }
        }
        156..=167 => Operation::Sweep,
        168..=187 => Operation::Wait { seconds: bytes.next()?.into() },
        188..=195 => Operation::Wait { seconds: u64::from(bytes.next()?) * 240 },
        196..=203 => Operation::Strike { object: bytes.next()? },
        204..=227 => Operation::Finalize { order: bytes.next()? },
        228..=231 => Operation::Deactivate { authorization: bytes.next()? },
        232..=233 => Operation::Revoke { authorization: bytes.next()? },
        234..=236 => Operation::UpdateAccount,
        237 => {
            let how = bytes.next()?;
            Operation::CloseAccount { by_server: how.is_multiple_of(2), certificates: how / 2 }
        }
        238..=243 => Operation::RevokeCertificate { certificate: bytes.next()?, reason: bytes.next()? },
        244..=245 => Operation::PublishCrl,
        // More often on than off, since a disabled account lets little happen.
        246..=248 => Operation::SwitchAccount { enabled: bytes.next()? >= 80 },
        249 => Operation::AgreeToTerms,
        250 => Operation::Cancel { order: bytes.next()? },
        251 => Operation::CancelRenewal { order: bytes.next()? },
        252..=255 => Operation::Stray { object: bytes.next()?, what: bytes.next()? },
    })
}

fn delivery(byte: u8) -> Delivery {
    match byte {
        0..=127 => Delivery::Well,
        128..=159 => Delivery::AndAgain,
        160..=191 => Delivery::Unheard,
        192..=255 => Delivery::Badly,
    }
}
