//! The templates of the web interface: what its policy forbids stands in none of them, and no form that writes goes without
//! the key that shows where it comes from.

use std::fs;
use std::path::{Path, PathBuf};

use super::{read, root};

/// The one form that is sent before there is a session.
const BEFORE: &str = "sign_in.html";

fn templates() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&root().join("src/ui/templates"), &mut found);
    assert!(found.len() > 10, "the templates are found: {found:?}");
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn no_script_and_no_style_stands_in_a_page() {
    let mut broken = Vec::new();
    for file in templates() {
        let text = read(&file).to_lowercase();
        let mut say = |what: &str| broken.push(format!("{}: {what}", file.display()));
        for tag in text.split('<').skip(1) {
            let tag = tag.split('>').next().unwrap_or_default();
            if tag.starts_with("style") {
                say("a style of its own");
            }
            if tag.starts_with("script") && !tag.contains(" src=") {
                say("a script of its own");
            }
            for attribute in tag.split_whitespace().skip(1) {
                if attribute.starts_with("style=") || (attribute.starts_with("on") && attribute.contains('=')) {
                    say(attribute);
                }
            }
            if tag.contains("javascript:") || tag.contains("=\"http") || tag.contains("=\"//") {
                say("something from elsewhere, or a script in a link");
            }
        }
    }
    assert!(broken.is_empty(), "the browser would refuse this:\n{}", broken.join("\n"));
}

#[test]
fn every_form_that_writes_carries_its_key() {
    let mut broken = Vec::new();
    for file in templates() {
        let text = read(&file);
        for form in text.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap_or_default();
            let writes = form.split('>').next().is_some_and(|tag| tag.contains("method=\"post\""));
            if writes && !form.contains("name=\"formKey\"") && !file.ends_with(BEFORE) {
                broken.push(file.display().to_string());
            }
        }
    }
    assert!(broken.is_empty(), "the guard would refuse these forms: {broken:?}");
}

#[test]
fn templates_stand_in_folders_of_the_rooms_that_show_them() {
    for file in templates() {
        let folder = file.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("a folder");
        if folder != "templates" {
            let rooms = root().join("src/ui");
            let there = rooms.join(format!("{folder}.rs")).is_file() || rooms.join(folder).is_dir();
            assert!(there, "src/ui has no room {folder:?} for {}", file.display());
        }
    }
}
