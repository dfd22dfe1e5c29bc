//! `chancery token`: what lets operators in.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};

use super::collection::{Action, Collection, CreateArgs, ItemArgs, ItemsArgs, Outcome, PageArgs, Query, Session, text};
use super::output::{column, pretty, remark, write};
use super::set::Members;
use super::time::Later;

const COLLECTION: Collection = Collection {
    path: "tokens",
    noun: "token",
    key: "id",
    columns: &[
        column("ID", "/id"),
        column("NAME", "/name"),
        column("ROLE", "/role"),
        column("STATUS", "/status"),
        column("EXPIRES", "/expires"),
        column("LAST USED", "/lastUsed"),
    ],
    bulk: &[],
};

pub(super) const EXAMPLES: &str = "\
Examples:
  chancery token create deploy --role operator --expires 90d > deploy.token
  chancery profile list --token-file deploy.token
  chancery token list
  chancery token show AZq3k5yvdJ6kPq0wZ8b1Rw
  chancery token revoke AZq3k5yvdJ6kPq0wZ8b1Rw";

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List them; never with their secrets.
    List(PageArgs),
    /// Show one; never with its secret.
    Show(ItemArgs),
    /// Create one, and print its secret, this once.
    Create {
        /// For people: whose it is, or what for.
        name: String,
        /// What it may do.
        #[arg(long, value_enum)]
        role: Role,
        /// Until when it is good: a span of time as in 90d, or a time; for ever if nothing is said.
        #[arg(long, value_name = "TIME")]
        expires: Option<Later>,
        #[command(flatten)]
        args: CreateArgs,
    },
    /// Have them let nobody in any more.
    Revoke(ItemsArgs),
}

/// What a token may do; each may also do what those before it may.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum Role {
    /// Read everything that is no secret.
    Auditor,
    /// Manage profiles, accounts, credentials, orders and certificates.
    Operator,
    /// Manage tokens and authorities too.
    Administrator,
}

/// Does what was asked.
pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    match command {
        Command::List(page) => session.list(&COLLECTION, Query::default(), &page).await,
        Command::Show(item) => session.show(&COLLECTION, &item).await,
        Command::Create { name, role, expires, args } => {
            let role = match role {
                Role::Auditor => "auditor",
                Role::Operator => "operator",
                Role::Administrator => "administrator",
            };
            let members = Members::default().put("name", Some(name)).put("role", Some(role)).put("expires", expires);
            let made = session.make(&COLLECTION, members.0, &args).await?;
            if session.output.json() {
                pretty(&made)?;
            } else {
                // Alone on standard output, so that it can go into a file.
                remark(&format!("created token {}; its secret is shown only now:", text(&made, "id")));
                write(&format!("{}\n", text(&made, "secret")))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Revoke(items) => session.act(&COLLECTION, Action::new("revoke", "revoked"), &items).await,
    }
}
