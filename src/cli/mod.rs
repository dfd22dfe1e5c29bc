//! The command line.

mod authority;
mod bootstrap;
mod clients;
mod credential;
mod dev;
mod first_token;
mod greeting;
mod manage;
mod origin;
mod perspective;
mod perspectives;
mod process;
mod repository;
mod serve;
#[cfg(test)]
mod tests;
mod tls;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use chancery_machine::diagram;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::config;

/// An ACME (RFC 8555) certificate authority: one binary, its own store.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  chancery serve                          a certificate authority on https://localhost:8443, data in ./chancery-data
  chancery serve --dev                    the same for testing ACME clients: loopback may be validated, nothing is kept
  chancery config > chancery.toml         every setting with its default and what it means
  chancery serve --config chancery.toml   with settings of your own

  export CHANCERY_TOKEN=chancery_…        the token that the first start printed; then, while the server runs:
  chancery profile list                   its ACME Profiles, and so on for everything else that it has
  chancery apply -f profiles.toml         its profiles, as a file declares them";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server until SIGTERM or SIGINT.
    ///
    /// Prints, on standard output, the directory URL as soon as it answers, where the root certificate lies, and a certbot
    /// line to paste. Logs go to standard error; CHANCERY_LOG sets how much, as in CHANCERY_LOG=debug.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArgs),
    /// Run a perspective: look at what clients prove from here, for a server that runs elsewhere.
    ///
    /// It answers one server, or several, over mutual TLS, and prints where it listens and whom it answers. It has no store
    /// and no secret but its own key, keeps nothing, and does nothing unasked. SIGTERM or SIGINT ends it. Logs go to
    /// standard error; CHANCERY_LOG sets how much. The ACME Profiles of the server say which perspectives are asked and how
    /// many of them must agree.
    #[command(after_help = perspective::EXAMPLES, args_conflicts_with_subcommands = true)]
    Perspective(Box<perspective::PerspectiveArgs>),
    /// Make an administrator's token while the server is stopped: for when the last one is lost.
    ///
    /// Prints the token. The server must not run: its store is open to one process at a time. The audit log names it
    /// `offline`.
    #[command(after_help = ADMIN_TOKEN_EXAMPLES)]
    AdminToken(AdminTokenArgs),
    /// Print a configuration file with every setting, its default and what it means.
    Config,
    /// Print the state machines of RFC 8555 section 7.1.6 as this program runs them.
    Machines {
        /// Text for people, or Mermaid for documents.
        #[arg(long, value_enum, default_value_t = Form::Text)]
        form: Form,
    },
    /// Print a script that completes these commands in a shell.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    #[command(flatten)]
    Manage(Box<manage::Command>),
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  chancery completions bash > ~/.local/share/bash-completion/completions/chancery
  chancery completions zsh > ~/.zfunc/_chancery
  chancery completions fish > ~/.config/fish/completions/chancery.fish";

const SERVE_EXAMPLES: &str = "\
Examples:
  chancery serve --listen 0.0.0.0:443 --data /var/lib/chancery
  chancery serve --config /etc/chancery/chancery.toml
  chancery serve --dev --http-port 5002 --resolver 127.0.0.1:8053";

const ADMIN_TOKEN_EXAMPLES: &str = "\
Examples:
  chancery admin-token --data /var/lib/chancery
  chancery admin-token --config /etc/chancery/chancery.toml > token";

#[derive(Args, Debug)]
struct AdminTokenArgs {
    /// The configuration file of the server.
    #[arg(long, value_name = "FILE", env = "CHANCERY_CONFIG")]
    config: Option<PathBuf>,
    /// The directory of the store.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Text,
    Mermaid,
}

#[derive(Args, Debug)]
struct ServeArgs {
    /// The configuration file; without it, the defaults that `chancery config` prints.
    #[arg(long, value_name = "FILE", env = "CHANCERY_CONFIG")]
    config: Option<PathBuf>,
    /// The directory of the store and the root certificate.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where HTTPS listens; port 0 lets the system choose one.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// For testing ACME clients: loopback may be validated, in the profiles that the start declares http-01 connects to
    /// port 5002 and tls-alpn-01 to 5001, there are no limits, and without --data everything is gone at the end.
    #[arg(long)]
    dev: bool,
    /// The port that http-01 connects to.
    #[arg(long, value_name = "PORT", requires = "dev")]
    http_port: Option<u16>,
    /// The port that tls-alpn-01 connects to.
    #[arg(long, value_name = "PORT", requires = "dev")]
    tls_port: Option<u16>,
    /// The resolver to ask, instead of the system's.
    #[arg(long, value_name = "ADDR:PORT", requires = "dev")]
    resolver: Option<SocketAddr>,
}

/// Runs the command that the arguments ask for.
#[must_use]
pub fn main() -> ExitCode {
    let parsed = Cli::from_arg_matches(&command().get_matches()).unwrap_or_else(|error| error.exit());
    let outcome = match parsed.command {
        Command::Serve(args) => serve::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Perspective(args) => perspective::run(*args).map(|()| ExitCode::SUCCESS),
        Command::AdminToken(args) => first_token::recover(&args).map(|()| ExitCode::SUCCESS),
        Command::Config => print(config::EXAMPLE).map(|()| ExitCode::SUCCESS),
        Command::Machines { form } => print(&machines(form)).map(|()| ExitCode::SUCCESS),
        Command::Completions { shell } => print(&completions(shell)).map(|()| ExitCode::SUCCESS),
        Command::Manage(command) => manage::run(*command),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "chancery: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn machines(form: Form) -> String {
    let diagrams = diagram::all();
    let texts = diagrams.iter().map(|diagram| match form {
        Form::Text => diagram.to_string(),
        Form::Mermaid => diagram.mermaid(),
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// The command line, where each command shows those examples of the one above it that are about itself.
fn command() -> clap::Command {
    Cli::command().mut_subcommands(|command| with_examples("chancery", "", command))
}

fn with_examples(path: &str, above: &str, command: clap::Command) -> clap::Command {
    let path = format!("{path} {}", command.get_name());
    let own = command.get_after_help().map(ToString::to_string);
    let about = |line: &&str| line.split(&path).skip(1).any(|rest| rest.is_empty() || rest.starts_with(' '));
    let examples: Vec<_> = above.lines().filter(|line| line.starts_with("  ")).filter(about).collect();
    let command = match own {
        None if !examples.is_empty() => command.after_help(format!("Examples:\n{}", examples.join("\n"))),
        None | Some(_) => command,
    };
    let above = own.as_deref().unwrap_or(above);
    command.mut_subcommands(|below| with_examples(&path, above, below))
}

fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "chancery", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// A reader that went away, as `head` does, is no error.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}
