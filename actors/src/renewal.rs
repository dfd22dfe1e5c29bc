//! When certificates are to be renewed (RFC 9773): found by the name that clients give them, and told from what this node
//! has in memory. Asking costs one look-up and one read, and no turn of any actor: whole fleets poll it.

use chancery_machine::certificate::Certificate;
use chancery_machine::id::CertificateId;
use chancery_machine::profile::Seconds;
use chancery_machine::renewal::{RenewalRules, Window};

use crate::engine::Engine;
use crate::error::LoadError;
use crate::ports::Kind;
use crate::resident::{Versioned, load};
use crate::terms;

/// The most octets of a serial number (RFC 5280 section 4.1.2.2).
const SERIAL: usize = 20;

/// How clients name a certificate (RFC 9773 section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateName {
    /// The keyIdentifier of its authorityKeyIdentifier.
    pub key_identifier: Vec<u8>,
    /// Its serial number, big-endian, without the octet that only keeps it positive.
    pub serial: Vec<u8>,
    /// Both as the client wrote them.
    pub text: String,
}

/// What a client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenewalInfo {
    /// `suggestedWindow`
    pub window: Window,
    /// After how long it asks again.
    pub look_again: Seconds,
}

impl Engine {
    /// The certificate of this name.
    ///
    /// # Errors
    /// [`LoadError::Absent`] if none was issued here, or it is past its retention.
    pub async fn certificate_named(&self, name: &CertificateName) -> Result<Versioned<Certificate>, LoadError> {
        // Longer ones do not exist, and would be no term.
        if name.serial.len() > SERIAL {
            return Err(LoadError::Absent);
        }
        for authority in self.world.ports.issue.with_key_identifier(&name.key_identifier) {
            let found = self.world.ports.store.find(&terms::serial(authority, &name.serial)).await?;
            if let Some(found) = found.filter(|found| found.kind == Kind::Certificate) {
                return load(&self.world, found.id).await;
            }
        }
        Err(LoadError::Absent)
    }

    /// When a certificate is to be renewed, by the rules of an endpoint.
    #[must_use]
    pub fn renewal_info(&self, rules: &RenewalRules, certificate: &Versioned<Certificate>) -> RenewalInfo {
        let Versioned { id, state, .. } = certificate;
        let issuer = self.world.ports.issue.standing(state.record.authority);
        let profiles = self.profiles();
        let issued_by = state.record.profiles.as_ref().and_then(|(_, ra_profile)| profiles.ra.get(&ra_profile.name));
        let called = issued_by.and_then(|ra_profile| ra_profile.call);
        RenewalInfo {
            window: rules.window((CertificateId(*id), state), issuer.as_ref(), called),
            look_again: rules.look_again(state, issuer.as_ref()),
        }
    }
}
