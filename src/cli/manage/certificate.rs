//! `chancery certificate`: what was issued.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value};

use super::collection::{Action, Collection, ItemArgs, ItemsArgs, Outcome, PageArgs, Query, RenewArgs, Session, text};
use super::connection::{Request, Verb};
use super::output::{column, remark, write};
use super::time::Moment;

const COLLECTION: Collection = Collection {
    path: "certificates",
    noun: "certificate",
    key: "id",
    columns: &[
        column("ID", "/id"),
        column("STATUS", "/status"),
        column("NAMES", "/subjects"),
        column("RA PROFILE", "/raProfile/name"),
        column("SERIAL", "/serial"),
        column("EXPIRES", "/notAfter"),
    ],
    bulk: &["revoke", "renew"],
};

pub(super) const EXAMPLES: &str = "\
Examples:
  chancery certificate list --status valid --expires-to 2027-01-31 --sort expires
  chancery certificate list --name www.corp.example
  chancery certificate show AZq3k5yvdJ6kPq0wZ8b1Rw --pem | openssl x509 -noout -text
  chancery certificate download AZq3k5yvdJ6kPq0wZ8b1Rw --out www.pem
  chancery certificate revoke AZq3k5yvdJ6kPq0wZ8b1Rw --reason key-compromise
  chancery certificate renew AZq3k5yvdJ6kPq0wZ8b1Rw --within 1d";

/// What can be done with certificates.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List them.
    List {
        #[command(flatten)]
        filter: Box<Filter>,
        /// The order; "-" for the other way round. The newest come first if nothing is said.
        #[arg(long, value_name = "KEY", value_parser = ["created", "-created", "expires", "-expires"], allow_hyphen_values = true)]
        sort: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show one.
    Show {
        #[command(flatten)]
        item: ItemArgs,
        /// Only the certificate, PEM.
        #[arg(long, conflicts_with = "output")]
        pem: bool,
    },
    /// Print one and the certificates above it, as ACME clients get them, PEM.
    Download {
        #[command(flatten)]
        item: ItemArgs,
        /// Write them to this file instead.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Revoke some: the next CRL lists them. Orders that renew them automatically are canceled.
    Revoke {
        #[command(flatten)]
        items: ItemsArgs,
        /// Why.
        #[arg(long, value_enum, default_value_t = Reason::Unspecified)]
        reason: Reason,
    },
    /// Have clients renew some early.
    Renew(RenewArgs),
}

/// Which certificates.
#[derive(Args, Debug)]
pub(in crate::cli) struct Filter {
    /// Only those of this account.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Only the one of this order.
    #[arg(long, value_name = "ID")]
    order: Option<String>,
    /// Only those that are valid, expired or revoked.
    #[arg(long, value_parser = ["valid", "expired", "revoked"])]
    status: Option<String>,
    /// Only those for this name or address.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only the one with this serial number, in hexadecimal.
    #[arg(long, value_name = "HEX")]
    serial: Option<String>,
    /// Only the one with this SHA-256 fingerprint, in hexadecimal.
    #[arg(long, value_name = "HEX")]
    fingerprint: Option<String>,
    /// Only those of this RA Profile.
    #[arg(long, value_name = "NAME")]
    ra_profile: Option<String>,
    /// Only those of this authority.
    #[arg(long, value_name = "ID")]
    authority: Option<String>,
    /// Only those that expire then or later.
    #[arg(long, value_name = "TIME")]
    expires_from: Option<Moment>,
    /// Only those that expire before.
    #[arg(long, value_name = "TIME")]
    expires_to: Option<Moment>,
}

/// Why a certificate is revoked (RFC 5280 section 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Reason {
    Unspecified,
    #[value(name = "keyCompromise", alias = "key-compromise")]
    KeyCompromise,
    #[value(name = "affiliationChanged", alias = "affiliation-changed")]
    AffiliationChanged,
    Superseded,
    #[value(name = "cessationOfOperation", alias = "cessation-of-operation")]
    CessationOfOperation,
}

/// Does what was asked.
pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    match command {
        Command::List { filter, sort, page } => {
            session.list(&COLLECTION, filter.query().with("sort", sort.as_ref()), &page).await
        }
        Command::Show { item, pem: false } => session.show(&COLLECTION, &item).await,
        Command::Show { item, pem: true } => {
            write(&text(&session.read(&COLLECTION, &item.id).await?.body, "pem"))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Download { item, out } => download(session, &item.id, out).await,
        Command::Revoke { items, reason } => {
            let options = Map::from_iter([("reason".to_owned(), reason.into())]);
            session.act(&COLLECTION, Action::new("revoke", "revoked").with(options), &items).await
        }
        Command::Renew(args) => session.renew(&COLLECTION, &args).await,
    }
}

async fn download(session: &Session, id: &str, out: Option<PathBuf>) -> Outcome {
    let chain = session.client.text(Request::new(Verb::Get, &[COLLECTION.path, id, "chain.pem"])).await?;
    match out {
        None => write(&chain)?,
        Some(path) => {
            std::fs::write(&path, chain).with_context(|| path.display().to_string())?;
            remark(&format!("wrote {}", path.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Filter {
    fn query(&self) -> Query {
        Query::default()
            .with("account", self.account.as_ref())
            .with("order", self.order.as_ref())
            .with("status", self.status.as_ref())
            .with("name", self.name.as_ref())
            .with("serial", self.serial.as_ref())
            .with("fingerprint", self.fingerprint.as_ref())
            .with("raProfile", self.ra_profile.as_ref())
            .with("authority", self.authority.as_ref())
            .with("expiresFrom", self.expires_from.as_ref())
            .with("expiresTo", self.expires_to.as_ref())
    }
}

impl From<Reason> for Value {
    fn from(reason: Reason) -> Self {
        Self::from(match reason {
            Reason::Unspecified => "unspecified",
            Reason::KeyCompromise => "keyCompromise",
            Reason::AffiliationChanged => "affiliationChanged",
            Reason::Superseded => "superseded",
            Reason::CessationOfOperation => "cessationOfOperation",
        })
    }
}
