//! Where an operator sits: the API as each role sees it, and what every list has in common.

use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::client::{Account, text};
use crate::clients::house;
use crate::support::admin::Admin;
use crate::support::https::Response;

/// The API as the administrator.
pub(crate) fn admin() -> Admin {
    house().admin()
}

/// The API as somebody with this role.
pub(crate) fn with_role(role: &str) -> Admin {
    let made = admin().post("/tokens", &json!({"name": format!("desk {role}"), "role": role})).expect(201).json();
    Admin::with_token(house().server(), text(&made, "secret"))
}

/// The API as one auditor, for lists.
pub(crate) fn auditor() -> &'static Admin {
    static AUDITOR: OnceLock<Admin> = OnceLock::new();
    AUDITOR.get_or_init(|| with_role("auditor"))
}

/// The last segment of a URL: the id of what is there.
pub(crate) fn id(url: &str) -> String {
    url.rsplit('/').next().expect("a URL has segments").to_owned()
}

/// The id of an account.
pub(crate) fn account_id(account: &Account<'_>) -> String {
    id(&account.kid)
}

/// The ids of everything on a list, page by page. `key` is the member that names an item.
pub(crate) fn all(path: &str, key: &str, limit: usize) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    let joint = if path.contains('?') { '&' } else { '?' };
    loop {
        let page = auditor().get(&format!("{path}{joint}limit={limit}&cursor={cursor}")).expect(200).json();
        let items = page["items"].as_array().expect("a page has items");
        assert!(items.len() <= limit, "{page}");
        found.extend(items.iter().map(|item| match &item[key] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }));
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return found,
        }
    }
}

/// The ids of what a filter leaves.
pub(crate) fn ids(path: &str) -> Vec<String> {
    all(path, "id", 100)
}

/// Fails unless the answer names this field as the one at fault.
#[track_caller]
pub(crate) fn refuses_field(response: Response, field: &str) {
    let problem = response.expect_refusal(422, "invalid").json();
    assert_eq!(problem["errors"][0]["field"], field, "{problem}");
}

/// The entries of the log about an object, the oldest first, as action and who.
pub(crate) fn log_of(object: &str) -> Vec<Value> {
    let path = format!("/audit?object={object}&sort=created&limit=1000");
    let page = auditor().get(&path).expect(200).json();
    page["items"].as_array().expect("a page has items").clone()
}
