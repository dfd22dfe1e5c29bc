//! `chancery audit`: the log of what operators changed.

use std::process::ExitCode;
use std::str::FromStr;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::collection::{Collection, ItemArgs, ListArgs, Outcome, Query, Session, text};
use super::connection::{Request, Verb};
use super::output::{column, pretty, remark, write};
use super::time::Moment;

const COLLECTION: Collection = Collection {
    path: "audit",
    noun: "entry",
    key: "number",
    columns: &[
        column("NUMBER", "/number"),
        column("AT", "/at"),
        column("WHO", "/who"),
        column("ACTION", "/action"),
        column("OBJECT", "/object"),
    ],
    bulk: &[],
};

pub(super) const EXAMPLES: &str = "\
Examples:
  chancery audit list --object acmeProfile/web
  chancery audit list --from 2026-11-01 --all --output json > november.jsonl
  chancery audit show 42
  chancery audit verify                     prints the last entry as NUMBER:DIGEST; note it where the server cannot write
  chancery audit verify --expect 42:5f3a1c9e0b7d2468ace013579bdf02468ace13579bdf02468ace13579bdf0246";

/// What can be done with the log.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// List entries.
    List(Box<ListArgs<Filter>>),
    /// Show one, with what was before and after.
    Show(ItemArgs),
    /// Prove that nothing is missing and nothing was changed; fails if something was.
    ///
    /// Every entry holds the digest of the one before it. Whoever can write to the store could write the whole log anew: a
    /// digest that was noted elsewhere shows that too.
    Verify {
        /// An entry as an earlier run printed it: it has to be there, and the same.
        #[arg(long, value_name = "NUMBER:DIGEST")]
        expect: Option<Noted>,
    },
}

/// Which entries.
#[derive(Args, Debug)]
pub(in crate::cli) struct Filter {
    /// Only those about this, as in acmeProfile/web.
    #[arg(long, value_name = "KIND/ID")]
    object: Option<String>,
    /// Only those of this operator, as the log names them.
    #[arg(long)]
    who: Option<String>,
    /// Only those of this action, as in create.
    #[arg(long)]
    action: Option<String>,
    /// Only those of then or later.
    #[arg(long, value_name = "TIME")]
    from: Option<Moment>,
    /// Only those before.
    #[arg(long, value_name = "TIME")]
    to: Option<Moment>,
}

/// An entry as somebody noted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Noted {
    number: u64,
    digest: String,
}

impl FromStr for Noted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "it has to be NUMBER:DIGEST, as `chancery audit verify` prints it".to_owned();
        let (number, digest) = text.split_once(':').ok_or_else(wrong)?;
        let digest = digest.to_ascii_lowercase();
        if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        Ok(Self { number: number.parse().map_err(|_| wrong())?, digest })
    }
}

/// Does what was asked.
pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    match command {
        Command::List(list) => session.list(&COLLECTION, list.filter.query().sorted(&list.sort), &list.page).await,
        Command::Show(item) => session.show(&COLLECTION, &item).await,
        Command::Verify { expect } => verify(session, expect).await,
    }
}

async fn verify(session: &Session, expect: Option<Noted>) -> Outcome {
    let query =
        expect.map(|Noted { number, digest }| vec![("expectNumber", number.to_string()), ("expectDigest", digest)]);
    let query = query.unwrap_or_default();
    let request = Request { query: &query, ..Request::new(Verb::Get, &[COLLECTION.path, "verify"]) };
    let answer = session.client.send(request).await?.body;
    let number = |member: &str| answer.get(member).and_then(Value::as_u64).unwrap_or_default();
    let (first, last) = (number("first"), number("last"));
    let intact = answer.get("intact").and_then(Value::as_bool).unwrap_or(false);
    if session.output.json() {
        pretty(&answer)?;
    } else if intact && last == 0 {
        remark("the log is empty");
    } else if intact {
        remark(&format!("the log is whole, from entry {first} to {last}:"));
        write(&format!("{last}:{}\n", text(&answer, "digest")))?;
    }
    if intact {
        return Ok(ExitCode::SUCCESS);
    }
    remark(&format!("chancery: the audit log is broken: {}", text(&answer, "broken")));
    Ok(ExitCode::FAILURE)
}

impl Filter {
    fn query(&self) -> Query {
        Query::default()
            .with("object", self.object.as_ref())
            .with("who", self.who.as_ref())
            .with("action", self.action.as_ref())
            .with("from", self.from.as_ref())
            .with("to", self.to.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read() {
        let digest = "0aF".repeat(22)[..64].to_owned();
        let noted: Noted = format!("42:{digest}").parse().expect("as it was printed");
        assert_eq!((noted.number, noted.digest), (42, digest.to_ascii_lowercase()));
        for wrong in ["", "42", "42:", "42:abc", "x:y", &format!(":{digest}"), &format!("-1:{digest}")] {
            wrong.parse::<Noted>().expect_err("must be refused");
        }
    }
}
