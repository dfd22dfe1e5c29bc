//! Schemas as they are in truth: what the derive cannot say of flattened objects and of settings.

use std::collections::BTreeMap;

use utoipa::openapi::schema::{
    AdditionalProperties, AllOf, AnyOfBuilder, ArrayItems, Object, ObjectBuilder, Schema, SchemaType, Type,
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
        flatten(schema, &before);
        if let RefOr::T(Schema::Object(object)) = schema
            && (SETTINGS.contains(&name.as_str()) || NEW.contains(&name.as_str()))
        {
            in_part(object);
        }
    }
}

/// The derive makes `allOf` of a flattened object and its own members; as neither allows the other's members, nothing would
/// ever be both.
fn flatten(schema: &mut RefOr<Schema>, schemas: &Schemas) {
    match schema {
        RefOr::T(Schema::AllOf(parts)) => {
            if let Some(whole) = flattened(parts, schemas) {
                *schema = whole.into();
            }
        }
        RefOr::T(Schema::Object(object)) => object.properties.values_mut().for_each(|part| flatten(part, schemas)),
        RefOr::T(Schema::Array(array)) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                flatten(items, schemas);
            }
        }
        // Nothing is flattened into alternatives.
        RefOr::T(_) | RefOr::Ref(_) => {}
    }
}

fn flattened(parts: &AllOf, schemas: &Schemas) -> Option<Object> {
    let mut whole = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Object)).build();
    whole.description.clone_from(&parts.description);
    whole.example.clone_from(&parts.example);
    for part in &parts.items {
        let part = object(part, schemas)?;
        whole.properties.extend(part.properties);
        whole.required.extend(part.required);
        whole.example = whole.example.or(part.example);
    }
    whole.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    Some(whole)
}

fn object(part: &RefOr<Schema>, schemas: &Schemas) -> Option<Object> {
    match part {
        RefOr::T(Schema::Object(part)) => Some(part.clone()),
        RefOr::T(Schema::AllOf(parts)) => flattened(parts, schemas),
        RefOr::Ref(Ref { ref_location, .. }) => object(schemas.get(ref_location.rsplit('/').next()?)?, schemas),
        RefOr::T(_) => None,
    }
}

/// RFC 7396: every member that need not be there may be `null` too, which is its default.
fn in_part(part: &mut Object) {
    for (_, schema) in part.properties.iter_mut().filter(|(name, _)| !part.required.contains(name)) {
        let null = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Null)).build();
        let either = AnyOfBuilder::new().item(null).item(schema.clone()).build();
        *schema = RefOr::T(Schema::AnyOf(either));
    }
}
