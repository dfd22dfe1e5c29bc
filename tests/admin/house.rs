//! A server of a test's own, and its operators.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::admin::Admin;
use crate::support::server::Server;

/// A server that lives as long as its test.
pub(crate) struct House {
    server: Option<Server>,
    folder: TempDir,
}

impl House {
    /// A server with all its defaults.
    pub(crate) fn open() -> Self {
        Self::with("")
    }

    /// A server with this configuration.
    pub(crate) fn with(configuration: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        fs::write(folder.path().join("chancery.toml"), configuration).expect("the file can be written");
        let mut house = Self { server: None, folder };
        house.start();
        house
    }

    /// Starts it on the data of before.
    pub(crate) fn start(&mut self) {
        self.server = Some(Server::configured(&self.data(), &self.path("chancery.toml")));
    }

    /// Stops it as an operator does.
    pub(crate) fn stop(&mut self) {
        assert!(self.server.take().expect("it runs").stop().success(), "it ends cleanly");
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        self.server.take().expect("it runs").kill();
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// A file beside its data.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The administrator who has the first token.
    pub(crate) fn admin(&self) -> Admin {
        Admin::of(self.server())
    }

    /// Somebody with a new token of this role.
    pub(crate) fn operator(&self, role: &str) -> Admin {
        let made =
            self.admin().post("/tokens", &json!({"name": format!("an {role}"), "role": role})).expect(201).json();
        Admin::with_token(self.server(), text(&made["secret"]))
    }
}

/// What the audit log says: who, what and to what, from the first entry on; proven to be whole.
pub(crate) fn log(admin: &Admin) -> Vec<(String, String, String)> {
    let verified = admin.get("/audit/verify").expect(200).json();
    assert_eq!(verified["intact"], true, "{verified}");
    let listed = admin.get("/audit?limit=1000&sort=created").expect(200).json();
    let entries = listed["items"].as_array().expect("a list").iter();
    entries
        .map(|entry| (text(&entry["who"]).into(), text(&entry["action"]).into(), text(&entry["object"]).into()))
        .collect()
}

/// What was done to what, by others than the server itself.
pub(crate) fn deeds(admin: &Admin) -> Vec<String> {
    let entries = log(admin).into_iter().filter(|(who, _, _)| who != "system");
    entries.map(|(_, action, object)| format!("{action} {object}")).collect()
}

/// A member that has to be text.
#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// The names of the items of a list.
pub(crate) fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().expect("a list").iter().map(|item| text(&item["name"])).collect()
}
