//! `chancery authority`: what signs.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::collection::{
    Action, Collection, CreateArgs, DeleteArgs, ItemArgs, ItemsArgs, Outcome, PageArgs, Query, Session,
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
