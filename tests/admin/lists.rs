//! Every filter and every order that the description names, at every list: what is wanted is there, and what is not wanted
//! is not.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Account, Endpoint, text};
use crate::clients::{csr, finalize, house, name, ready};
use crate::described::{operations, words};
use crate::desk::{account_id, admin, all, auditor, id, with_role};
use crate::eab::bind;

/// Two things of one list, which every filter tells from each other.
struct Two {
    /// The one that was made first, and that comes first by name.
    first: Value,
    /// The one that was made in a later second.
    second: Value,
}

#[test]
fn every_filter_and_every_order_of_every_list() {
    let world = World::make();
    let operations = operations(auditor());
    let lists = operations.iter().filter(|operation| operation.query.iter().any(|(name, _)| name == "cursor"));
    let mut tried = 0;
    for list in lists {
        let two = world.two(&list.path);
        let key = key(&list.path);
        for (parameter, schema) in &list.query {
            match parameter.as_str() {
                "limit" | "cursor" => {}
                "sort" => {
                    let orders = words(schema);
                    assert!(orders.len() >= 2, "{} sorts by {schema}", list.id);
                    for order in orders {
                        let listed = all(&format!("{}?sort={order}", list.path), key, 1000);
                        let place = |one: &Value| listed.iter().position(|found| *found == plain(&one[key]));
                        let (first, second) = (place(&two.first), place(&two.second));
                        let first_first = match order.trim_start_matches('-') {
                            "created" | "name" => !order.starts_with('-'),
                            // What was issued later ends earlier.
                            "expires" => order.starts_with('-'),
                            other => panic!("{} by {other} is not tried", list.id),
                        };
                        assert!(first.is_some() && second.is_some(), "{} by {order}", list.id);
                        assert_eq!(first < second, first_first, "{} by {order}: {listed:?}", list.id);
                        tried += 1;
                    }
                }
                filter => {
                    let (value, keeps_first) = world.filter(&list.path, filter);
                    let value = url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>();
                    let listed = all(&format!("{}?{filter}={value}", list.path), key, 1000);
                    let there = |one: &Value| listed.contains(&plain(&one[key]));
                    let expected = (keeps_first, !keeps_first);
                    assert_eq!((there(&two.first), there(&two.second)), expected, "{} by {filter}={value}", list.id);
                    tried += 1;
                }
            }
        }
    }
    assert!(tried >= 45, "{tried}");
}

/// The member that names an item.
fn key(list: &str) -> &'static str {
    match list {
        "/acmeProfiles" | "/raProfiles" => "name",
        "/eabCredentials" => "keyId",
        "/audit" => "number",
        _ => "id",
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Two of everything.
struct World {
    acme_profiles: Two,
    ra_profiles: Two,
    authorities: Two,
    credentials: Two,
    accounts: Two,
    orders: Two,
    authorizations: Two,
    certificates: Two,
    entries: Two,
}

/// What one client has.
struct Client {
    account: Value,
    open: Value,
    issued: Value,
    authorization: Value,
    certificate: Value,
}

impl World {
    fn make() -> Self {
        let api = admin();
        let made = |path: &str, body: Value| api.post(path, &body).expect(201).json();
        let authority = |label: &str| {
            let (name, root) = (name(label), name("root"));
            made("/authorities", json!({"name": name, "rootName": root, "algorithm": "p256"}))
        };
        let (a, b) = (name("a-list"), name("b-list"));
        let (authority_a, authority_b) = (authority("issuing"), authority("issuing"));
        made("/raProfiles", json!({"name": a, "authority": authority_a["id"]}));
        made("/raProfiles", json!({"name": b, "authority": authority_b["id"], "validity": "30d"}));
        let mut settings = house().network();
        for profile in [&a, &b] {
            (settings["name"], settings["defaultRaProfile"]) = (json!(profile), json!(profile));
            made("/acmeProfiles", settings.clone());
            let activate = format!("/raProfiles/{profile}/activate");
            api.post(&activate, &json!({"acmeProfile": profile})).expect(200);
        }
        let credential_a = made("/eabCredentials", json!({}));
        let first = Client::come(&format!("raProfile/{a}"), &credential_a, "one");
        // Whatever is dated by seconds from here on is dated later.
        sleep(Duration::from_millis(1100));
        let credential_b = made("/eabCredentials", json!({}));
        let second = Client::come(&b, &credential_b, "two");

        // What the filters by status tell from each other.
        let other = with_role("operator");
        let act = |what: &str, named: &Value, action: &str| {
            other.post(&format!("/{what}/{}/{action}", plain(named)), &json!({})).expect(200).json()
        };
        let disabled =
            |what: &str, named: &Value| admin().post(&format!("/{what}/{}/disable", plain(named)), &json!({}));
        act("eabCredentials", &credential_b["keyId"], "revoke");
        act("certificates", &second.certificate["id"], "revoke");
        act("authorizations", &second.authorization["id"], "revoke");
        act("acmeAccounts", &second.account["id"], "revoke");
        act("acmeAccounts", &first.account["id"], "disable");
        for (what, named) in
            [("acmeProfiles", &json!(b)), ("raProfiles", &json!(b)), ("authorities", &authority_b["id"])]
        {
            disabled(what, named).expect(200);
        }
        let log = |object: String| crate::desk::log_of(&object).last().expect("an entry").clone();
        Self {
            acme_profiles: Two { first: json!({"name": a}), second: json!({"name": b}) },
            ra_profiles: Two { first: json!({"name": a}), second: json!({"name": b}) },
            entries: Two {
                first: crate::desk::log_of(&format!("eabCredential/{}", text(&credential_a, "keyId")))[0].clone(),
                second: log(format!("acmeAccount/{}", text(&first.account, "id"))),
            },
            authorities: Two { first: authority_a, second: authority_b },
            credentials: Two { first: credential_a, second: credential_b },
            accounts: Two { first: first.account, second: second.account },
            orders: Two { first: first.open, second: second.issued },
            authorizations: Two { first: first.authorization, second: second.authorization },
            certificates: Two { first: first.certificate, second: second.certificate },
        }
    }

    fn two(&self, list: &str) -> &Two {
        match list {
            "/acmeProfiles" => &self.acme_profiles,
            "/raProfiles" => &self.ra_profiles,
            "/authorities" => &self.authorities,
            "/eabCredentials" => &self.credentials,
            "/acmeAccounts" => &self.accounts,
            "/orders" => &self.orders,
            "/authorizations" => &self.authorizations,
            "/certificates" => &self.certificates,
            "/audit" => &self.entries,
            // It has neither filters nor orders.
            "/tokens" => &self.credentials,
            other => panic!("{other} is not tried"),
        }
    }

    /// A value of a filter that leaves one of the two, and whether that is the first.
    fn filter(&self, list: &str, filter: &str) -> (String, bool) {
        let Two { first, second } = self.two(list);
        let said = |member: &str| (plain(&first[member]), true);
        match (list, filter) {
            ("/acmeProfiles" | "/raProfiles" | "/authorities", "enabled") => ("true".to_owned(), true),
            ("/acmeAccounts", "enabled") => ("false".to_owned(), true),
            ("/acmeProfiles", "defaultRaProfile") | ("/raProfiles", "acmeProfile") => said("name"),
            ("/raProfiles", "authority") => (plain(&self.authorities.first["id"]), true),
            ("/orders" | "/authorizations", "status") => ("pending".to_owned(), true),
            (_, "status") => ("valid".to_owned(), true),
            ("/acmeAccounts", "acmeProfile" | "raProfile") => said(filter),
            ("/orders", "acmeProfile" | "raProfile") | ("/certificates", "raProfile") => {
                (plain(&first[filter]["name"]), true)
            }
            ("/acmeAccounts", "eabCredential") => (plain(&first["externalAccount"]["keyId"]), true),
            ("/acmeAccounts", "contact") => (plain(&first["contacts"][0]), true),
            ("/orders", "name") => (plain(&first["identifiers"][0]["value"]), true),
            ("/authorizations", "name") => (plain(&first["identifier"]["value"]), true),
            ("/certificates", "name") => (plain(&first["subjects"][0]), true),
            ("/certificates", "authority") => (plain(&first["authority"]["id"]), true),
            ("/certificates", "expiresFrom") => (plain(&first["notAfter"]), true),
            ("/certificates", "expiresTo") => (plain(&first["notAfter"]), false),
            (_, "createdFrom") => (plain(&second["created"]), false),
            (_, "createdTo") => (plain(&second["created"]), true),
            ("/audit", "from") => (plain(&second["at"]), false),
            ("/audit", "to") => (plain(&second["at"]), true),
            ("/acmeAccounts", "thumbprint")
            | ("/orders" | "/authorizations", "account")
            | ("/certificates", "account" | "order" | "serial" | "fingerprint")
            | ("/audit", "object" | "who" | "action") => said(filter),
            other => panic!("{other:?} is not tried"),
        }
    }
}

impl Client {
    /// A client of this endpoint with an open order and one that led to a certificate.
    fn come(endpoint: &str, credential: &Value, label: &str) -> Self {
        let endpoint = Endpoint::open(&format!("{}/{endpoint}/directory", house().acme()), &house().root());
        let account = bind(&endpoint, credential);
        let contact = format!("mailto:{}", name(label).replacen('.', "@", 1));
        account.post(&account.kid, &json!({"contact": [contact]})).expect(200);
        let (open, object) = account.order(&[&name(label)]);
        let (issued, certificate) = Self::issue(&account, &name(label));
        let read = |path: String| auditor().get(&path).expect(200).json();
        Self {
            account: read(format!("/acmeAccounts/{}", account_id(&account))),
            open: read(format!("/orders/{}", id(&open))),
            issued: read(format!("/orders/{issued}")),
            authorization: read(format!(
                "/authorizations/{}",
                id(object["authorizations"][0].as_str().expect("a URL"))
            )),
            certificate: read(format!("/certificates/{certificate}")),
        }
    }

    fn issue(account: &Account<'_>, subject: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().expect("a key is made");
        let (url, order) = ready(account, &[subject]);
        finalize(account, &url, &order, &csr(&[subject], &key));
        let order = auditor().get(&format!("/orders/{}", id(&url))).expect(200).json();
        (id(&url), text(&order, "certificate").to_owned())
    }
}
