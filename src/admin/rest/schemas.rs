//! Schemas as they are in truth: what the derive cannot say of flattened and of partial objects.

use std::collections::BTreeMap;

use utoipa::openapi::schema::{
    AdditionalProperties, AllOf, Object, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{OpenApi, Ref, RefOr};

/// Settings, and the schema of what changes them.
const CHANGES: &[(&str, &str)] = &[
    ("AcmeProfileSettings", "AcmeProfileChange"),
    ("RaProfileSettings", "RaProfileChange"),
    ("EabCredentialSettings", "EabCredentialChange"),
];

/// Makes every flattened object one object, and describes changes: settings of which each may be `null`.
pub(super) fn adapt(api: &mut OpenApi) {
    let Some(components) = &mut api.components else { return };
    let before = components.schemas.clone();
    for schema in components.schemas.values_mut() {
        if let RefOr::T(Schema::AllOf(parts)) = schema
            && let Some(whole) = flattened(parts, &before)
        {
            *schema = whole.into();
        }
    }
    for (settings, change) in CHANGES {
        if let Some(RefOr::T(Schema::Object(settings))) = before.get(*settings) {
            components.schemas.insert((*change).to_owned(), partial(settings).into());
        }
    }
}

/// The derive makes `allOf` of a flattened object and its own members; as neither allows the other's members, nothing would
/// ever be both.
fn flattened(parts: &AllOf, schemas: &BTreeMap<String, RefOr<Schema>>) -> Option<Object> {
    let mut whole = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Object)).build();
    whole.description.clone_from(&parts.description);
    for part in &parts.items {
        let part = match part {
            RefOr::T(part) => part,
            RefOr::Ref(Ref { ref_location, .. }) => match schemas.get(ref_location.rsplit('/').next()?)? {
                RefOr::T(part) => part,
                RefOr::Ref(_) => return None,
            },
        };
        let nested;
        let part = match part {
            Schema::Object(part) => part,
            // What is flattened may have flattened something itself.
            Schema::AllOf(parts) => {
                nested = flattened(parts, schemas)?;
                &nested
            }
            _ => return None,
        };
        whole.properties.extend(part.properties.clone());
        whole.required.extend(part.required.iter().cloned());
        whole.example = part.example.clone().or(whole.example);
    }
    whole.example = parts.example.clone().or(whole.example);
    whole.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    Some(whole)
}

/// RFC 7396: every member may be left out, and `null` goes back to the default.
fn partial(settings: &Object) -> Object {
    let mut change = settings.clone();
    change.required.clear();
    let null = || ObjectBuilder::new().schema_type(SchemaType::Type(Type::Null)).build();
    for schema in change.properties.values_mut() {
        *schema = RefOr::T(Schema::OneOf(OneOfBuilder::new().item(null()).item(schema.clone()).build()));
    }
    change
}
