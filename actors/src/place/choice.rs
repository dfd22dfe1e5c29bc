//! The RA Profile that an order names (draft-ietf-acme-profiles).

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_machine::identifier::Subject;
use chancery_machine::order::Order;
use chancery_machine::profile::{Endpoint, IdentifierType, ProfileName, RaProfile};

use super::PlaceError;
use crate::engine::Engine;
use crate::finalize::FinalizeError;
use crate::profiles::Pair;

impl Engine {
    /// The RA Profiles that orders at an endpoint may name, as they issue now: none where its ACME Profile offers none.
    #[must_use]
    pub fn choices(&self, endpoint: &Endpoint, pair: &Pair) -> BTreeMap<ProfileName, Arc<RaProfile>> {
        let mut choices = self.profiles().choices(endpoint, pair);
        choices.retain(|_, profile| self.world.ports.issue.issues(profile.authority));
        choices
    }

    /// The profiles by whose rules an order is placed. What it names has to be offered, and has to be able to issue for such
    /// identifiers: everything else about them is a matter of policy, and told of each.
    pub(super) fn chosen(
        &self,
        endpoint: &Endpoint,
        pair: &Pair,
        asked: Option<&str>,
        subjects: &[Subject],
    ) -> Result<(Pair, Option<ProfileName>), PlaceError> {
        let Some(asked) = asked else { return Ok((pair.clone(), None)) };
        let choices = self.choices(endpoint, pair);
        let chosen = ProfileName::parse(asked).ok().and_then(|name| choices.get_key_value(&name));
        let (name, ra) = chosen.ok_or_else(|| {
            let names: Vec<_> = choices.keys().map(ToString::to_string).collect();
            PlaceError::Profile(match names.as_slice() {
                [] => "no profiles are offered here; leave \"profile\" out".to_owned(),
                names => {
                    format!("the profile that the order names is not offered here; there are {}", names.join(", "))
                }
            })
        })?;
        let types = subjects.iter().map(|subject| IdentifierType::of(&subject.identifier));
        if let Some(other) = types.into_iter().find(|kind| !ra.identifiers.types.contains(kind)) {
            let kind = other.token();
            return Err(PlaceError::Profile(format!("the profile {name} is not for identifiers of type {kind:?}")));
        }
        Ok((Pair { acme: Arc::clone(&pair.acme), ra: Arc::clone(ra) }, Some(name.clone())))
    }

    /// Whether the profile that an order names is still offered where it was placed.
    pub(crate) fn still_offered(&self, order: &Order) -> Result<(), FinalizeError> {
        let Some(asked) = &order.terms.profile else { return Ok(()) };
        let pair = self.profiles().resolve(&order.terms.endpoint)?;
        if self.choices(&order.terms.endpoint, &pair).contains_key(asked) {
            Ok(())
        } else {
            Err(FinalizeError::ProfileWithdrawn(asked.clone()))
        }
    }
}
