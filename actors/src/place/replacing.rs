//! The certificate that an order replaces (RFC 9773 section 5).
//!
//! That it is replaced is written with the order, in one commit that expects the certificate as it was looked at: of two
//! orders that both would replace it, the store does one, and the other looks again. Nothing is told when an order fails;
//! whoever wants to replace the certificate then finds out.

use chancery_machine::account::Account;
use chancery_machine::certificate::{Certificate, CertificateEvent};
use chancery_machine::id::{AccountId, CertificateId, OrderId};
use chancery_machine::identifier::Subject;
use chancery_machine::machine::Machine;
use chancery_machine::order::{Order, OrderStatus, Predecessor};
use chancery_machine::profile::AcmeProfile;
use thiserror::Error;

use super::PlaceError;
use crate::engine::Engine;
use crate::error::{LoadError, TurnError};
use crate::ports::{Kind, Write};
use crate::renewal::CertificateName;
use crate::resident::{Role, Versioned, load};

/// Why a certificate cannot be replaced by this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReplaceError {
    /// There is none.
    #[error("\"replaces\" names no certificate that this server has issued, or it is past its retention; leave it out")]
    Unknown,
    /// Another account has it.
    #[error("\"replaces\" names a certificate of another account; leave it out")]
    Foreign,
    /// It is for other names.
    #[error("the certificate that \"replaces\" names has no identifier in common with the order; leave it out")]
    Unlike,
}

/// A certificate that an order replaces.
pub(super) struct Replaced {
    /// What the order keeps of it.
    pub(super) predecessor: Predecessor,
    /// What is stored with the order.
    pub(super) write: Write,
    /// Whether the server asks for the order by now, and has not got one yet: then no limit stands in its way.
    pub(super) in_time: bool,
}

impl Engine {
    /// Looks whether an order of this account for these subjects may replace a certificate.
    pub(super) async fn replaced(
        &self,
        (account, order): (&Versioned<Account>, OrderId),
        name: &CertificateName,
        subjects: &[Subject],
        profile: &AcmeProfile,
    ) -> Result<Replaced, PlaceError> {
        let certificate = match self.certificate_named(name).await {
            Ok(certificate) => certificate,
            Err(LoadError::Absent) => return Err(ReplaceError::Unknown.into()),
            Err(LoadError::Store(error)) => return Err(TurnError::from(error).into()),
        };
        let record = &certificate.state.record;
        if record.order.is_none_or(|(owner, _)| owner != AccountId(account.id)) {
            return Err(ReplaceError::Foreign.into());
        }
        if !subjects.iter().any(|subject| record.subjects.contains(subject)) {
            return Err(ReplaceError::Unlike.into());
        }
        let now = self.now();
        let instead_of = self.failed(&certificate.state).await?;
        let event = CertificateEvent::Replaced { by: order, instead_of };
        let step = certificate.state.apply(event, now).map_err(TurnError::Rejected)?;
        let window = self.renewal_info(&profile.renewal, &certificate).window;
        Ok(Replaced {
            predecessor: Predecessor {
                certificate: CertificateId(certificate.id),
                named: name.text.clone(),
                not_after: record.not_after,
            },
            write: certificate.write(Kind::Certificate, Some(step.next.body(&self.world))),
            in_time: window.opened(now) && certificate.state.replaced.is_none(),
        })
    }

    /// The order that was to replace a certificate, if it never will. An order that issued is remembered for as long as what
    /// it replaced, so that one that is forgotten has failed.
    async fn failed(&self, certificate: &Certificate) -> Result<Option<OrderId>, TurnError> {
        let Some(before) = certificate.replaced else { return Ok(None) };
        match load::<Order>(&self.world, before.0).await {
            Ok(order) if order.state.status(self.now()) == OrderStatus::Invalid => Ok(Some(before)),
            Ok(_) => Ok(None),
            Err(LoadError::Absent) => Ok(Some(before)),
            Err(LoadError::Store(error)) => Err(error.into()),
        }
    }
}
