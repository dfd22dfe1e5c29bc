//! What `serve` prints once it answers.

use std::fs;

use crate::folder;
use crate::manage::Desk;
use crate::support::server::Server;

#[test]
fn the_first_endpoint_that_answers_is_shown() {
    let folder = folder();
    let config = folder.path().join("chancery.toml");
    fs::write(&config, "").expect("the file can be written");
    let data = folder.path().join("data");
    let start = || Server::configured(&data, &config);
    let restart = |desk: Desk| {
        assert!(desk.server.stop().success());
        Desk::at(start(), desk.folder)
    };
    let shows = |desk: &Desk, path: &str| assert_eq!(desk.server.directory(), format!("{}{path}", desk.origin()));
    let mut desk = Desk::at(start(), folder);
    shows(&desk, "/acme/default/directory");

    desk.says(&["profile", "create", "another", "--ra-profile", "default"]);
    desk = restart(desk);
    shows(&desk, "/acme/default/directory");
    desk.says(&["profile", "disable", "default"]);
    desk = restart(desk);
    shows(&desk, "/acme/another/directory");
    desk.says(&["ra-profile", "create", "lab", "--acme-profile", "another"]);
    desk.says(&["ra-profile", "disable", "default"]);
    desk = restart(desk);
    shows(&desk, "/acme/raProfile/lab/directory");
    desk.says(&["ra-profile", "disable", "lab"]);
    desk = restart(desk);
    let said = desk.server.directory();
    assert!(said.starts_with("no endpoint answers") && said.contains("chancery profile create"), "{said}");
}
