//! RFC 8555 section 7.1: the directory, the links between resources, and lists of orders.

use std::collections::HashSet;

use serde_json::json;

use super::endpoint;
use crate::client::{Account, text};
use crate::house::name;

#[test]
fn s7_1_1_the_directory_names_the_resources_of_its_endpoint() {
    for profile in ["default", "terms"] {
        let endpoint = endpoint(profile);
        let base = endpoint.directory_url().trim_end_matches("directory");
        let mut urls = HashSet::new();
        for resource in ["newNonce", "newAccount", "newOrder", "newAuthz", "revokeCert", "keyChange"] {
            let url = endpoint.url(resource);
            assert!(url.starts_with(base), "{resource}: {url}");
            assert!(urls.insert(url), "{url}");
        }
    }
}

#[test]
fn s7_1_1_meta_says_what_is_configured_and_nothing_else() {
    let meta = endpoint("terms").directory()["meta"].clone();
    assert_eq!(meta["termsOfService"], "https://acme.test/terms/1");
    assert_eq!(meta["website"], "https://acme.test/");
    assert_eq!(meta["caaIdentities"], json!(["acme.test"]));
    let plain = endpoint("default").directory()["meta"].clone();
    for absent in ["termsOfService", "website", "caaIdentities"] {
        assert!(plain.get(absent).is_none(), "{plain}");
    }
    assert_ne!(plain["externalAccountRequired"], true);
}

#[test]
fn s7_1_1_the_directory_is_json_and_head_works_too() {
    let endpoint = endpoint("default");
    let response = endpoint.send("GET", endpoint.directory_url(), &[], b"").expect(200);
    assert!(response.header("Content-Type").is_some_and(|media| media.starts_with("application/json")));
    endpoint.send("HEAD", endpoint.directory_url(), &[], b"").expect(200);
}

#[test]
fn s7_1_link_index_on_everything_but_the_directory() {
    // Every other response of this target is looked at by the client; here are those that it seldom asks for.
    let endpoint = endpoint("default");
    let index = endpoint.directory_url();
    assert!(endpoint.send("GET", index, &[], b"").links("index").is_empty());
    for method in ["GET", "HEAD", "PUT", "OPTIONS"] {
        assert_eq!(endpoint.send(method, endpoint.url("newNonce"), &[], b"").links("index"), [index], "{method}");
        assert_eq!(endpoint.send(method, endpoint.url("newOrder"), &[], b"").links("index"), [index], "{method}");
    }
}

#[test]
fn s7_1_2_the_account_object_has_status_contact_and_orders() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let object = account.read(&account.kid).expect(200).json();
    assert_eq!(object["status"], "valid");
    assert_eq!(object["contact"], json!(["mailto:operator@acme.test"]));
    let orders = text(&object, "orders");
    assert!(orders.starts_with(&account.kid), "{object}");
    assert_eq!(account.read(orders).expect(200).json(), json!({"orders": []}));
    assert!(object.get("externalAccountBinding").is_none());
}

#[test]
fn s7_1_2_1_a_new_account_has_an_empty_list_of_orders() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let response = account.read(&orders_url(&account)).expect(200);
    assert_eq!(response.json(), json!({"orders": []}));
    assert!(response.links("next").is_empty());
}

#[test]
fn s7_1_2_1_the_list_of_orders_comes_in_pages_without_gaps_and_repetitions() {
    let endpoint = endpoint("default");
    let account = endpoint.register("EdDSA");
    let host = name("pages");
    let placed: HashSet<String> = (0..103).map(|_| account.order(&[&host]).0).collect();
    assert_eq!(placed.len(), 103);
    let mut listed = Vec::new();
    let mut sizes = Vec::new();
    let mut url = orders_url(&account);
    loop {
        let response = account.read(&url).expect(200);
        let page: Vec<String> = serde_json::from_value(response.json()["orders"].clone()).expect("a list of URLs");
        sizes.push(page.len());
        listed.extend(page);
        match response.links("next").as_slice() {
            [] => break,
            [next] => url = (*next).to_owned(),
            several => panic!("one next page: {several:?}"),
        }
    }
    assert_eq!(sizes, [50, 50, 3]);
    assert_eq!(listed.len(), 103);
    assert_eq!(listed.into_iter().collect::<HashSet<_>>(), placed);
}

#[test]
fn s7_1_2_1_a_last_page_that_is_full_has_no_next() {
    let endpoint = endpoint("default");
    let account = endpoint.register("EdDSA");
    let host = name("page");
    for _ in 0..50 {
        account.order(&[&host]);
    }
    let response = account.read(&orders_url(&account)).expect(200);
    assert_eq!(response.json()["orders"].as_array().map(Vec::len), Some(50));
    // Either there is no next page, or it is there and empty: nobody is led in a circle.
    for next in response.links("next") {
        let last = account.read(next).expect(200);
        assert_eq!(last.json(), json!({"orders": []}));
        assert!(last.links("next").is_empty());
    }
}

#[test]
fn s7_1_2_1_invalid_orders_leave_the_list() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (kept, _) = account.order(&[&name("kept")]);
    let (lost, order) = account.order(&[&name("lost")]);
    let authorization = order["authorizations"][0].as_str().expect("a URL");
    account.post(authorization, &json!({"status": "deactivated"})).expect(200);
    account.await_status(&lost, "invalid");
    assert_eq!(account.read(&orders_url(&account)).expect(200).json(), json!({"orders": [kept]}));
}

#[test]
fn s7_1_2_1_pending_ready_and_valid_orders_are_in_the_list() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let (pending, _) = account.order(&[&name("pending")]);
    let (ready, _) = crate::house::ready(&account, &[&name("ready")]);
    let host = name("valid");
    let (valid, order) = crate::house::ready(&account, &[&host]);
    let key = rcgen::KeyPair::generate().expect("a key is made");
    crate::house::finalize(&account, &valid, &order, &crate::house::csr(&[&host], &key));
    let listed: HashSet<String> =
        serde_json::from_value(account.read(&orders_url(&account)).expect(200).json()["orders"].clone()).expect("URLs");
    assert_eq!(listed, HashSet::from([pending, ready, valid]));
}

#[test]
fn s7_1_2_1_a_cursor_that_is_none_is_malformed() {
    let endpoint = endpoint("default");
    let account = endpoint.register("ES256");
    let orders = orders_url(&account);
    for query in ["cursor=", "cursor=x", "cursor=%00", "cursor=a&cursor=b", "cursor=%ff"] {
        account.read(&format!("{orders}?{query}")).expect_problem(400, "malformed");
    }
}

fn orders_url(account: &Account<'_>) -> String {
    text(&account.read(&account.kid).expect(200).json(), "orders").to_owned()
}
