//! What `/api/v1/acmeProfiles` and `/api/v1/raProfiles` have in common: all but what can be activated.

use std::sync::Arc;

use actix_web::HttpResponse;
use chancery_actors::ports::Direction;
use chancery_machine::profile::ProfileName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bulk::each;
use super::reply::{created, gone, ok};
use super::request::{Body, Caller, Page, PageQuery};
use crate::admin::Admin;
use crate::admin::error::AdminError;
use crate::admin::operator::{Operator, Role};
use crate::admin::precondition::Precondition;
use crate::admin::profiles::{BulkAction, Managed};

/// How lists of profiles can be sorted.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub(crate) enum ByName {
    /// From A on.
    #[serde(rename = "name")]
    Name,
    /// From z on.
    #[serde(rename = "-name")]
    LastName,
}

/// The same for many.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"action": "enable", "items": ["default"]}))]
pub(super) struct ProfileBulk {
    /// What is done to each.
    pub(super) action: BulkAction,
    /// Their names.
    #[schema(max_items = 1000)]
    pub(super) items: Vec<String>,
    /// With `delete`: also those that something depends on.
    #[serde(default)]
    pub(super) force: bool,
}

pub(super) fn list<P: Managed>(
    caller: &Caller,
    query: &PageQuery,
    sort: Option<ByName>,
    wanted: impl Fn(&P) -> bool,
) -> Result<HttpResponse, AdminError> {
    let (found, next) = page(&caller.admin, &caller.operator, query, sort, wanted)?;
    let views = found.iter().map(|profile| profile.view(&caller.admin.origin)).collect();
    Ok(ok(&Page::new(views, next), None))
}

/// Profiles of a page, and the bytes of the cursor with which the next one begins.
pub(crate) type Found<P> = (Vec<Arc<P>>, Option<Vec<u8>>);

/// A page of the profiles.
pub(crate) fn page<P: Managed>(
    admin: &Admin,
    operator: &Operator,
    query: &PageQuery,
    sort: Option<ByName>,
    wanted: impl Fn(&P) -> bool,
) -> Result<Found<P>, AdminError> {
    let after = query.cursor()?.map(|bytes| {
        String::from_utf8(bytes).ok().and_then(|name| ProfileName::parse(&name).ok()).ok_or(AdminError::Cursor)
    });
    let limit = query.limit()?;
    let direction = match sort {
        None | Some(ByName::Name) => Direction::Ascending,
        Some(ByName::LastName) => Direction::Descending,
    };
    let mut found: Vec<Arc<P>> =
        admin.list_profiles(operator, wanted, direction, after.transpose()?.as_ref(), limit + 1)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.name().as_str().as_bytes().to_vec());
    Ok((found, next))
}

pub(super) async fn create<P: Managed>(caller: &Caller, body: &Body) -> Result<HttpResponse, AdminError> {
    let key = body.key(&caller.operator)?;
    let made = caller.admin.create_profile::<P>(&caller.operator, body.members()?, key.as_ref()).await?;
    Ok(created(&made, &format!("/api/v1/{}s", P::WORD), "name"))
}

pub(super) async fn update<P: Managed>(
    caller: &Caller,
    name: &str,
    precondition: Precondition,
    body: &Body,
) -> Result<HttpResponse, AdminError> {
    let profile = caller.admin.update_profile::<P>(&caller.operator, name, body.members()?, precondition).await?;
    Ok(shown(caller, &profile))
}

pub(super) async fn enable<P: Managed>(
    caller: &Caller,
    name: &str,
    enabled: bool,
    precondition: Precondition,
) -> Result<HttpResponse, AdminError> {
    let profile = caller.admin.enable_profile::<P>(&caller.operator, name, enabled, precondition).await?;
    Ok(shown(caller, &profile))
}

pub(super) async fn delete<P: Managed>(
    caller: &Caller,
    name: &str,
    force: bool,
    precondition: Precondition,
) -> Result<HttpResponse, AdminError> {
    caller.admin.delete_profile::<P>(&caller.operator, name, force, precondition).await?;
    Ok(gone())
}

pub(super) async fn bulk<P: Managed>(caller: Caller, body: &Body) -> Result<HttpResponse, AdminError> {
    caller.operator.may(Role::Operator)?;
    let ProfileBulk { action, items, force } = body.read()?;
    each(caller, Role::Operator, items, move |admin, operator, name| async move {
        admin.bulk_profile::<P>(&operator, action, force, &name).await
    })
    .await
}

/// How it is now.
pub(super) fn shown<P: Managed>(caller: &Caller, profile: &P) -> HttpResponse {
    ok(&profile.view(&caller.admin.origin), Some(profile.revision().0))
}

/// The handlers of one kind with their descriptions, and their routes. What differs between the kinds is named; what it
/// does stands above.
macro_rules! operations {
    (
        $profile:ident, $view:ident, $new:ident, $change:ident, $filter:ident, tag: $tag:literal,
        $list_id:literal: $all:literal; $create_id:literal; $bulk_id:literal: $bulk_path:literal;
        $read_id:literal: $one:literal; $update_id:literal; $delete_id:literal;
        $enable_id:literal: $enable_path:literal; $disable_id:literal: $disable_path:literal;
        also($($more:ident),*)
    ) => {
        /// The description of this room.
        #[derive(OpenApi)]
        #[openapi(
            paths(list, create, bulk, read, update, delete, enable, disable $(, $more)*),
            components(schemas($view, $new, $change, ProfileBulk, BulkResults, BulkResult))
        )]
        pub(super) struct Description;

        /// Those of them that all have.
        fn configure_common(config: &mut web::ServiceConfig) {
            config
                .service(web::resource(&$all["/api/v1".len()..]).get(list).post(create))
                // Guarded as a whole, so that a profile can have that name too.
                .service(web::resource(&$bulk_path["/api/v1".len()..]).guard(guard::Post()).post(bulk))
                .service(web::resource(&$one["/api/v1".len()..]).get(read).patch(update).delete(delete))
                .service(web::resource(&$enable_path["/api/v1".len()..]).post(enable))
                .service(web::resource(&$disable_path["/api/v1".len()..]).post(disable));
        }

        #[utoipa::path(get, path = $all, operation_id = $list_id, tag = $tag, summary = "List them by name.",
            params($filter), responses((status = 200, body = Page<$view>), Problems))]
        async fn list(caller: Caller, Params(filter): Params<$filter>) -> Result<HttpResponse, AdminError> {
            profiles::list::<$profile>(&caller, &filter.page(), filter.sort, |profile| filter.wants(profile))
        }

        #[utoipa::path(post, path = $all, operation_id = $create_id, tag = $tag, request_body = $new,
            summary = "Create one; what is left out has its default.",
            params(("Idempotency-Key" = Option<String>, Header,
                description = "The same key and request again: the same answer, and nothing done")),
            responses((status = 201, body = $view, headers(("Location" = String), ("ETag" = String))), Problems))]
        async fn create(caller: Caller, body: Body) -> Result<HttpResponse, AdminError> {
            profiles::create::<$profile>(&caller, &body).await
        }

        #[utoipa::path(post, path = $bulk_path, operation_id = $bulk_id, tag = $tag, request_body = ProfileBulk,
            summary = "Enable, disable or remove many, each by itself.",
            responses((status = 200, body = BulkResults), Problems))]
        async fn bulk(caller: Caller, body: Body) -> Result<HttpResponse, AdminError> {
            profiles::bulk::<$profile>(caller, &body).await
        }

        #[utoipa::path(get, path = $one, operation_id = $read_id, tag = $tag, summary = "Read one.",
            params(("name" = String, Path)),
            responses((status = 200, body = $view, headers(("ETag" = String))), Problems))]
        async fn read(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, AdminError> {
            let profile = caller.admin.read_profile::<$profile>(&caller.operator, &name)?;
            Ok(profiles::shown(&caller, &*profile))
        }

        #[utoipa::path(patch, path = $one, operation_id = $update_id, tag = $tag, request_body = $change,
            summary = "Change one (RFC 7396): what is left out stays as it was, and null goes back to the default.",
            params(("name" = String, Path), ("If-Match" = String, Header, description = "The ETag that was read, or *")),
            responses((status = 200, body = $view, headers(("ETag" = String))), Problems))]
        async fn update(
            caller: Caller,
            name: web::Path<String>,
            IfMatch(precondition): IfMatch,
            body: Body,
        ) -> Result<HttpResponse, AdminError> {
            profiles::update::<$profile>(&caller, &name, precondition, &body).await
        }

        #[utoipa::path(delete, path = $one, operation_id = $delete_id, tag = $tag,
            summary = "Remove one. What depends on it speaks against that, unless it is forced.",
            params(("name" = String, Path), Removal),
            responses((status = 204, description = "It is gone"), Problems))]
        async fn delete(
            caller: Caller,
            name: web::Path<String>,
            Removal { precondition, force }: Removal,
        ) -> Result<HttpResponse, AdminError> {
            profiles::delete::<$profile>(&caller, &name, force, precondition).await
        }

        #[utoipa::path(post, path = $enable_path, operation_id = $enable_id, tag = $tag,
            summary = "Have its endpoints answer.",
            params(("name" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
            responses((status = 200, body = $view, headers(("ETag" = String))), Problems))]
        async fn enable(
            caller: Caller,
            name: web::Path<String>,
            MaybeMatch(precondition): MaybeMatch,
        ) -> Result<HttpResponse, AdminError> {
            profiles::enable::<$profile>(&caller, &name, true, precondition).await
        }

        #[utoipa::path(post, path = $disable_path, operation_id = $disable_id, tag = $tag,
            summary = "Have its endpoints refuse everything.",
            params(("name" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
            responses((status = 200, body = $view, headers(("ETag" = String))), Problems))]
        async fn disable(
            caller: Caller,
            name: web::Path<String>,
            MaybeMatch(precondition): MaybeMatch,
        ) -> Result<HttpResponse, AdminError> {
            profiles::enable::<$profile>(&caller, &name, false, precondition).await
        }
    };
}

pub(super) use operations;
