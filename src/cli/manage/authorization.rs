//! `chancery authorization`: what clients have proven, or failed to.

use clap::{Args, Subcommand};

use super::collection::{Action, Collection, ItemArgs, ItemsArgs, ListArgs, Outcome, Query, Session};
use super::output::column;
use super::time::Moment;

const COLLECTION: Collection = Collection {
    path: "authorizations",
    noun: "authorization",
    key: "id",
    columns: &[
        column("ID", "/id"),
        column("STATUS", "/status"),
        column("IDENTIFIER", "/identifier"),
        column("WILDCARD", "/wildcard"),
        column("ACCOUNT", "/account"),
        column("CREATED", "/created"),
        column("EXPIRES", "/expires"),
    ],
    bulk: &[],
};

pub(super) const EXAMPLES: &str = "\
Examples:
  chancery authorization list --status invalid --limit 20
  chancery authorization show AZq3k5yvdJ6kPq0wZ8b1Rw        why did that validation fail? Every step of it
  chancery authorization revoke AZq3k5yvdJ6kPq0wZ8b1Rw";

/// What can be done with authorizations.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List them.
    List(Box<ListArgs<Filter>>),
    /// Show one, with its challenges and what each attempt to validate them met.
    Show(ItemArgs),
    /// Have them count no more.
    Revoke(ItemsArgs),
}

/// Which authorizations.
#[derive(Args, Debug)]
pub(in crate::cli) struct Filter {
    /// Only those of this account.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Only those of this status (RFC 8555 section 7.1.6).
    #[arg(long, value_parser = ["pending", "valid", "invalid", "deactivated", "expired", "revoked"])]
    status: Option<String>,
    /// Only those for this identifier.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
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
        Command::Revoke(items) => session.act(&COLLECTION, Action::new("revoke", "revoked"), &items).await,
    }
}

impl Filter {
    fn query(&self) -> Query {
        Query::default()
            .with("account", self.account.as_ref())
            .with("status", self.status.as_ref())
            .with("name", self.name.as_ref())
            .with("createdFrom", self.created_from.as_ref())
            .with("createdTo", self.created_to.as_ref())
    }
}
