//! Lists of certificates.

use std::collections::BTreeSet;

use chancery_machine::certificate::{Certificate, CertificateState, CertificateStatus};
use chancery_machine::id::{AccountId, AuthorityId, OrderId};
use chancery_machine::identifier::Subject;
use chancery_machine::order::Order;
use chancery_machine::profile::ProfileName;
use chancery_machine::time::Timestamp;

use crate::engine::Engine;
use crate::error::LoadError;
use crate::listing::merge::Candidates;
use crate::listing::period::Period;
use crate::listing::{Count, Query, count, wants};
use crate::ports::{Direction, Kind, ObjectId, Range, StoreError, Term};
use crate::resident::{Versioned, load};
use crate::terms::{self, sha256};
use crate::world::World;

/// How many authorities a serial number is looked for at.
const AUTHORITIES: usize = 1_000;

/// The most octets of a serial number (RFC 5280 section 4.1.2.2).
const SERIAL: usize = 20;

/// Which certificates, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CertificateQuery {
    /// Those that this account was issued.
    pub account: Option<AccountId>,
    /// The one that this order led to; with automatic renewal, those.
    pub order: Option<OrderId>,
    /// Those that have this status now.
    pub status: Option<CertificateStatus>,
    /// Those with this subject, among others.
    pub name: Option<Subject>,
    /// Those with this serial number, big-endian.
    pub serial: Option<Vec<u8>>,
    /// The one whose DER has this SHA-256.
    pub fingerprint: Option<[u8; 32]>,
    /// Those that were issued by this RA Profile.
    pub ra_profile: Option<ProfileName>,
    /// Those that this authority signed.
    pub authority: Option<AuthorityId>,
    /// Those whose life ends at this moment or later.
    pub expires_from: Option<Timestamp>,
    /// Those whose life ends before this moment.
    pub expires_to: Option<Timestamp>,
    /// Those that were made at this moment or later.
    pub created_from: Option<Timestamp>,
    /// Those that an order replaces, or that none does (RFC 9773).
    pub replaced: Option<bool>,
    /// By what they are sorted.
    pub sort: CertificateSort,
    /// From the least or from the greatest on.
    pub direction: Direction,
}

/// By what certificates are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CertificateSort {
    /// By birth.
    #[default]
    Created,
    /// By the end of their life. Other filters than on that end, on status, serial number, fingerprint and order then have
    /// no index.
    Expiry,
}

impl CertificateQuery {
    /// The terms under which lists find a certificate. They are part of the store's format.
    #[must_use]
    pub fn terms_of(certificate: &Certificate) -> Vec<Term> {
        let record = &certificate.record;
        let mut terms = vec![terms::certificate_expiry(record.not_after)];
        terms.extend(record.order.map(|(account, _)| terms::certificates_of(account)));
        terms.extend(record.profiles.as_ref().map(|(_, ra_profile)| terms::certificates_by(&ra_profile.name)));
        terms.extend(record.subjects.iter().map(terms::certificates_for));
        if let (Some((_, order)), Some(_)) = (record.order, record.period) {
            terms.push(terms::certificates_under(order));
        }
        match certificate.state {
            CertificateState::Valid => {}
            CertificateState::Revoked { .. } => terms.push(terms::certificates_revoked()),
        }
        terms
    }

    const fn expiry(&self) -> Period {
        Period { from: self.expires_from, to: self.expires_to }
    }

    /// Those that can be found by a name that only they have.
    async fn named(&self, world: &World) -> Result<Option<Candidates>, StoreError> {
        let store = &world.ports.store;
        if let Some(fingerprint) = &self.fingerprint {
            let found = store.find(&terms::fingerprint(fingerprint)).await?;
            return Ok(Some(Candidates::Only(found.into_iter().collect())));
        }
        if let Some(serial) = &self.serial {
            let mut found = Vec::new();
            // Longer ones do not exist, and would be no term.
            if serial.len() <= SERIAL {
                for authority in self.authorities(world).await? {
                    found.extend(store.find(&terms::serial(authority, serial)).await?);
                }
            }
            return Ok(Some(Candidates::Only(found)));
        }
        let Some(id) = self.order else { return Ok(None) };
        match load::<Order>(world, id.0).await {
            // Several, which are found by a word of their own.
            Ok(order) if order.state.terms.auto_renewal.is_some() => Ok(match self.sort {
                CertificateSort::Created => Some(Candidates::under([terms::certificates_under(id)])),
                CertificateSort::Expiry => None,
            }),
            Ok(order) => {
                let certificate = order.state.certificate();
                let object = certificate.map(|id| ObjectId { kind: Self::KIND, id: id.0 });
                Ok(Some(Candidates::Only(object.into_iter().collect())))
            }
            // Revoked certificates may be kept for longer than their orders.
            Err(LoadError::Absent) => Ok(None),
            Err(LoadError::Store(error)) => Err(error),
        }
    }

    /// Those that sign now, and those that have signed.
    async fn authorities(&self, world: &World) -> Result<BTreeSet<AuthorityId>, StoreError> {
        if let Some(authority) = self.authority {
            return Ok([authority].into());
        }
        let stored = world.ports.store.scan(Kind::Authority, None, AUTHORITIES).await?;
        let stored = stored.into_iter().map(|object| AuthorityId(object.id));
        Ok(world.ports.issue.authorities().into_iter().chain(stored).collect())
    }

    /// What the end of life can be of what passes at this moment.
    fn ends(&self, now: Timestamp) -> Range {
        let (first, last) = self.expiry().ends();
        let (first, last) = match self.status {
            Some(CertificateStatus::Valid) => (first.max(now), last),
            Some(CertificateStatus::Expired) => (first, last.min(now)),
            Some(CertificateStatus::Revoked) | None => (first, last),
        };
        Range::Terms { low: terms::certificate_expiry(first), high: terms::certificate_expiry(last) }
    }
}

impl Query for CertificateQuery {
    const KIND: Kind = Kind::Certificate;
    type State = Certificate;

    fn direction(&self) -> Direction {
        self.direction
    }

    fn created(&self) -> Period {
        Period { from: self.created_from, to: None }
    }

    async fn candidates(&self, world: &World) -> Result<Candidates, StoreError> {
        if let Some(named) = self.named(world).await? {
            return Ok(named);
        }
        Ok(if self.sort == CertificateSort::Expiry {
            Candidates::ByTerm(self.ends(world.ports.clock.now()))
        } else if let Some(name) = &self.name {
            Candidates::under([terms::certificates_for(name)])
        } else if let Some(account) = self.account {
            Candidates::under([terms::certificates_of(account)])
        } else if self.status == Some(CertificateStatus::Revoked) {
            Candidates::under([self.authority.map_or_else(terms::certificates_revoked, terms::revoked)])
        } else if let Some(ra_profile) = &self.ra_profile {
            Candidates::under([terms::certificates_by(ra_profile)])
        } else {
            Candidates::ById(vec![Range::Kind(Self::KIND)])
        })
    }

    fn accepts(&self, found: &Versioned<Certificate>, now: Timestamp) -> bool {
        let record = &found.state.record;
        let ra_profile = record.profiles.as_ref().map(|(_, ra_profile)| &ra_profile.name);
        self.account.is_none_or(|wanted| record.order.is_some_and(|(account, _)| account == wanted))
            && self.order.is_none_or(|wanted| record.order.is_some_and(|(_, order)| order == wanted))
            && wants(self.status.as_ref(), &found.state.status(now))
            && self.name.as_ref().is_none_or(|name| record.subjects.contains(name))
            && wants(self.serial.as_ref(), &record.serial)
            && self.fingerprint.is_none_or(|wanted| wanted == sha256(&record.der))
            && self.ra_profile.as_ref().is_none_or(|wanted| Some(wanted) == ra_profile)
            && wants(self.authority.as_ref(), &record.authority)
            && self.replaced.is_none_or(|wanted| found.state.replaced.is_some() == wanted)
            && self.expiry().covers(record.not_after)
    }
}

impl Engine {
    /// How many certificates pass, counted as far as `cap`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_certificates(&self, query: &CertificateQuery, cap: usize) -> Result<Count, StoreError> {
        count(&self.world, query, cap).await
    }
}
