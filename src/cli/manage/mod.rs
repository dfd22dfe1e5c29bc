//! The commands that speak to a running server, by its management API.
//!
//! A room for each noun of the API: what its list shows, which filters and flags there are, and examples. What all of them
//! share is in `collection`, `connection` and `output`; nothing is decided here that the server decides.

mod account;
mod apply;
mod audit;
mod authority;
mod authorization;
mod certificate;
mod collection;
mod connection;
mod eab;
mod failure;
mod order;
mod output;
mod profile;
mod ra_profile;
mod set;
mod time;
mod token;

use std::io;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::Value;
use thiserror::Error;

use self::collection::{Outcome, Session, text};
use self::connection::{ConnectionArgs, Request, Verb};

/// The exit code for arguments that make no sense, as clap has it.
const USAGE: u8 = 2;

/// What can be done with a running server.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// ACME Profiles: how the endpoints behave.
    #[command(after_help = profile::EXAMPLES)]
    Profile(Room<profile::Command>),
    /// RA Profiles: how certificates are issued.
    #[command(after_help = ra_profile::EXAMPLES)]
    RaProfile(Room<ra_profile::Command>),
    /// The accounts of ACME clients.
    #[command(after_help = account::EXAMPLES)]
    Account(Room<account::Command>),
    /// Credentials with which clients bind their accounts to external ones (RFC 8555 section 7.3.4).
    #[command(after_help = eab::EXAMPLES)]
    Eab(Room<eab::Command>),
    /// Orders of ACME clients.
    #[command(after_help = order::EXAMPLES)]
    Order(Room<order::Command>),
    /// Authorizations, with their challenges and what validating them met.
    #[command(after_help = authorization::EXAMPLES)]
    Authorization(Room<authorization::Command>),
    /// Certificates.
    #[command(after_help = certificate::EXAMPLES)]
    Certificate(Room<certificate::Command>),
    /// What signs: roots and intermediates.
    #[command(after_help = authority::EXAMPLES)]
    Authority(Room<authority::Command>),
    /// Tokens, which let operators in.
    #[command(after_help = token::EXAMPLES)]
    Token(Room<token::Command>),
    /// The log of everything that operators changed.
    #[command(after_help = audit::EXAMPLES)]
    Audit(Room<audit::Command>),
    /// Make the server's profiles as a file declares them.
    #[command(after_help = apply::EXAMPLES)]
    Apply(apply::ApplyArgs),
    /// Who the server takes you for, and what you may do.
    Whoami {
        #[command(flatten)]
        connection: ConnectionArgs,
    },
}

/// The commands about one noun, each of which needs the server.
#[derive(Args, Debug)]
pub(in crate::cli) struct Room<C: Subcommand> {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    command: C,
}

/// Arguments that make no sense together, which only showed when they were read.
#[derive(Debug, Error)]
#[error("{0}")]
pub(in crate::cli) struct Usage(pub(super) String);

/// Does what was asked.
pub(super) fn run(command: Command) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no event loop")?;
    match runtime.block_on(dispatch(command)) {
        Err(error) if error.is::<Usage>() => {
            output::remark(&format!("chancery: {error:#}"));
            Ok(ExitCode::from(USAGE))
        }
        // A reader that went away, as `head` does, is no error.
        Err(error) if went_away(&error) => Ok(ExitCode::SUCCESS),
        outcome => outcome,
    }
}

async fn dispatch(command: Command) -> Outcome {
    match command {
        Command::Profile(room) => profile::run(&room.connection.session()?, room.command).await,
        Command::RaProfile(room) => ra_profile::run(&room.connection.session()?, room.command).await,
        Command::Account(room) => account::run(&room.connection.session()?, room.command).await,
        Command::Eab(room) => eab::run(&room.connection.session()?, room.command).await,
        Command::Order(room) => order::run(&room.connection.session()?, room.command).await,
        Command::Authorization(room) => authorization::run(&room.connection.session()?, room.command).await,
        Command::Certificate(room) => certificate::run(&room.connection.session()?, room.command).await,
        Command::Authority(room) => authority::run(&room.connection.session()?, room.command).await,
        Command::Token(room) => token::run(&room.connection.session()?, room.command).await,
        Command::Audit(room) => audit::run(&room.connection.session()?, room.command).await,
        Command::Apply(args) => apply::run(&args).await,
        Command::Whoami { connection } => whoami(&connection.session()?).await,
    }
}

async fn whoami(session: &Session) -> Outcome {
    let answer: Value = session.client.send(Request::new(Verb::Get, &["whoami"])).await?.body;
    session.output.done(&format!("{} ({})", text(&answer, "who"), text(&answer, "role")), &answer)?;
    Ok(ExitCode::SUCCESS)
}

impl ConnectionArgs {
    fn session(&self) -> anyhow::Result<Session> {
        Ok(Session { client: self.client()?, output: self.output() })
    }
}

fn went_away(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
