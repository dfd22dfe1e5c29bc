//! `chancery authority`: what signs.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::collection::{
    Action, Collection, CreateArgs, DeleteArgs, ItemArgs, ItemsArgs, Outcome, PageArgs, Query, RenewArgs, Session,
};
use super::output::column;
use super::set::Members;

pub(super) const COLLECTION: Collection = Collection {
    path: "authorities",
    noun: "authority",
    key: "id",
    columns: &[
        column("ID", "/id"),
        column("KIND", "/kind"),
        column("NAME", "/name"),
        column("ENABLED", "/enabled"),
        column("ALGORITHM", "/algorithm"),
        column("EXPIRES", "/notAfter"),
        column("RA PROFILES", "/raProfiles"),
    ],
    bulk: &[],
};

pub(super) const EXAMPLES: &str = "\
Examples:
  chancery authority list
  chancery authority create 'Web CA' --parent AZq3k5yvdJ6kPq0wZ8b1Rw --algorithm p256 --validity 1825d
  chancery authority create 'Lab CA' --root-name 'Lab Root CA'
  chancery authority show AZq3k5yvdJ6kPq0wZ8b1Rw
  chancery authority disable AZq3k5yvdJ6kPq0wZ8b1Rw
  chancery authority enable AZq3k5yvdJ6kPq0wZ8b1Rw
  chancery authority renew AZq3k5yvdJ6kPq0wZ8b1Rw --within 7d
  chancery authority add-chain AZq3k5yvdJ6kPq0wZ8b1Rw --file crossed.pem
  chancery authority remove-chain AZq3k5yvdJ6kPq0wZ8b1Rw 5f1c3a9e0b7d24685f1c3a9e0b7d2468
  chancery authority delete AZq3k5yvdJ6kPq0wZ8b1Rw";

/// What can be done with authorities.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List them.
    List(PageArgs),
    /// Show one.
    Show(ItemArgs),
    /// Create an intermediate, below a root that is there or is made with it.
    Create {
        #[command(flatten)]
        plan: Plan,
        #[command(flatten)]
        args: CreateArgs,
    },
    /// Have them issue.
    Enable(ItemsArgs),
    /// Have them issue nothing; their CRLs are still made.
    Disable(ItemsArgs),
    /// Have clients renew early what some have signed so far.
    Renew(RenewArgs),
    /// Give one another chain, for clients that want another root.
    AddChain {
        #[command(flatten)]
        item: ItemArgs,
        /// Its certificates, PEM, the one of the authority's own key first.
        #[arg(long, short, value_name = "FILE")]
        file: PathBuf,
    },
    /// Take a chain from one.
    RemoveChain {
        #[command(flatten)]
        item: ItemArgs,
        /// The id of the chain, which `show` prints.
        chain: String,
    },
    /// Remove some.
    Delete(DeleteArgs),
}

/// An authority to make.
#[derive(Args, Debug)]
pub(in crate::cli) struct Plan {
    /// Its common name.
    name: String,
    /// The root above it: its id or its name.
    #[arg(long, value_name = "ID", required_unless_present = "root_name")]
    parent: Option<String>,
    /// The common name of a new root above it.
    #[arg(long, value_name = "NAME", conflicts_with = "parent")]
    root_name: Option<String>,
    /// The organization in both names.
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// p384, p256, ed25519, rsa2048, rsa3072 or rsa4096; p384 if nothing is said.
    #[arg(long)]
    algorithm: Option<String>,
    /// How long it is valid; ten years if nothing is said.
    #[arg(long, value_name = "SPAN")]
    validity: Option<String>,
    /// How long a new root is valid; twenty years if nothing is said.
    #[arg(long, value_name = "SPAN", requires = "root_name")]
    root_validity: Option<String>,
}

/// Does what was asked.
pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    match command {
        Command::List(page) => session.list(&COLLECTION, Query::default(), &page).await,
        Command::Show(item) => session.show(&COLLECTION, &item).await,
        Command::Create { plan, args } => session.create(&COLLECTION, plan.members(), &args).await,
        Command::Enable(items) => session.act(&COLLECTION, Action::new("enable", "enabled"), &items).await,
        Command::Disable(items) => session.act(&COLLECTION, Action::new("disable", "disabled"), &items).await,
        Command::Renew(args) => session.renew(&COLLECTION, &args).await,
        Command::AddChain { item, file } => {
            let pem = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let chain = Map::from_iter([("certificates".to_owned(), Value::from(pem))]);
            session
                .act(&COLLECTION, Action::new("addChain", "added a chain to").with(chain), &ItemsArgs::one(item.id))
                .await
        }
        Command::RemoveChain { item, chain } => {
            let chain = Map::from_iter([("id".to_owned(), Value::from(chain))]);
            let action = Action::new("removeChain", "removed a chain of").with(chain);
            session.act(&COLLECTION, action, &ItemsArgs::one(item.id)).await
        }
        Command::Delete(args) => session.delete(&COLLECTION, &args).await,
    }
}

impl Plan {
    fn members(self) -> Map<String, Value> {
        let members = Members::default()
            .put("name", Some(self.name))
            .put("parent", self.parent)
            .put("rootName", self.root_name)
            .put("organization", self.organization)
            .put("algorithm", self.algorithm)
            .put("validity", self.validity)
            .put("rootValidity", self.root_validity);
        members.0
    }
}
