//! `chancery order`: orders of ACME clients.

use clap::{Args, Subcommand};

use super::collection::{Action, Collection, ItemArgs, ItemsArgs, ListArgs, Outcome, Query, Session};
use super::output::column;
use super::time::Moment;

const COLLECTION: Collection = Collection {
    path: "orders",
    noun: "order",
    key: "id",
    columns: &[
        column("ID", "/id"),
        column("STATUS", "/status"),
        column("ACCOUNT", "/account"),
        column("RA PROFILE", "/raProfile/name"),
        column("IDENTIFIERS", "/identifiers"),
        column("CREATED", "/created"),
        column("EXPIRES", "/expires"),
    ],
    bulk: &["cancel"],
};

pub(super) const EXAMPLES: &str = "\
Examples:
  chancery order list --status pending --ra-profile web
  chancery order list --name www.corp.example --created-from 2026-01-01 --all
  chancery order show AZq3k5yvdJ6kPq0wZ8b1Rw
  chancery order cancel AZq3k5yvdJ6kPq0wZ8b1Rw";

/// What can be done with orders.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List them.
    List(Box<ListArgs<Filter>>),
    /// Show one, with the revisions of the profiles under which it was placed.
    Show(ItemArgs),
    /// End them: they become invalid; those that are renewed automatically are canceled.
    Cancel(ItemsArgs),
}

/// Which orders.
#[derive(Args, Debug)]
pub(in crate::cli) struct Filter {
    /// Only those of this account.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Only those of this status (RFC 8555 section 7.1.6, RFC 8739 section 3.1.1).
    #[arg(long, value_parser = ["pending", "ready", "processing", "valid", "invalid", "canceled"])]
    status: Option<String>,
    /// Only those that were placed under this ACME Profile.
    #[arg(long, value_name = "NAME")]
    acme_profile: Option<String>,
    /// Only those that were placed under this RA Profile.
    #[arg(long, value_name = "NAME")]
    ra_profile: Option<String>,
    /// Only those with this identifier.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only those that were placed then or later.
    #[arg(long, value_name = "TIME")]
    created_from: Option<Moment>,
    /// Only those that were placed before.
    #[arg(long, value_name = "TIME")]
    created_to: Option<Moment>,
}

/// Does what was asked.
pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    match command {
        Command::List(list) => session.list(&COLLECTION, list.filter.query().sorted(&list.sort), &list.page).await,
        Command::Show(item) => session.show(&COLLECTION, &item).await,
        Command::Cancel(items) => session.act(&COLLECTION, Action::new("cancel", "cancelled"), &items).await,
    }
}

impl Filter {
    fn query(&self) -> Query {
        Query::default()
            .with("account", self.account.as_ref())
            .with("status", self.status.as_ref())
            .with("acmeProfile", self.acme_profile.as_ref())
            .with("raProfile", self.ra_profile.as_ref())
            .with("name", self.name.as_ref())
            .with("createdFrom", self.created_from.as_ref())
            .with("createdTo", self.created_to.as_ref())
    }
}
