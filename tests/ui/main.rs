//! The web interface as an operator meets it: a real Chromium before the real server. `browser/walk.js` says what is done
//! there, and `browser/lists.js` in lists; each test here sets the scene for one of its scenarios.

#[path = "../support/acme.rs"]
mod client;
#[path = "../support/dns.rs"]
mod dns;
#[path = "../support/dns_control.rs"]
mod dns_control;
#[path = "../admin/house.rs"]
#[allow(dead_code, reason = "the tests of the API use all of it")]
mod house;
#[path = "../support/jws.rs"]
mod jws;
#[path = "../interop/lab.rs"]
#[allow(dead_code, reason = "the clients use all of it")]
mod lab;
mod scene;
mod sessions;
#[path = "../support/mod.rs"]
mod support;

use house::House;
use lab::Lab;
use scene::{Browser, Clients, certbot};
use support::process::free_port;

#[test]
fn signing_in_and_out() {
    let Some(browser) = Browser::find() else { return };
    let lab = Lab::new();
    browser.walk(&lab, "signing_in_and_out");
}

#[test]
fn profiles_are_bound_in_both_ways() {
    let Some(browser) = Browser::find() else { return };
    let lab = Lab::new();
    browser.walk(&lab, "profiles_are_bound_in_both_ways");
    browser.walk(&lab, "changes_do_not_overwrite_each_other");
    browser.walk(&lab, "secrets_are_shown_once");
}

#[test]
fn certbot_obtains_a_certificate_while_its_order_is_watched() {
    let (Some(browser), Some(certbot)) = (Browser::find(), certbot()) else { return };
    let lab = Lab::new();
    let hook = lab.script(
        "hook",
        r#"until [ -e "$WATCHED" ]; do sleep 0.1; done; printf %s "$CERTBOT_VALIDATION" >"$CHALLENGES/$CERTBOT_TOKEN""#,
    );
    let client = certbot
        .certonly(&lab, "watched.test")
        .args(["--manual", "--preferred-challenges", "http", "--manual-auth-hook"])
        .arg(&hook)
        .env("WATCHED", lab.path("watched"))
        .spawn();
    let mut client = client.expect("certbot starts");
    browser.walk(&lab, "an_order_is_watched");
    assert!(client.wait().expect("certbot ends").success(), "certbot has its certificate");
}

#[test]
fn an_order_is_followed_by_more_pages_than_a_browser_has_connections() {
    let Some(browser) = Browser::find() else { return };
    let lab = Lab::new();
    scene::half_proven(&lab, ["proven.test", "open.test"]);
    browser.walk(&lab, "many_pages_follow_an_order");
}

#[test]
fn a_page_that_cannot_follow_its_order_any_more_says_so() {
    let Some(browser) = Browser::find() else { return };
    let lab = Lab::new();
    scene::half_proven(&lab, ["proven.test", "open.test"]);
    browser.walk(&lab, "a_session_ends_while_an_order_is_followed");
    scene::half_proven(&lab, ["proven.test", "open.test"]);
    browser.walk(&lab, "the_connection_is_lost_and_comes_back");
}

#[test]
fn a_failing_order_is_understood_from_its_page() {
    let Some(browser) = Browser::find() else { return };
    let port = free_port();
    let lab = Lab::with_http_port(port);
    let clients = Clients::of(&lab);
    clients.fail("failing.test");
    browser.walk_with(&lab, "a_failing_order_is_understood", &[("CLOSED_PORT", &port.to_string())]);
}

#[test]
fn an_account_is_revoked_with_its_certificates() {
    let Some(browser) = Browser::find() else { return };
    let lab = Lab::new();
    let clients = Clients::of(&lab);
    let account = clients.register();
    browser.walk(&lab, "an_account_is_revoked");
    account.read(&account.kid).expect_problem(401, "unauthorized");
}

#[test]
fn many_are_changed_at_once() {
    let Some(browser) = Browser::find() else { return };
    let lab = Lab::new();
    let clients = Clients::of(&lab);
    for _ in 0..3 {
        clients.register();
    }
    browser.walk(&lab, "bulk_actions");
}

#[test]
fn lists_keep_their_filter_and_page() {
    let Some(browser) = Browser::find() else { return };
    let lab = Lab::new();
    let clients = Clients::of(&lab);
    clients.register_many(60);
    let account = clients.register();
    account.order(&["waits.corp.test"]);
    clients.fail("over.corp.test");
    browser.walk(&lab, "lists_keep_their_filter_and_page");
}

#[test]
fn refusals_lead_on() {
    let Some(browser) = Browser::find() else { return };
    let lab = Lab::new();
    Clients::of(&lab).register();
    browser.walk(&lab, "refusals_lead_on");
}

#[test]
fn filters_are_refused_at_their_fields() {
    let Some(browser) = Browser::find() else { return };
    let lab = Lab::new();
    browser.walk(&lab, "filters_are_refused_at_their_fields");
}

#[test]
fn an_auditor_sees_everything_and_changes_nothing() {
    let Some(browser) = Browser::find() else { return };
    let lab = Lab::new();
    let clients = Clients::of(&lab);
    clients.register().order(&["waits.corp.test"]);
    browser.walk(&lab, "an_auditor_looks_only");
}

#[test]
fn forms_of_others_are_refused() {
    let Some(browser) = Browser::find() else { return };
    let lab = Lab::new();
    Clients::of(&lab).register();
    browser.walk(&lab, "forms_of_others_are_refused");
}

#[test]
fn sessions_end_by_rest_and_with_their_token() {
    let Some(browser) = Browser::find() else { return };
    let house = House::with("[admin]\nsession_idle = \"3s\"\n");
    browser.walk_at(house.server(), &house.path(""), "sessions_end", &[]);
}

#[test]
fn every_page_is_sound_light_and_usable_without_mouse_and_script() {
    let (Some(browser), Some(certbot)) = (Browser::find(), certbot()) else { return };
    let lab = Lab::new();
    scene::full(&lab, &certbot);
    browser.walk(&lab, "every_page_is_sound");
    scene::many(&lab);
    browser.walk(&lab, "pages_are_light");
    browser.walk(&lab, "the_keyboard_suffices");
    browser.walk(&lab, "a_certificate_is_found_and_revoked");
}

/// Writes the pictures of docs/WEB.md anew: `cargo test --test ui pictures -- --ignored`.
#[test]
#[ignore = "it checks nothing: it takes the pictures of docs/WEB.md"]
fn pictures() {
    let (Some(browser), Some(certbot)) = (Browser::find(), certbot()) else { return };
    let lab = Lab::new();
    scene::full(&lab, &certbot);
    scene::busy(&lab);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/web");
    std::fs::create_dir_all(folder).expect("the folder can be made");
    browser.walk_with(&lab, "pictures", &[("PICTURES", folder)]);
}
