//! The operations that the description of the API names: what holds for all of them is tried with all of them, and none can
//! be forgotten.

use serde_json::Value;

use crate::support::admin::Admin;

/// An operation of the description.
pub(crate) struct Operation {
    /// Its name, as in `createToken`.
    pub(crate) id: String,
    pub(crate) method: String,
    /// Below `/api/v1`, as in `/tokens/{id}`.
    pub(crate) path: String,
    /// Whether it takes a body.
    pub(crate) body: bool,
    /// What can stand in its header, and whether it has to.
    pub(crate) header: Vec<(String, bool)>,
    /// What can be asked in its query, each with its schema.
    pub(crate) query: Vec<(String, Value)>,
    /// What it can do to many, where that is what it is for.
    pub(crate) actions: Vec<String>,
}

impl Operation {
    pub(crate) fn reads(&self) -> bool {
        self.method == "GET"
    }

    /// Its path with this in the place of what varies.
    pub(crate) fn path_of(&self, id: &str) -> String {
        let parts: Vec<_> = self.path.split('/').map(|part| if part.starts_with('{') { id } else { part }).collect();
        parts.join("/")
    }
}

/// Every operation.
pub(crate) fn operations(admin: &Admin) -> Vec<Operation> {
    let description = admin.get("/openapi.json").expect(200).json();
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().expect("paths") {
        let path = path.strip_prefix("/api/v1").expect("every path is one of the API");
        for (method, operation) in item.as_object().expect("operations") {
            let parameters = |place: &'static str| {
                let all = operation["parameters"].as_array().into_iter().flatten();
                all.filter(move |parameter| parameter["in"] == place)
            };
            let name = |value: &Value| value.as_str().expect("a name").to_owned();
            operations.push(Operation {
                id: name(&operation["operationId"]),
                method: method.to_uppercase(),
                path: path.to_owned(),
                body: operation["requestBody"]["required"] == true,
                header: parameters("header")
                    .map(|parameter| (name(&parameter["name"]), parameter["required"] == true))
                    .collect(),
                query: parameters("query")
                    .map(|parameter| (name(&parameter["name"]), parameter["schema"].clone()))
                    .collect(),
                actions: actions(&description, operation),
            });
        }
    }
    assert!(operations.len() > 40, "{}", operations.len());
    operations
}

/// The words of a bulk operation.
fn actions(description: &Value, operation: &Value) -> Vec<String> {
    let body = resolved(description, &operation["requestBody"]["content"]["application/json"]["schema"]);
    if body["properties"]["items"].is_null() {
        return Vec::new();
    }
    let words = words(resolved(description, &body["properties"]["action"]));
    assert!(!words.is_empty(), "{operation} does something, and says what");
    words
}

/// What a schema lists: its words, or those of its parts.
pub(crate) fn words(schema: &Value) -> Vec<String> {
    let parts = ["oneOf", "anyOf"].iter().filter_map(|part| schema[part].as_array()).flatten();
    let listed = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    listed.chain(parts.flat_map(words)).collect()
}

fn resolved<'a>(description: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(place) => description.pointer(place.trim_start_matches('#')).expect("what is referred to is there"),
        None => schema,
    }
}
