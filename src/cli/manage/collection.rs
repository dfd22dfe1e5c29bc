//! What all collections of the API have in common: a list, its items, and what can be done to one of them or to many.

use std::fmt;
use std::io::{self, BufRead};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::{Map, Value, json};

use super::Usage;
use super::connection::{Answer, Client, Request, Verb};
use super::failure::{Problem, RequestError};
use super::output::{Column, Output, Stream, line, pretty, remark, write};

/// How many items one bulk request takes, and the longest page.
const MOST: usize = 1000;

/// How many items are listed where nothing is said.
const USUAL: usize = 100;

/// What a command comes to.
pub(super) type Outcome = anyhow::Result<ExitCode>;

/// A collection of the API.
#[derive(Debug)]
pub(in crate::cli) struct Collection {
    /// Its segment of the URL.
    pub(super) path: &'static str,
    /// What one of it is called.
    pub(super) noun: &'static str,
    /// The member that names an item.
    pub(super) key: &'static str,
    /// What a list shows.
    pub(super) columns: &'static [Column],
    /// What can be done to many at once.
    pub(super) bulk: &'static [&'static str],
}

/// Something that is done to an item.
#[derive(Debug)]
pub(in crate::cli) struct Action<'a> {
    /// As the API calls it.
    verb: &'static str,
    /// What the item is then.
    past: &'static str,
    /// What the action has to be told.
    options: Option<Map<String, Value>>,
    if_match: Option<&'a str>,
}

/// A server, and how its answers are printed.
pub(in crate::cli) struct Session {
    pub(super) client: Client,
    pub(super) output: Output,
}

/// Which part of a list.
#[derive(Args, Debug)]
pub(in crate::cli) struct PageArgs {
    /// How many at the most; 100 if nothing is said.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// All of them, however many; as JSON, one in each line.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Go on where another list ended: its "next".
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

/// In which order.
#[derive(Args, Debug)]
pub(in crate::cli) struct SortArgs {
    /// The order; "-" for the other way round. The newest come first if nothing is said.
    #[arg(long, value_name = "KEY", value_parser = ["created", "-created"], allow_hyphen_values = true)]
    sort: Option<String>,
}

/// A list of what can be filtered and sorted.
#[derive(Args, Debug)]
pub(in crate::cli) struct ListArgs<F: Args> {
    #[command(flatten)]
    pub(super) filter: F,
    #[command(flatten)]
    pub(super) sort: SortArgs,
    #[command(flatten)]
    pub(super) page: PageArgs,
}

/// One item.
#[derive(Args, Debug)]
pub(in crate::cli) struct ItemArgs {
    /// Its name or id.
    #[arg(value_name = "ID")]
    pub(super) id: String,
}

/// Some items.
#[derive(Args, Debug)]
pub(in crate::cli) struct ItemsArgs {
    /// Their names or ids; - reads them from standard input, one in each line.
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Only if it still has this ETag, as in '"3"'.
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
}

/// Items to remove.
#[derive(Args, Debug)]
pub(in crate::cli) struct DeleteArgs {
    #[command(flatten)]
    items: ItemsArgs,
    /// Remove them though something depends on them.
    #[arg(long)]
    force: bool,
}

/// By when clients renew.
#[derive(Args, Debug)]
pub(in crate::cli) struct RenewArgs {
    #[command(flatten)]
    items: ItemsArgs,
    /// Over how long the renewals are spread, as in 2d; at once if nothing is said.
    #[arg(long, value_name = "SPAN")]
    within: Option<String>,
    /// Take the call back.
    #[arg(long, conflicts_with = "within")]
    cancel: bool,
}

/// How something is created.
#[derive(Args, Debug)]
pub(in crate::cli) struct CreateArgs {
    /// The same key and request again makes nothing new and prints the same answer.
    #[arg(long, value_name = "KEY")]
    pub(super) idempotency_key: Option<String>,
}

/// How something is changed.
#[derive(Args, Debug)]
pub(in crate::cli) struct UpdateArgs {
    /// Only if it still has this ETag, as in '"3"'; * to change it however it is. Without it, the change is refused if
    /// somebody else is faster.
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
}

/// The filters of a list.
#[derive(Debug, Default)]
pub(in crate::cli) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// With this filter, if it was given.
    pub(super) fn with<T: fmt::Display>(mut self, name: &'static str, value: Option<&T>) -> Self {
        self.0.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// In this order.
    pub(super) fn sorted(self, sort: &SortArgs) -> Self {
        self.with("sort", sort.sort.as_ref())
    }
}

impl<'a> Action<'a> {
    /// An action that needs to be told nothing.
    pub(super) const fn new(verb: &'static str, past: &'static str) -> Self {
        Self { verb, past, options: None, if_match: None }
    }

    /// With what it has to be told.
    pub(super) fn with(self, options: Map<String, Value>) -> Self {
        Self { options: Some(options), ..self }
    }
}

impl Session {
    /// Prints a list, page by page.
    pub(super) async fn list(&self, collection: &Collection, query: Query, page: &PageArgs) -> Outcome {
        let mut table = Stream::new(collection.columns);
        let mut cursor = page.cursor.clone();
        let mut left = page.limit.map_or(USUAL, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let mut collected = Vec::new();
        let next = loop {
            let limit = if page.all { MOST } else { left.min(MOST) };
            let query = Query(query.0.clone()).with("limit", Some(&limit)).with("cursor", cursor.as_ref());
            let path = [collection.path];
            let request = Request { query: &query.0, ..Request::new(Verb::Get, &path) };
            let Value::Object(mut body) = self.client.send(request).await?.body else {
                anyhow::bail!("the list is no object")
            };
            let Some(Value::Array(items)) = body.remove("items") else { anyhow::bail!("the list has no items") };
            let next = body.remove("next").and_then(|next| next.as_str().map(str::to_owned));
            left = left.saturating_sub(items.len());
            match (self.output.json(), page.all) {
                (true, true) => items.iter().try_for_each(line)?,
                (true, false) => collected.extend(items),
                (false, _) => table.rows(&items)?,
            }
            match next {
                Some(next) if page.all || left > 0 => cursor = Some(next),
                next => break next,
            }
        };
        match next {
            next if self.output.json() && !page.all => pretty(&json!({"items": collected, "next": next}))?,
            Some(next) => remark(&format!("There are more: --all, or --cursor {next}")),
            None => {}
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Reads one item.
    pub(super) async fn read(&self, collection: &Collection, id: &str) -> Result<Answer, RequestError> {
        self.client.send(Request::new(Verb::Get, &[collection.path, id])).await
    }

    /// Prints one item.
    pub(super) async fn show(&self, collection: &Collection, ItemArgs { id }: &ItemArgs) -> Outcome {
        self.output.record(&self.read(collection, id).await?.body)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Makes an item, and answers what it is.
    pub(super) async fn make(
        &self,
        collection: &Collection,
        members: Map<String, Value>,
        CreateArgs { idempotency_key }: &CreateArgs,
    ) -> Result<Value, RequestError> {
        let body = Value::Object(members);
        let (body, key) = (Some(&body), idempotency_key.as_deref());
        Ok(self.client.send(Request { body, key, ..Request::new(Verb::Post, &[collection.path]) }).await?.body)
    }

    /// Makes an item, and says so.
    pub(super) async fn create(
        &self,
        collection: &Collection,
        members: Map<String, Value>,
        args: &CreateArgs,
    ) -> Outcome {
        let made = self.make(collection, members, args).await?;
        self.output.done(&format!("created {} {}", collection.noun, text(&made, collection.key)), &made)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Changes an item as it is now, so that nobody else's change is lost.
    pub(super) async fn update(
        &self,
        collection: &Collection,
        id: &str,
        members: Map<String, Value>,
        UpdateArgs { if_match }: &UpdateArgs,
    ) -> Outcome {
        if members.is_empty() {
            return Err(Usage("there is nothing to change; --help shows what can be".to_owned()).into());
        }
        let etag = match if_match {
            Some(etag) => etag.clone(),
            None => self.read(collection, id).await?.etag.context("the server sent no ETag")?,
        };
        let body = Value::Object(members);
        let path = [collection.path, id];
        let request = Request { body: Some(&body), if_match: Some(&etag), ..Request::new(Verb::Patch, &path) };
        let changed = self.client.send(request).await?.body;
        let revision = changed.get("revision").map_or(String::new(), |revision| format!(" (revision {revision})"));
        self.output.done(&format!("updated {} {id}{revision}", collection.noun), &changed)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Removes items.
    pub(super) async fn delete(&self, collection: &Collection, DeleteArgs { items, force }: &DeleteArgs) -> Outcome {
        let action = Action::new("delete", "deleted");
        let options = force.then(|| Map::from_iter([("force".to_owned(), Value::Bool(true))]));
        self.act(collection, Action { options, ..action }, items).await
    }

    /// Has clients renew early (RFC 9773).
    pub(super) async fn renew(
        &self,
        collection: &Collection,
        RenewArgs { items, within, cancel }: &RenewArgs,
    ) -> Outcome {
        let past = if *cancel { "no longer renewing" } else { "renewing" };
        let options = match within {
            Some(within) => Map::from_iter([("within".to_owned(), Value::from(within.as_str()))]),
            None => Map::from_iter([("cancel".to_owned(), Value::from(*cancel))]),
        };
        self.act(collection, Action::new("renew", past).with(options), items).await
    }

    /// Does this to one item, or to many; then each has a line, and one that failed fails the command.
    pub(super) async fn act(&self, collection: &Collection, action: Action<'_>, items: &ItemsArgs) -> Outcome {
        let ids = items.read()?;
        let action = Action { if_match: items.if_match.as_deref(), ..action };
        let done = |id: &str| format!("{} {} {id}", action.past, collection.noun);
        if let [id] = ids.as_slice() {
            let answer = self.act_on_one(collection, &action, id).await?;
            if self.output.json() && answer.is_null() {
                return Ok(ExitCode::SUCCESS);
            }
            self.output.done(&done(id), &answer)?;
            return Ok(ExitCode::SUCCESS);
        }
        if action.if_match.is_some() {
            return Err(Usage("--if-match is about one item, and there are several".to_owned()).into());
        }
        let mut results = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(MOST) {
            let chunk = self.act_on_many(collection, &action, chunk).await?;
            for result in chunk.iter().filter(|_| !self.output.json()) {
                let item = text(result, "item");
                match problem(result) {
                    None => write(&format!("{}\n", done(&item)))?,
                    Some(problem) => remark(&format!("{item}: {problem}")),
                }
            }
            results.extend(chunk);
        }
        let failed = results.iter().filter(|result| problem(result).is_some()).count();
        if self.output.json() {
            pretty(&json!({"results": results}))?;
        }
        if failed > 0 {
            remark(&format!("{failed} of {} failed", ids.len()));
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn act_on_one(&self, collection: &Collection, action: &Action<'_>, id: &str) -> Result<Value, RequestError> {
        if action.verb == "delete" {
            let force: &[_] = if action.options.is_some() { &[("force", "true".to_owned())] } else { &[] };
            let if_match = Some(action.if_match.unwrap_or("*"));
            let path = [collection.path, id];
            let request = Request { query: force, if_match, ..Request::new(Verb::Delete, &path) };
            return Ok(self.client.send(request).await?.body);
        }
        let body = action.options.clone().map(Value::Object);
        let path = [collection.path, id, action.verb];
        let request = Request { body: body.as_ref(), if_match: action.if_match, ..Request::new(Verb::Post, &path) };
        Ok(self.client.send(request).await?.body)
    }

    async fn act_on_many(
        &self,
        collection: &Collection,
        action: &Action<'_>,
        ids: &[String],
    ) -> anyhow::Result<Vec<Value>> {
        if collection.bulk.contains(&action.verb) {
            let mut body = json!({"action": action.verb, "items": ids});
            if let Some(members) = body.as_object_mut() {
                members.extend(action.options.clone().unwrap_or_default());
            }
            let path = [collection.path, "bulk"];
            let answer = self.client.send(Request { body: Some(&body), ..Request::new(Verb::Post, &path) }).await?;
            return match answer.body.get("results") {
                Some(Value::Array(results)) => Ok(results.clone()),
                _ => anyhow::bail!("the server did not say what became of each"),
            };
        }
        let mut results = Vec::with_capacity(ids.len());
        for id in ids {
            results.push(match self.act_on_one(collection, action, id).await {
                Ok(_) => json!({"item": id, "status": 200}),
                Err(RequestError::Refused(problem)) => {
                    json!({"item": id, "status": problem.status, "problem": problem})
                }
                Err(other) => return Err(other.into()),
            });
        }
        Ok(results)
    }
}

impl ItemsArgs {
    /// This item alone.
    pub(super) fn one(id: String) -> Self {
        Self { ids: vec![id], if_match: None }
    }

    /// The items, those from standard input included.
    fn read(&self) -> anyhow::Result<Vec<String>> {
        let mut ids = Vec::with_capacity(self.ids.len());
        for id in &self.ids {
            if id == "-" {
                for line in io::stdin().lock().lines() {
                    let line = line.context("standard input")?;
                    ids.extend(Some(line.trim().to_owned()).filter(|id| !id.is_empty()));
                }
            } else {
                ids.push(id.clone());
            }
        }
        if ids.is_empty() {
            return Err(Usage("standard input named nothing".to_owned()).into());
        }
        Ok(ids)
    }
}

/// A member that is text.
pub(super) fn text(value: &Value, member: &str) -> String {
    value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What went wrong with one of many, if something did.
fn problem(result: &Value) -> Option<Problem> {
    let failed = result.get("status").and_then(Value::as_u64).is_some_and(|status| status >= 400);
    let problem = result.get("problem").and_then(|problem| serde_json::from_value(problem.clone()).ok());
    problem.or_else(|| failed.then(Problem::default))
}
