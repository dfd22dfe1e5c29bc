//! `chancery account`: the accounts of ACME clients.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::certificate::Reason;
use super::collection::{Action, Collection, ItemArgs, ItemsArgs, ListArgs, Outcome, Query, Session};
use super::output::column;
use super::time::Moment;

const COLLECTION: Collection = Collection {
    path: "acmeAccounts",
    noun: "account",
    key: "id",
    columns: &[
        column("ID", "/id"),
        column("STATUS", "/status"),
        column("ENABLED", "/enabled"),
        column("ENDPOINT", "/endpoint"),
        column("CONTACTS", "/contacts"),
        column("CREATED", "/created"),
    ],
    bulk: &["enable", "disable", "revoke", "agreeTerms"],
};

pub(super) const EXAMPLES: &str = "\
Examples:
  chancery account list --acme-profile web --status valid
  chancery account list --contact mailto:ops@corp.example --all --output json | jq -r .id | chancery account disable -
  chancery account show AZq3k5yvdJ6kPq0wZ8b1Rw
  chancery account disable AZq3k5yvdJ6kPq0wZ8b1Rw
  chancery account enable AZq3k5yvdJ6kPq0wZ8b1Rw
  chancery account agree-terms AZq3k5yvdJ6kPq0wZ8b1Rw
  chancery account revoke AZq3k5yvdJ6kPq0wZ8b1Rw --certificates --reason superseded";

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List them.
    List(Box<ListArgs<Filter>>),
    /// Show one, with its orders counted and when it was last seen.
    Show(ItemArgs),
    /// Answer their requests again.
    Enable(ItemsArgs),
    /// Refuse all their requests, until they are enabled.
    Disable(ItemsArgs),
    /// End them for ever, with their open orders and authorizations.
    Revoke {
        #[command(flatten)]
        items: ItemsArgs,
        /// Revoke their certificates too.
        #[arg(long)]
        certificates: bool,
        /// Why the certificates are revoked.
        #[arg(long, value_enum, requires = "certificates")]
        reason: Option<Reason>,
    },
    /// Note that their holders have agreed to the terms of service.
    AgreeTerms(ItemsArgs),
}

/// Which accounts.
#[derive(Args, Debug)]
pub(in crate::cli) struct Filter {
    /// Only those that are valid, deactivated or revoked.
    #[arg(long, value_parser = ["valid", "deactivated", "revoked"])]
    status: Option<String>,
    /// Only those that are enabled, or that are not.
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
    /// Only those with this ACME Profile.
    #[arg(long, value_name = "NAME")]
    acme_profile: Option<String>,
    /// Only those with this RA Profile.
    #[arg(long, value_name = "NAME")]
    ra_profile: Option<String>,
    /// Only those that were bound with this credential.
    #[arg(long, value_name = "KEY ID")]
    eab: Option<String>,
    /// Only those with this contact, as in mailto:ops@corp.example.
    #[arg(long, value_name = "URL")]
    contact: Option<String>,
    /// Only those with this key (RFC 7638).
    #[arg(long, value_name = "THUMBPRINT", allow_hyphen_values = true)]
    thumbprint: Option<String>,
    /// Only those that were made then or later.
    #[arg(long, value_name = "TIME")]
    created_from: Option<Moment>,
    /// Only those that were made before.
    #[arg(long, value_name = "TIME")]
    created_to: Option<Moment>,
}

/// Does what was asked.
pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    match command {
        Command::List(list) => session.list(&COLLECTION, list.filter.query().sorted(&list.sort), &list.page).await,
        Command::Show(item) => session.show(&COLLECTION, &item).await,
        Command::Enable(items) => session.act(&COLLECTION, Action::new("enable", "enabled"), &items).await,
        Command::Disable(items) => session.act(&COLLECTION, Action::new("disable", "disabled"), &items).await,
        Command::Revoke { items, certificates, reason } => {
            let mut options = Map::from_iter([("revokeCertificates".to_owned(), Value::Bool(certificates))]);
            options.extend(reason.map(|reason| ("reason".to_owned(), reason.into())));
            session.act(&COLLECTION, Action::new("revoke", "revoked").with(options), &items).await
        }
        Command::AgreeTerms(items) => {
            session.act(&COLLECTION, Action::new("agreeTerms", "noted the agreement of"), &items).await
        }
    }
}

impl Filter {
    fn query(&self) -> Query {
        Query::default()
            .with("status", self.status.as_ref())
            .with("enabled", self.enabled.as_ref())
            .with("acmeProfile", self.acme_profile.as_ref())
            .with("raProfile", self.ra_profile.as_ref())
            .with("eabCredential", self.eab.as_ref())
            .with("contact", self.contact.as_ref())
            .with("thumbprint", self.thumbprint.as_ref())
            .with("createdFrom", self.created_from.as_ref())
            .with("createdTo", self.created_to.as_ref())
    }
}
