//! Authorities deleted: what depends on one speaks against it.

use std::collections::BTreeMap;

use chancery_actors::audit::Act;
use chancery_actors::error::LoadError;
use chancery_actors::listing::OrderQuery;
use chancery_actors::ports::StoreError;
use chancery_actors::{Engine, Versioned};
use chancery_machine::id::{AuthorityId, OrderId};
use chancery_machine::order::{Order, OrderStatus};
use chancery_machine::profile::ProfileName;

use super::{AuthorityError, AuthorityInfo, AuthorityKind, Issued, KeptAuthorities, flattened, found, open, record};
use crate::admin::objects::unlisted;
use crate::admin::time::rfc3339;

/// How many orders are looked up at a time.
const PAGE: usize = 256;

/// Deletes an authority that nothing depends on: no RA Profile issues with it, no order that is open or renewed
/// automatically was placed under one that did, no intermediate stands below it, and it has issued nothing. With `force` it may have issued, if every certificate is
/// over. The last intermediate stays: without one, the server could not even speak HTTPS.
///
/// # Errors
/// [`AuthorityError::InUse`] lists what depends on it.
pub async fn delete(
    engine: &Engine,
    authorities: &dyn KeptAuthorities,
    who: &str,
    asked: &str,
    force: bool,
    if_match: Option<u64>,
) -> Result<(), AuthorityError> {
    engine
        .administer(who, async || {
            let before = found(authorities, asked, if_match).await?;
            // Along an order's life, so that one that moves on meanwhile is met further on. A new one takes an RA Profile
            // with this authority, and whoever changes a profile has this planned anew.
            let mut dependents = dependents(engine, authorities, &before).await?;
            let mut signers = Signers { engine, authority: before.id, known: BTreeMap::new() };
            if let Some(order) = open_order(&mut signers).await? {
                let (id, until) = (OrderId(order.id), rfc3339(order.state.terms.expires));
                dependents.push(format!("order/{id}, which can be finalized until {until}"));
            }
            if let Some(order) = renewing_order(&mut signers).await? {
                let (id, until) = (OrderId(order.id), rfc3339(order.state.expires()));
                dependents.push(format!("order/{id}, which is renewed automatically until {until}: cancel it"));
            }
            match authorities.issued(before.id, engine.now()).await? {
                Issued::Nothing => {}
                Issued::Over(_) if force => {}
                Issued::Over(last) => {
                    dependents.push(format!("certificates that are over since {}", rfc3339(last)));
                }
                Issued::Alive(until) => {
                    dependents.push(format!("a certificate that is valid until {}", rfc3339(until)));
                }
            }
            if !dependents.is_empty() {
                return Err(AuthorityError::InUse(dependents));
            }
            let writes = authorities.removal(&before).await?;
            let deeds = vec![record("delete", &before, Some(&before), None)];
            Ok(Act { guards: Vec::new(), writes, deeds, outcome: () })
        })
        .await
        .map_err(flattened)?;
    open(authorities).await;
    Ok(())
}

async fn dependents(
    engine: &Engine,
    authorities: &dyn KeptAuthorities,
    authority: &AuthorityInfo,
) -> Result<Vec<String>, AuthorityError> {
    let catalog = engine.catalog().await?;
    let profiles = catalog.ra.iter().filter(|(_, kept)| kept.state.authority == authority.id);
    let mut dependents: Vec<_> = profiles.map(|(name, _)| format!("raProfile/{name}")).collect();
    let all = authorities.all().await?;
    let below = all.iter().filter(|other| other.parent == Some(authority.id));
    dependents.extend(below.map(|other| format!("authority/{}", other.name)));
    let issuing = all.iter().filter(|other| other.kind == AuthorityKind::Intermediate && other.id != authority.id);
    if authority.kind == AuthorityKind::Intermediate && issuing.count() == 0 {
        dependents.push("the server's own certificate, as it is the last intermediate".to_owned());
    }
    Ok(dependents)
}

/// An order that is not finalized yet, and was placed under an RA Profile of then with which this authority signs.
async fn open_order(signers: &mut Signers<'_>) -> Result<Option<Versioned<Order>>, AuthorityError> {
    for status in [OrderStatus::Pending, OrderStatus::Ready] {
        let query = OrderQuery { status: Some(status), ..OrderQuery::default() };
        let mut after = None;
        loop {
            let page = signers.engine.list_orders(&query, after.as_ref(), PAGE).await.map_err(unlisted)?;
            for order in page.items {
                if signers.sign_for(&order).await? {
                    return Ok(Some(order));
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(None)
}

/// An order for which more certificates are to come, and whose certificates this authority signs.
async fn renewing_order(signers: &mut Signers<'_>) -> Result<Option<Versioned<Order>>, AuthorityError> {
    let mut after = None;
    loop {
        let (orders, next) = signers.engine.renewing_orders(after.as_ref(), PAGE).await?;
        for order in orders {
            if signers.sign_for(&order).await? {
                return Ok(Some(order));
            }
        }
        after = next;
        if after.is_none() {
            return Ok(None);
        }
    }
}

/// Which revisions of RA Profiles an authority signs for, as far as it was asked.
struct Signers<'a> {
    engine: &'a Engine,
    authority: AuthorityId,
    known: BTreeMap<(ProfileName, u64), bool>,
}

impl Signers<'_> {
    async fn sign_for(&mut self, order: &Versioned<Order>) -> Result<bool, StoreError> {
        let profile = &order.state.terms.ra_profile;
        let key = (profile.name.clone(), profile.revision.0);
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let signs = match self.engine.ra_profile_at(profile).await {
            Ok(profile) => profile.authority == self.authority,
            // Then nothing can be issued for the order either.
            Err(LoadError::Absent) => false,
            Err(LoadError::Store(error)) => return Err(error),
        };
        self.known.insert(key, signs);
        Ok(signs)
    }
}
