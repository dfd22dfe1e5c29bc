//! `chancery ra-profile`: RA Profiles.

use std::str::FromStr;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::collection::{
    Action, Collection, CreateArgs, DeleteArgs, ItemArgs, ItemsArgs, Outcome, PageArgs, Query, RenewArgs, Session,
    UpdateArgs,
};
use super::output::column;
use super::set::{self, Members, SetArgs};
use crate::admin::settings::RaProfileSettings;

pub(super) const COLLECTION: Collection = Collection {
    path: "raProfiles",
    noun: "RA Profile",
    key: "name",
    columns: &[
        column("NAME", "/name"),
        column("ENABLED", "/enabled"),
        column("ACME PROFILE", "/acmeProfile"),
        column("ALLOW", "/allow"),
        column("KEYS", "/keys"),
        column("REVISION", "/revision"),
        column("DESCRIPTION", "/description"),
    ],
    bulk: &["enable", "disable", "delete"],
};

pub(super) const EXAMPLES: &str = "\
Examples:
  chancery ra-profile list --enabled true
  chancery ra-profile show web
  chancery ra-profile create web --allow '**.corp.example' --deny secret.corp.example --validity 30d --no-wildcards
  chancery ra-profile create lab --without-challenge lab.example:subdomain --key p256 --key ed25519
  chancery ra-profile update web --set subject=CN={name},O=Example --set extended-key-usages=serverAuth,clientAuth
  chancery ra-profile activate web default          /acme/raProfile/web/directory answers, as the ACME Profile default says
  chancery ra-profile deactivate web
  chancery ra-profile disable web lab
  chancery ra-profile enable web
  chancery ra-profile renew web --within 2d
  chancery ra-profile delete web lab";

/// What can be done with RA Profiles.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List them, by name.
    List {
        /// Only those that are enabled, or that are not.
        #[arg(long, value_name = "BOOL")]
        enabled: Option<bool>,
        /// Only those on which this ACME Profile is activated.
        #[arg(long, value_name = "NAME")]
        acme_profile: Option<String>,
        /// Only those for which this authority signs.
        #[arg(long, value_name = "ID")]
        authority: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show one with all its attributes.
    Show(ItemArgs),
    /// Create one; what is not said has its default.
    Create {
        /// Its name, which stands in the URL: /acme/raProfile/NAME/directory. It never changes.
        name: String,
        #[command(flatten)]
        settings: Box<Settings>,
        #[command(flatten)]
        args: CreateArgs,
    },
    /// Change one; what is not said stays as it is.
    Update {
        /// Its name.
        name: String,
        #[command(flatten)]
        settings: Box<Settings>,
        #[command(flatten)]
        args: UpdateArgs,
    },
    /// Remove some.
    Delete(DeleteArgs),
    /// Have them issue.
    Enable(ItemsArgs),
    /// Have them issue nothing.
    Disable(ItemsArgs),
    /// Activate an ACME Profile on one: with it, /acme/raProfile/NAME/… answers.
    Activate {
        /// Its name.
        name: String,
        /// The ACME Profile.
        acme_profile: String,
    },
    /// Have clients renew early what some have issued so far.
    Renew(RenewArgs),
    /// Take the activated ACME Profile away from some: /acme/raProfile/NAME/… answers no more.
    Deactivate(ItemsArgs),
}

/// The attributes that are set most.
#[derive(Args, Debug)]
pub(in crate::cli) struct Settings {
    /// For people.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The ACME Profile that is activated on it.
    #[arg(long, value_name = "NAME")]
    acme_profile: Option<String>,
    /// What signs.
    #[arg(long, value_name = "ID")]
    authority: Option<String>,
    /// A pattern of what is issued for, as in '**.corp.example' or 10.0.0.0/8; once for each.
    #[arg(long, value_name = "PATTERN")]
    allow: Vec<String>,
    /// A pattern of what is refused all the same; once for each.
    #[arg(long, value_name = "PATTERN")]
    deny: Vec<String>,
    /// Whether orders may have wildcards.
    #[arg(long, overrides_with = "no_wildcards")]
    wildcards: bool,
    /// Orders may have no wildcards.
    #[arg(long)]
    no_wildcards: bool,
    /// A name for which nothing has to be proven; with :subdomain everything below it too, with :wildcard wildcards too. Or a
    /// block of addresses, as in 10.0.0.0/8.
    #[arg(long, value_name = "NAME[:subdomain][:wildcard]")]
    without_challenge: Vec<Exemption>,
    /// A kind of key that is accepted: p256, p384, p521, ed25519, rsa, mldsa44, mldsa65 or mldsa87; once
    /// for each.
    #[arg(long, value_name = "KIND")]
    key: Vec<String>,
    /// How long certificates are valid, as in 90d.
    #[arg(long, value_name = "SPAN")]
    validity: Option<String>,
    /// How long at the most, when the order says how long.
    #[arg(long, value_name = "SPAN")]
    longest_validity: Option<String>,
    #[command(flatten)]
    set: SetArgs,
}

/// A name or a block of addresses for which nothing has to be proven.
#[derive(Clone, Debug)]
struct Exemption(Value);

impl FromStr for Exemption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A block of addresses has colons of its own, and nothing behind it.
        if text.contains('/') {
            return Ok(Self(json!({"name": text})));
        }
        let mut words = text.split(':');
        let mut rule = json!({"name": words.next()});
        for word in words {
            match word {
                "subdomain" | "exact" => rule["match"] = Value::from(word),
                "wildcard" => rule["wildcard"] = Value::Bool(true),
                other => return Err(format!("{other:?} is not known; there are subdomain, exact and wildcard")),
            }
        }
        Ok(Self(rule))
    }
}

/// Does what was asked.
pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    match command {
        Command::List { enabled, acme_profile, authority, page } => {
            let query = Query::default()
                .with("enabled", enabled.as_ref())
                .with("acmeProfile", acme_profile.as_ref())
                .with("authority", authority.as_ref());
            session.list(&COLLECTION, query, &page).await
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
        Command::Activate { name, acme_profile } => {
            let options = Map::from_iter([("acmeProfile".to_owned(), Value::from(acme_profile))]);
            let action = Action::new("activate", "activated").with(options);
            session.act(&COLLECTION, action, &ItemsArgs::one(name)).await
        }
        Command::Deactivate(items) => session.act(&COLLECTION, Action::new("deactivate", "deactivated"), &items).await,
        Command::Renew(args) => session.renew(&COLLECTION, &args).await,
    }
}

/// Every attribute as it is where nothing was said.
pub(super) fn defaults() -> Map<String, Value> {
    set::defaults::<RaProfileSettings>()
}

impl Settings {
    fn members(self) -> Map<String, Value> {
        let exemptions: Vec<_> = self.without_challenge.into_iter().map(|Exemption(rule)| rule).collect();
        let wildcards = if self.no_wildcards { Some(false) } else { self.wildcards.then_some(true) };
        Members::default()
            .put("description", self.description)
            .put("acmeProfile", self.acme_profile)
            .put("authority", self.authority)
            .list("allow", &self.allow)
            .list("deny", &self.deny)
            .put("wildcards", wildcards)
            .put("withoutChallenge", (!exemptions.is_empty()).then_some(exemptions))
            .list("keys", &self.key)
            .put("validity", self.validity)
            .put("longestValidity", self.longest_validity)
            .with(&self.set, &defaults())
    }
}
