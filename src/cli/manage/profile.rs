//! `chancery profile`: ACME Profiles.

use std::net::SocketAddr;

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::collection::{
    Action, Collection, CreateArgs, DeleteArgs, ItemArgs, ItemsArgs, Outcome, PageArgs, Query, Session, UpdateArgs,
};
use super::output::column;
use super::set::{self, Members, SetArgs};
use crate::admin::settings::AcmeProfileSettings;

pub(super) const COLLECTION: Collection = Collection {
    path: "acmeProfiles",
    noun: "ACME Profile",
    key: "name",
    columns: &[
        column("NAME", "/name"),
        column("ENABLED", "/enabled"),
        column("RA PROFILE", "/defaultRaProfile"),
        column("CHALLENGES", "/challenges"),
        column("EAB", "/externalAccountRequired"),
        column("REVISION", "/revision"),
        column("DESCRIPTION", "/description"),
    ],
    bulk: &["enable", "disable", "delete"],
};

pub(super) const EXAMPLES: &str = "\
Examples:
  chancery profile list
  chancery profile create web --ra-profile default --challenge http-01 --challenge dns-01
  chancery profile update web --offer servers --offer clients
  chancery profile update web --terms-of-service https://ca.example/terms --set no-new-orders-until-agreed=true
  chancery profile update web --set retry-pauses=2s,10s,1m --unset website
  chancery profile disable web lab
  chancery profile enable web
  chancery profile show web --output json
  chancery profile delete web --force";

/// What can be done with ACME Profiles.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List them, by name.
    List {
        /// Only those that are enabled, or that are not.
        #[arg(long, value_name = "BOOL")]
        enabled: Option<bool>,
        /// Only those with this default RA Profile.
        #[arg(long, value_name = "NAME")]
        ra_profile: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show one with all its attributes.
    Show(ItemArgs),
    /// Create one; what is not said has its default.
    Create {
        /// Its name, which stands in the URL: /acme/NAME/directory. It never changes.
        name: String,
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        args: CreateArgs,
    },
    /// Change one; what is not said stays as it is.
    Update {
        /// Its name.
        name: String,
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        args: UpdateArgs,
    },
    /// Remove some.
    Delete(DeleteArgs),
    /// Have their endpoints answer.
    Enable(ItemsArgs),
    /// Have their endpoints refuse everything.
    Disable(ItemsArgs),
}

/// The attributes that are set most.
#[derive(Args, Debug)]
pub(in crate::cli) struct Settings {
    /// For people.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The RA Profile that issues for /acme/NAME/…
    #[arg(long, value_name = "NAME")]
    ra_profile: Option<String>,
    /// An RA Profile that orders there may name instead; once for each.
    #[arg(long, value_name = "NAME")]
    offer: Vec<String>,
    /// Where the terms of service are.
    #[arg(long, value_name = "URL")]
    terms_of_service: Option<String>,
    /// A page about the endpoint.
    #[arg(long, value_name = "URL")]
    website: Option<String>,
    /// Whether accounts need a contact.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    contact_required: Option<bool>,
    /// Whether new accounts need an external account binding.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    external_account_required: Option<bool>,
    /// A challenge that is offered, as in http-01; once for each.
    #[arg(long, value_name = "TYPE")]
    challenge: Vec<String>,
    /// A resolver to ask instead of the system's; once for each.
    #[arg(long, value_name = "ADDR:PORT")]
    resolver: Vec<SocketAddr>,
    /// How long an order may be worked on, as in 10h.
    #[arg(long, value_name = "SPAN")]
    order_validity: Option<String>,
    /// How long control, once proven, counts, as in 30d.
    #[arg(long, value_name = "SPAN")]
    authorization_validity: Option<String>,
    #[command(flatten)]
    set: SetArgs,
}

/// Does what was asked.
pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    match command {
        Command::List { enabled, ra_profile, page } => {
            let query = Query::default().with("enabled", enabled.as_ref());
            session.list(&COLLECTION, query.with("defaultRaProfile", ra_profile.as_ref()), &page).await
        }
        Command::Show(item) => session.show(&COLLECTION, &item).await,
        Command::Create { name, settings, args } => {
            let mut members = settings.members();
            members.insert("name".to_owned(), Value::from(name));
            session.create(&COLLECTION, members, &args).await
        }
        Command::Update { name, settings, args } => session.update(&COLLECTION, &name, settings.members(), &args).await,
        Command::Delete(args) => session.delete(&COLLECTION, &args).await,
        Command::Enable(items) => session.act(&COLLECTION, Action::new("enable", "enabled"), &items).await,
        Command::Disable(items) => session.act(&COLLECTION, Action::new("disable", "disabled"), &items).await,
    }
}

/// Every attribute as it is where nothing was said.
pub(super) fn defaults() -> Map<String, Value> {
    set::defaults::<AcmeProfileSettings>()
}

impl Settings {
    fn members(self) -> Map<String, Value> {
        let resolvers: Vec<_> = self.resolver.iter().map(ToString::to_string).collect();
        Members::default()
            .put("description", self.description)
            .put("defaultRaProfile", self.ra_profile)
            .list("raProfiles", &self.offer)
            .put("termsOfService", self.terms_of_service)
            .put("website", self.website)
            .put("contactRequired", self.contact_required)
            .put("externalAccountRequired", self.external_account_required)
            .list("challenges", &self.challenge)
            .list("resolvers", &resolvers)
            .put("orderValidity", self.order_validity)
            .put("authorizationValidity", self.authorization_validity)
            .with(&self.set, &defaults())
    }
}
