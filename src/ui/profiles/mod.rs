//! ACME Profiles and RA Profiles: two rooms that do the same with each kind. What differs is said by [`Kind`].

mod activation;
mod commands;
mod detail;
mod edit;
mod listing;
mod removal;
mod trial;

use std::sync::Arc;

use actix_web::web;
use chancery_actors::catalog::Profile as _;
use chancery_machine::profile::{AcmeProfile, ProfileName, RaProfile};
use serde_json::Value;

use super::fields::{ACME, Group, Options, RA};
use super::filter::Asked;
use super::visitor::Visitor;
use crate::admin::error::AdminError;
use crate::admin::profiles::Managed;
use crate::admin::rest::filters::{AcmeProfiles, Found, RaProfiles, profiles as page};
use crate::admin::trial::{Trial, TrialView};

/// A kind of profile as its room shows it.
trait Kind: Managed + 'static {
    /// The other kind.
    type Twin: Kind;

    /// The room.
    const PLACE: &'static str;
    /// The page that makes another; no profile can have such a name.
    const NEW: &'static str;
    /// Its name in the menu.
    const PLURAL: &'static str;
    /// Its name with its article.
    const ONE: &'static str;
    /// What it is, for whoever has none.
    const ABOUT: &'static str;
    /// Its attributes.
    const GROUPS: &'static [Group];
    /// The schema that explains them.
    const SCHEMA: &'static str;
    /// What binds it to the other kind: the member of the settings, and words for that.
    const BOUND: (&'static str, &'static str);
    /// The filter of lists that asks for what is bound to it.
    const FILTER: &'static str;

    /// A page of the list.
    fn listed(visitor: &Visitor, asked: &Asked) -> Result<Found<Self>, AdminError>;

    /// The ACME Profile by which clients of its own endpoint order, if there is one.
    fn ordering(visitor: &Visitor, profile: &Arc<Self>) -> Result<Option<Arc<AcmeProfile>>, AdminError>;

    /// What would become of an order.
    async fn tried(visitor: &Visitor, name: &str, trial: &Trial) -> Result<TrialView, AdminError>;
}

impl Kind for AcmeProfile {
    type Twin = RaProfile;

    const PLACE: &'static str = "/ui/acme-profiles";
    const NEW: &'static str = "/ui/acme-profiles/:new";
    const PLURAL: &'static str = "ACME Profiles";
    const ONE: &'static str = "an ACME Profile";
    const ABOUT: &'static str = "An ACME Profile is an endpoint for clients: who may register, how control is \
                                 proven, and which RA Profile issues.";
    const GROUPS: &'static [Group] = ACME;
    const SCHEMA: &'static str = "AcmeProfileSettings";
    const BOUND: (&'static str, &'static str) = ("defaultRaProfile", "Default RA Profile");
    const FILTER: &'static str = "acmeProfile";

    fn listed(visitor: &Visitor, asked: &Asked) -> Result<Found<Self>, AdminError> {
        let filter: AcmeProfiles = asked.filter()?;
        page(&visitor.admin, visitor.operator(), &filter.page(), filter.sort(), |profile| filter.wants(profile))
    }

    fn ordering(_: &Visitor, profile: &Arc<Self>) -> Result<Option<Arc<AcmeProfile>>, AdminError> {
        Ok(Some(Arc::clone(profile)))
    }

    async fn tried(visitor: &Visitor, name: &str, trial: &Trial) -> Result<TrialView, AdminError> {
        visitor.admin.try_acme_profile(visitor.operator(), name, trial).await
    }
}

impl Kind for RaProfile {
    type Twin = AcmeProfile;

    const PLACE: &'static str = "/ui/ra-profiles";
    const NEW: &'static str = "/ui/ra-profiles/:new";
    const PLURAL: &'static str = "RA Profiles";
    const ONE: &'static str = "an RA Profile";
    const ABOUT: &'static str = "An RA Profile says how certificates are issued: by which authority, for which \
                                 names, and what stands in them.";
    const GROUPS: &'static [Group] = RA;
    const SCHEMA: &'static str = "RaProfileSettings";
    const BOUND: (&'static str, &'static str) = ("acmeProfile", "Activated ACME Profile");
    const FILTER: &'static str = "raProfile";

    fn listed(visitor: &Visitor, asked: &Asked) -> Result<Found<Self>, AdminError> {
        let filter: RaProfiles = asked.filter()?;
        page(&visitor.admin, visitor.operator(), &filter.page(), filter.sort(), |profile| filter.wants(profile))
    }

    fn ordering(visitor: &Visitor, profile: &Arc<Self>) -> Result<Option<Arc<AcmeProfile>>, AdminError> {
        let named = profile.acme_profile.as_ref();
        let read = |name: &ProfileName| visitor.admin.read_profile::<AcmeProfile>(visitor.operator(), name.as_str());
        named.map(read).transpose()
    }

    async fn tried(visitor: &Visitor, name: &str, trial: &Trial) -> Result<TrialView, AdminError> {
        visitor.admin.try_ra_profile(visitor.operator(), name, trial).await
    }
}

pub(super) fn configure(config: &mut web::ServiceConfig) {
    room::<AcmeProfile>(config);
    room::<RaProfile>(config);
    activation::configure(config);
}

fn room<P: Kind>(config: &mut web::ServiceConfig) {
    let below = |rest: &str| web::resource(format!("{}{rest}", P::PLACE.trim_start_matches("/ui")));
    config
        .service(below("").get(listing::list::<P>).post(edit::create::<P>))
        .service(below("/:new").get(edit::ask_new::<P>))
        // No profile can have that name.
        .service(below("/:bulk").post(removal::bulk::<P>))
        .service(below("/{name}").get(detail::read::<P>))
        .service(below("/{name}/edit").get(edit::ask::<P>).post(edit::update::<P>))
        .service(below("/{name}/enable").post(detail::enable::<P>))
        .service(below("/{name}/disable").post(detail::disable::<P>))
        .service(below("/{name}/delete").get(removal::ask::<P>).post(removal::delete::<P>))
        .service(below("/{name}/trial").get(trial::try_out::<P>));
}

/// Where a profile is shown.
fn place<P: Kind>(name: &str) -> String {
    format!("{}/{name}", P::PLACE)
}

/// How the API shows it.
fn view<P: Kind>(visitor: &Visitor, profile: &P) -> Value {
    profile.shown(&visitor.admin.origin)
}

/// The settings that a profile begins with.
fn defaults<P: Kind>() -> Value {
    // Settings are objects of plain members: writing them cannot fail.
    serde_json::to_value(P::Settings::default()).unwrap_or_default()
}

/// Every profile of a kind, by name.
fn all<P: Kind>(visitor: &Visitor) -> Result<Vec<Arc<P>>, AdminError> {
    let ascending = chancery_actors::listing::Direction::Ascending;
    visitor.admin.list_profiles(visitor.operator(), |_| true, ascending, None, usize::MAX)
}

/// What forms of this kind can choose.
async fn options<P: Kind>(visitor: &Visitor, new: bool) -> Result<Options, AdminError> {
    let others = all::<P::Twin>(visitor)?.iter().map(|other| other.name().to_string()).collect();
    let authorities = visitor.admin.list_authorities(visitor.operator()).await?;
    let authorities = authorities.into_iter().filter(|authority| authority.kind == "intermediate");
    let authorities = authorities.map(|authority| {
        let disabled = if authority.enabled { "" } else { " (disabled)" };
        (authority.id, format!("{}{disabled}", authority.name))
    });
    Ok(Options { others, authorities: authorities.collect(), new })
}

/// The profiles of the other kind that name this one.
fn users<P: Kind>(visitor: &Visitor, name: &ProfileName) -> Result<Vec<Arc<P::Twin>>, AdminError> {
    let others = all::<P::Twin>(visitor)?;
    Ok(others.into_iter().filter(|other| other.names().iter().any(|(_, named)| *named == name)).collect())
}

/// A member of a view that is text.
fn text<'a>(view: &'a Value, member: &str) -> &'a str {
    view[member].as_str().unwrap_or_default()
}
