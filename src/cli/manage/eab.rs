//! `chancery eab`: credentials with which clients bind their accounts to external ones (RFC 8555 section 7.3.4).

use std::process::ExitCode;

use clap::{Args, Subcommand, value_parser};
use serde_json::{Map, Value, json};

use super::collection::{
    Action, Collection, CreateArgs, DeleteArgs, ItemArgs, ItemsArgs, Outcome, PageArgs, Query, Session, SortArgs,
    UpdateArgs, text,
};
use super::output::{column, pretty, write};
use super::set::{Members, SetArgs};
use super::time::Later;

const COLLECTION: Collection = Collection {
    path: "eabCredentials",
    noun: "credential",
    key: "keyId",
    columns: &[
        column("KEY ID", "/keyId"),
        column("STATUS", "/status"),
        column("ACCOUNTS", "/boundAccounts"),
        column("OF", "/accounts"),
        column("EXPIRES", "/expires"),
        column("DESCRIPTION", "/description"),
    ],
    bulk: &["revoke", "delete"],
};

pub(super) const EXAMPLES: &str = "\
Examples:
  chancery eab create --description 'web team' --acme-profile web --name '**.corp.example' --accounts 1 --expires 30d
  chancery eab list --status valid
  chancery eab show AZq3k5yvdJ6kPq0wZ8b1Rw
  chancery eab update AZq3k5yvdJ6kPq0wZ8b1Rw --accounts 5 --unset expires
  chancery eab revoke AZq3k5yvdJ6kPq0wZ8b1Rw
  chancery eab delete AZq3k5yvdJ6kPq0wZ8b1Rw";

/// What can be done with credentials.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List them; never with their keys.
    List {
        /// Only those that are valid, expired or revoked.
        #[arg(long, value_parser = ["valid", "expired", "revoked"])]
        status: Option<String>,
        #[command(flatten)]
        sort: SortArgs,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show one; never with its key.
    Show(ItemArgs),
    /// Create one, and print its key, this once, and a line for certbot.
    Create {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        args: CreateArgs,
    },
    /// Change what one is for; what is not said stays as it is.
    Update {
        /// Its key id.
        #[arg(value_name = "KEY ID")]
        id: String,
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        args: UpdateArgs,
    },
    /// Have them bind no more accounts.
    Revoke(ItemsArgs),
    /// Remove some.
    Delete(DeleteArgs),
}

/// What a credential is for. What is not said limits nothing.
#[derive(Args, Debug)]
pub(in crate::cli) struct Settings {
    /// For people: whose it is.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// An ACME Profile that it is for; once for each.
    #[arg(long, value_name = "NAME")]
    acme_profile: Vec<String>,
    /// An RA Profile that it is for; once for each.
    #[arg(long, value_name = "NAME")]
    ra_profile: Vec<String>,
    /// A pattern of the names that bound accounts may order for, as in '**.corp.example'; once for each.
    #[arg(long, value_name = "PATTERN")]
    name: Vec<String>,
    /// How many accounts can be bound with it.
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..))]
    accounts: Option<u32>,
    /// How many orders those accounts may place together.
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u64).range(1..))]
    orders: Option<u64>,
    /// Until when accounts can be bound: a span of time as in 30d, or a time.
    #[arg(long, value_name = "TIME")]
    expires: Option<Later>,
    #[command(flatten)]
    set: SetArgs,
}

/// Does what was asked.
pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    match command {
        Command::List { status, sort, page } => {
            session.list(&COLLECTION, Query::default().with("status", status.as_ref()).sorted(&sort), &page).await
        }
        Command::Show(item) => session.show(&COLLECTION, &item).await,
        Command::Create { settings, args } => {
            let made = session.make(&COLLECTION, settings.members(), &args).await?;
            if session.output.json() {
                pretty(&made)?;
            } else {
                write(&greeting(session, &made))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Update { id, settings, args } => session.update(&COLLECTION, &id, settings.members(), &args).await,
        Command::Revoke(items) => session.act(&COLLECTION, Action::new("revoke", "revoked"), &items).await,
        Command::Delete(args) => session.delete(&COLLECTION, &args).await,
    }
}

impl Settings {
    fn members(self) -> Map<String, Value> {
        let defaults = json!({"description": "", "acmeProfiles": [], "raProfiles": [], "names": []});
        Members::default()
            .put("description", self.description)
            .list("acmeProfiles", &self.acme_profile)
            .list("raProfiles", &self.ra_profile)
            .list("names", &self.name)
            .put("accounts", self.accounts)
            .put("orders", self.orders)
            .put("expires", self.expires)
            .with(&self.set, defaults.as_object().unwrap_or(&Map::new()))
    }
}

/// What whoever is to use the credential needs, and the line in which it goes.
fn greeting(session: &Session, made: &Value) -> String {
    let (key_id, hmac_key, example) = (text(made, "keyId"), text(made, "hmacKey"), text(made, "example"));
    let trust = session.client.ca().map_or(String::new(), |ca| format!("REQUESTS_CA_BUNDLE={} ", ca.display()));
    format!(
        "key id:    {key_id}\n\
         HMAC key:  {hmac_key} (shown only now: keep it safe)\n\
         algorithm: {}\n\
         certbot:   {trust}{example}\n",
        text(made, "algorithm")
    )
}
