//! Schemas as they are in truth: what the derive cannot say of flattened objects and of settings.

use std::collections::BTreeMap;

use utoipa::openapi::schema::{
    AdditionalProperties, AllOf, AnyOfBuilder, Object, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{OpenApi, Ref, RefOr};

/// Settings, which requests hold in part and answers as a whole.
const SETTINGS: &[&str] = &["AcmeProfileSettings", "RaProfileSettings", "EabCredentialSettings"];

/// Settings with a name, as requests hold them.
const NEW: &[&str] = &["NewAcmeProfile", "NewRaProfile"];

type Schemas = BTreeMap<String, RefOr<Schema>>;

/// Makes every flattened object one object, and lets requests leave a setting out or say `null` for its default.
pub(super) fn adapt(api: &mut OpenApi) {
    let Some(components) = &mut api.components else { return };
    let before = components.schemas.clone();
    for (name, schema) in &mut components.schemas {
        match schema {
            RefOr::T(Schema::AllOf(parts)) => {
                let Some(whole) = flattened(parts, &before) else { continue };
                let whole = if NEW.contains(&name.as_str()) { in_part(whole) } else { whole };
                *schema = whole.into();
            }
            RefOr::T(Schema::Object(settings)) if SETTINGS.contains(&name.as_str()) => {
                *schema = in_part(settings.clone()).into();
            }
            RefOr::T(_) | RefOr::Ref(_) => {}
        }
    }
}

/// The derive makes `allOf` of a flattened object and its own members; as neither allows the other's members, nothing would
/// ever be both.
fn flattened(parts: &AllOf, schemas: &Schemas) -> Option<Object> {
    let mut whole = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Object)).build();
    whole.description.clone_from(&parts.description);
    whole.example.clone_from(&parts.example);
    for part in &parts.items {
        let part = match part {
            RefOr::T(part) => part,
            RefOr::Ref(Ref { ref_location, .. }) => match schemas.get(ref_location.rsplit('/').next()?)? {
                RefOr::T(part) => part,
                RefOr::Ref(_) => return None,
            },
        };
        let nested;
        let part = if let Schema::AllOf(parts) = part {
            // What is flattened has flattened something itself.
            nested = flattened(parts, schemas)?;
            &nested
        } else if let Schema::Object(part) = part {
            part
        } else {
            return None;
        };
        whole.properties.extend(part.properties.clone());
        whole.required.extend(part.required.iter().cloned());
        whole.example = whole.example.or_else(|| part.example.clone());
    }
    whole.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    Some(whole)
}

/// RFC 7396: every member that need not be there may be `null` too, which is its default.
fn in_part(settings: Object) -> Object {
    let mut part = settings;
    for (_, schema) in part.properties.iter_mut().filter(|(name, _)| !part.required.contains(name)) {
        let null = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Null)).build();
        let either = AnyOfBuilder::new().item(null).item(schema.clone()).build();
        *schema = RefOr::T(Schema::AnyOf(either));
    }
    part
}
