//! `chancery apply`: the server's profiles as a file declares them.

mod difference;
mod file;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use self::difference::Difference;
use self::file::Profiles;
use super::collection::{Outcome, Session};
use super::connection::{ConnectionArgs, Request, Verb};
use super::failure::RequestError;
use super::output::{pretty, remark, write};

/// The exit code of a dry run that found something to do.
const CHANGES: u8 = 3;

pub(super) const EXAMPLES: &str = "\
What a declared profile leaves out has its default, whatever it was before; profiles that are not declared are left alone,
unless --prune is given. All of it is done, or nothing.

Exit codes: 0 done, or nothing to do; 1 failed; 2 wrong arguments; 3 with --dry-run, if there is something to do.

Examples:
  chancery apply --example > profiles.toml      every attribute with its default and what it means
  chancery apply --export > profiles.toml       what the server has
  chancery apply -f profiles.toml --dry-run     what would be done
  chancery apply -f profiles.toml
  chancery apply -f profiles.toml --prune --yes
  chancery apply -f - < profiles.toml";

/// What is declared, and how it is applied.
#[derive(Args, Debug)]
pub(in crate::cli) struct ApplyArgs {
    /// The file, TOML: [acme_profiles.NAME] and [ra_profiles.NAME] with their attributes; - for standard input.
    #[arg(long, short, value_name = "FILE", required_unless_present_any = ["example", "export"])]
    file: Option<PathBuf>,
    /// Only say what would be done.
    #[arg(long, requires = "file")]
    dry_run: bool,
    /// Remove the profiles that are not declared.
    #[arg(long, requires = "file")]
    prune: bool,
    /// Remove them though accounts or credentials depend on them.
    #[arg(long, requires = "prune")]
    force: bool,
    /// Remove profiles without asking.
    #[arg(long, short, requires = "file")]
    yes: bool,
    /// Print a file with every attribute, its default and what it means. Needs no server.
    #[arg(long, conflicts_with_all = ["file", "export"])]
    example: bool,
    /// Print the server's profiles as such a file: what differs from the defaults.
    #[arg(long, conflicts_with = "file")]
    export: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Does what was asked.
pub(super) async fn run(args: &ApplyArgs) -> Outcome {
    if args.example {
        write(file::EXAMPLE)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(path) = &args.file else {
        write(&file::export(&args.connection.session()?).await?)?;
        return Ok(ExitCode::SUCCESS);
    };
    let text = read(path)?;
    let profiles = Profiles::read(&text).with_context(|| path.display().to_string())?;
    let session = args.connection.session()?;
    let planned = post(&session, &profiles, args, None).await?;
    let difference = Difference::of(&planned);
    if args.dry_run || difference.is_empty() {
        show(&session, &planned, &difference)?;
        return Ok(if difference.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(CHANGES) });
    }
    if !session.output.json() {
        write(&difference.to_string())?;
    }
    if difference.removes() && !args.yes {
        confirm(path)?;
    }
    let done = post(&session, &profiles, args, Some(&planned)).await?;
    if session.output.json() {
        pretty(&done)?;
    } else {
        remark("applied");
    }
    Ok(ExitCode::SUCCESS)
}

fn show(session: &Session, planned: &Value, difference: &Difference) -> io::Result<()> {
    if session.output.json() { pretty(planned) } else { write(&difference.to_string()) }
}

fn read(path: &Path) -> anyhow::Result<String> {
    let text = if path == Path::new("-") { io::read_to_string(io::stdin()) } else { std::fs::read_to_string(path) };
    text.with_context(|| path.display().to_string())
}

async fn post(
    session: &Session,
    profiles: &Profiles,
    args: &ApplyArgs,
    planned: Option<&Value>,
) -> anyhow::Result<Value> {
    let mut body = json!({
        "acmeProfiles": profiles.acme,
        "raProfiles": profiles.ra,
        "dryRun": planned.is_none(),
        "prune": args.prune,
    });
    // Exactly what was shown is done, or nothing.
    if let Some(basis) = planned.and_then(|planned| planned.get("basis")) {
        body["basis"] = basis.clone();
    }
    if args.force {
        body["force"] = Value::Bool(true);
    }
    let answer = session.client.send(Request { body: Some(&body), ..Request::new(Verb::Post, &["apply"]) }).await;
    match answer {
        Ok(answer) => Ok(answer.body),
        Err(RequestError::Refused(mut problem)) => {
            for error in &mut problem.errors {
                error.field = profiles.in_file(&error.field);
            }
            Err(RequestError::Refused(problem).into())
        }
        Err(other) => Err(other.into()),
    }
}

/// Asks, on a terminal. Where nobody can be asked, --yes has to say it.
fn confirm(file: &Path) -> anyhow::Result<()> {
    let mut stdin = io::stdin().lock();
    if file == Path::new("-") || !stdin.is_terminal() {
        bail!("profiles would be removed, and nobody can be asked here: say --yes");
    }
    let mut ask = io::stderr().lock();
    write!(ask, "Remove what has a - before it? Type yes: ")?;
    ask.flush()?;
    let mut answer = String::new();
    stdin.read_line(&mut answer)?;
    if answer.trim().eq_ignore_ascii_case("yes") { Ok(()) } else { bail!("nothing was done") }
}
