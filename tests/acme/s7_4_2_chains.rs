//! RFC 8555 section 7.4.2: alternate chains, which operators add to an authority.

use serde_json::{Value, json};

use crate::client::{Endpoint, text};
use crate::house::{csr, finalize, house, name, ready};
use crate::profiles::Profiles;
use crate::support::crossing::Crossing;
use crate::support::https::Response;

/// An authority of the test's own, its profiles, and another root that certifies it too.
fn crossed(label: &str) -> (String, Profiles, Crossing) {
    let authority = json!({"name": format!("{label} CA"), "rootName": format!("{label} Root"), "algorithm": "p256"});
    let made = house().admin().post("/authorities", &authority).expect(201).json();
    let id = text(&made, "id").to_owned();
    let folder = house().file("chain");
    let crossing = Crossing::new(&folder, &format!("{label} Old Root"), text(&made, "certificate"), 20);
    let profiles = Profiles::ra(&json!({"authority": id}));
    (id, profiles, crossing)
}

fn add(authority: &str, pem: &str) -> Response {
    house().admin().post(&format!("/authorities/{authority}/addChain"), &json!({"certificates": pem}))
}

fn remove(authority: &str, chain: &str) -> Response {
    house().admin().post(&format!("/authorities/{authority}/removeChain"), &json!({"id": chain}))
}

fn refused(authority: &str, pem: &str) -> String {
    let refused = add(authority, pem).expect_refusal(422, "invalid").json();
    assert!(refused.to_string().contains("\"certificates\""), "the field at fault is named: {refused}");
    refused.to_string()
}

/// A certificate of a new account: its URL, and the account's way to read.
fn with_certificate(endpoint: &Endpoint, test: impl Fn(&str, &dyn Fn(&str) -> Response)) {
    let account = endpoint.register("ES256");
    let host = name("chains");
    let (url, order) = ready(&account, &[&host]);
    let key = rcgen::KeyPair::generate().expect("a key is made");
    let order = finalize(&account, &url, &order, &csr(&[&host], &key));
    test(text(&order, "certificate"), &|url| account.read(url));
}

#[test]
fn s7_4_2_each_chain_has_a_url_of_its_own_that_links_the_others() {
    let (authority, profiles, crossing) = crossed("Alternate");
    for (endpoint, second) in [(profiles.endpoint(), "Second A"), (profiles.activated(), "Second B")] {
        with_certificate(&endpoint, |main, read| {
            let before = read(main).expect(200);
            assert_eq!(before.links("alternate"), [""; 0], "there is one chain");

            let view = add(&authority, &format!("{}{}", crossing.crossed, crossing.root_pem())).expect(200).json();
            let chain = text(&view["chains"][0], "id").to_owned();
            assert_eq!(view["chains"][0]["issuer"], format!("CN={}", crossing.name), "{view}");
            let after = read(main).expect(200);
            assert_eq!(after.body, before.body, "the URL gives the chain that it gave");
            let links = after.links("alternate");
            let [alternate] = links.as_slice() else { panic!("one: {after:?}") };
            let downloaded = read(alternate).expect(200);
            assert_eq!(downloaded.header("Content-Type"), Some("application/pem-certificate-chain"));
            assert_eq!(downloaded.links("alternate"), [main], "and it links back");
            let (this, that) = (downloaded.text(), before.text());
            assert_eq!(this.split("-----END").next(), that.split("-----END").next(), "of the same certificate");
            assert!(crossing.trusts(this) && !crossing.trusts(that), "each leads to its own root");
            assert_eq!(this.matches("BEGIN").count(), 2, "without the root: {this}");

            // One more: every URL links all others.
            let other = Crossing::new(&house().file("chain"), second, text(&view, "certificate"), 20);
            let view = add(&authority, &other.crossed).expect(200).json();
            assert_eq!(read(main).links("alternate").len(), 2);
            let links = downloaded_links(&read(alternate));
            assert!(links.len() == 2 && links.contains(&main.to_owned()), "{links:?}");

            // What is removed is gone, and is the same again if it comes back.
            for chain in view["chains"].as_array().expect("a list") {
                remove(&authority, text(chain, "id")).expect(200);
                remove(&authority, text(chain, "id")).expect_refusal(404, "absent");
            }
            read(alternate).expect_problem(404, "malformed");
            assert_eq!(read(main).links("alternate"), [""; 0]);
            add(&authority, &crossing.crossed).expect(200);
            assert_eq!(read(alternate).expect(200).body, downloaded.body, "a URL of a chain is immutable");
            remove(&authority, &chain).expect(200);
        });
    }
}

fn downloaded_links(response: &Response) -> Vec<String> {
    response.links("alternate").into_iter().map(str::to_owned).collect()
}

#[test]
fn s7_4_2_an_alternate_is_for_who_has_the_certificate() {
    let (authority, profiles, crossing) = crossed("Alternate Owner");
    add(&authority, &crossing.crossed).expect(200);
    let endpoint = profiles.endpoint();
    let stranger = endpoint.register("ES256");
    with_certificate(&endpoint, |main, read| {
        let response = read(main);
        let alternate = response.links("alternate")[0];
        for url in [main, alternate] {
            stranger.read(url).expect_problem(403, "unauthorized");
            endpoint.send("GET", url, &[], b"").expect_problem(405, "malformed");
        }
        read(&format!("{main}/none")).expect_problem(404, "malformed");
    });
}

#[test]
fn what_is_no_chain_of_the_authority_is_not_added() {
    let (authority, _, crossing) = crossed("Alternate Bad");
    let (_, _, foreign) = crossed("Alternate Foreign");
    let root = crossing.root_pem();
    assert!(refused(&authority, "").contains("PEM"));
    assert!(refused(&authority, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").contains("read"));
    assert!(refused(&authority, &foreign.crossed).contains("name"), "another authority's");
    assert!(refused(&authority, &root).contains("name"), "it begins with the root");
    let wrong_link = format!("{}{}", crossing.crossed, foreign.root_pem());
    assert!(refused(&authority, &wrong_link).contains("signed"));
    let twice = format!("{0}{0}", crossing.crossed);
    assert!(refused(&authority, &twice).contains("certificate"), "nothing stands in it twice");
    assert!(refused(&authority, &crossing.crossed.repeat(9)).contains("long"));
    // Of the same name, but of another key.
    let made = house().admin().get(&format!("/authorities/{authority}")).expect(200).json();
    let own = text(&made, "certificate").to_owned();
    assert!(refused(&authority, &own).contains("already"), "the chain that it has");
    let impostor = Crossing::new(&house().file("chain"), "Alternate Bad CA", &own, 20).root_pem();
    assert!(refused(&authority, &impostor).contains("key"), "another key under the same name");
    add(&authority, &crossing.crossed).expect(200);
    assert!(refused(&authority, &crossing.crossed).contains("already"));
    assert!(
        refused(&authority, &format!("{}{root}", crossing.crossed)).contains("already"),
        "the root is no part of it"
    );
    let root_authority = text(&made, "parent");
    assert!(refused(root_authority, &crossing.crossed).contains("root"));
    // All of it is in the log, with whom and what.
    let log = house().admin().get(&format!("/audit?object=authority/{authority}")).expect(200).json();
    let actions: Vec<&Value> = log["items"].as_array().expect("a list").iter().map(|entry| &entry["action"]).collect();
    assert!(actions.contains(&&json!("addChain")), "{log}");
}
