//! Clients that are libraries of another language: a script of ours has them do what a test asks for.

use std::path::Path;
use std::process::Command;

use crate::lab::Lab;
use crate::matrix::{Trial, modules};
use crate::support::process::command;

/// The script's command for a scenario, with its surroundings. Certificates come into the lab's folder.
pub(crate) fn scenario(trial: &Trial, lab: &Lab, script: &str, name: &str) -> Command {
    let mut command = command(trial.program());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script)).arg(name);
    surrounded(command, lab)
}

/// A command that is told of its surroundings.
pub(crate) fn surrounded(mut command: Command, lab: &Lab) -> Command {
    command
        .env("NODE_PATH", modules())
        .env("NODE_EXTRA_CA_CERTS", lab.root())
        .env("ROOT", lab.root())
        .env("REQUESTS_CA_BUNDLE", lab.root())
        .env("DIRECTORY", lab.directory())
        .env("WEBROOT", lab.web().folder())
        .env("CHALLENGES", lab.web().challenges())
        .env("DNS", lab.dns_control())
        .env("FOLDER", lab.path(""));
    command
}
