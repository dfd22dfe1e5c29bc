//! The commands that speak to a running server, against one: what they print, what they change, and how they end.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::process::{finish, run};
use crate::support::server::Server;
use crate::{chancery, folder, options, text};

mod apply;
mod connection;
mod objects;
mod profiles;

/// A server of one test, and an operator at it.
pub(crate) struct Desk {
    pub(crate) server: Server,
    token: String,
    pub(crate) folder: TempDir,
}

impl Desk {
    fn open() -> Self {
        let folder = folder();
        let server = Server::start(&options(folder.path().join("data")));
        Self::at(server, folder)
    }

    /// At a server whose data lies in this folder.
    pub(crate) fn at(server: Server, folder: TempDir) -> Self {
        Self { token: server.token(), server, folder }
    }

    pub(crate) fn origin(&self) -> &str {
        self.server.directory().split("/acme/").next().unwrap_or_default()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A command of an administrator, who stands in a directory without anything.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = chancery();
        command.args(arguments).current_dir(self.path());
        command.env("CHANCERY_URL", self.origin()).env("CHANCERY_CA", self.server.root());
        command.env("CHANCERY_TOKEN", &self.token);
        command
    }

    /// What it prints, if it succeeds.
    #[track_caller]
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        text(&run(&mut self.command(arguments)))
    }

    /// The JSON that it prints.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let said = self.says(&[arguments, &["--output", "json"]].concat());
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"))
    }

    /// What it says on standard error when it fails, with this exit code.
    #[track_caller]
    fn fails(&self, code: i32, arguments: &[&str]) -> String {
        failed(code, &mut self.command(arguments))
    }

    /// A file in the directory where the operator stands.
    fn file(&self, name: &str, contents: &str) -> String {
        let path = self.path().join(name);
        fs::write(&path, contents).expect("the file can be written");
        path.display().to_string()
    }
}

/// What a command says on standard error when it fails, with this exit code.
#[track_caller]
fn failed(code: i32, command: &mut Command) -> String {
    let Output { status, stdout, stderr } = finish(command);
    let said = text(&stderr);
    assert_eq!(status.code(), Some(code), "{command:?}: {said}{}", text(&stdout));
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// The words of each line.
fn rows(table: &str) -> Vec<Vec<&str>> {
    table.lines().map(|line| line.split_whitespace().collect()).collect()
}
