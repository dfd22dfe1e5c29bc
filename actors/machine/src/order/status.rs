//! The statuses of orders.

use minicbor::{Decode, Encode};

/// The `status` of an order on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
#[allow(missing_docs, reason = "the words of RFC 8555 section 7.1.6, and of RFC 8739 section 3.1.1")]
pub enum OrderStatus {
    #[n(0)]
    Pending,
    #[n(1)]
    Ready,
    #[n(2)]
    Processing,
    #[n(3)]
    Valid,
    #[n(4)]
    Invalid,
    #[n(5)]
    Canceled,
}

impl OrderStatus {
    /// Every status, in the order in which orders go through them.
    pub const ALL: &'static [Self] =
        &[Self::Pending, Self::Ready, Self::Processing, Self::Valid, Self::Invalid, Self::Canceled];

    /// The word of the wire.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Processing => "processing",
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Canceled => "canceled",
        }
    }

    /// Whether nothing more will happen, apart from the reissue of an order with `auto-renewal`.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Pending | Self::Ready | Self::Processing => false,
            Self::Valid | Self::Invalid | Self::Canceled => true,
        }
    }
}
