//! Profiles of a test's own, made and changed through the API of the running server.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::client::Endpoint;
use crate::house::{house, open};
use crate::support::https::Response;

/// An ACME Profile and an RA Profile that serves it by default. Nobody else has them.
pub(crate) struct Profiles {
    pub(crate) acme: String,
    pub(crate) ra: String,
}

impl Profiles {
    /// With these settings; what is left out is as in the house, where http-01 and dns-01 succeed.
    pub(crate) fn new(acme: &Value, ra: &Value) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let profiles = Self { acme: format!("acme-{count}"), ra: format!("ra-{count}") };
        create("raProfiles", &profiles.ra, ra);
        create("acmeProfiles", &profiles.acme, &merged(json!({"defaultRaProfile": profiles.ra}), acme));
        profiles
    }

    /// With these settings of the ACME Profile.
    pub(crate) fn acme(settings: &Value) -> Self {
        Self::new(settings, &json!({}))
    }

    /// With these settings of the RA Profile.
    pub(crate) fn ra(settings: &Value) -> Self {
        Self::new(&json!({}), settings)
    }

    /// `/acme/{acmeProfile}/…`
    pub(crate) fn endpoint(&self) -> Endpoint {
        open(&self.acme)
    }

    /// `/acme/raProfile/{raProfile}/…`, once the ACME Profile is activated on it.
    pub(crate) fn activated(&self) -> Endpoint {
        self.activate(&self.acme);
        open(&format!("raProfile/{}", self.ra))
    }

    /// Both forms of URL.
    pub(crate) fn both(&self) -> [Endpoint; 2] {
        [self.endpoint(), self.activated()]
    }

    /// Activates an ACME Profile on the RA Profile.
    pub(crate) fn activate(&self, acme: &str) {
        let path = format!("/raProfiles/{}/activate", self.ra);
        house().admin().post(&path, &json!({"acmeProfile": acme})).expect(200);
    }

    /// Changes the ACME Profile.
    pub(crate) fn change_acme(&self, settings: &Value) -> Response {
        house().admin().patch(&format!("/acmeProfiles/{}", self.acme), "*", settings).expect(200)
    }

    /// Changes the RA Profile.
    pub(crate) fn change_ra(&self, settings: &Value) -> Response {
        house().admin().patch(&format!("/raProfiles/{}", self.ra), "*", settings).expect(200)
    }
}

/// `/acme/{acmeProfile}/…` of these profiles.
pub(crate) fn by_acme_profile(profiles: &Profiles) -> Endpoint {
    profiles.endpoint()
}

/// `/acme/raProfile/{raProfile}/…` of these profiles.
pub(crate) fn by_ra_profile(profiles: &Profiles) -> Endpoint {
    profiles.activated()
}

/// The endpoint with this path below `/acme/`, without reading its directory.
pub(crate) fn unread(path: &str) -> Endpoint {
    Endpoint::unread(&format!("{}/{path}/directory", house().acme()), &house().root())
}

/// Makes a profile; an ACME Profile gets what validation needs here.
pub(crate) fn create(collection: &str, name: &str, settings: &Value) {
    let base = if collection == "acmeProfiles" { house().network() } else { json!({}) };
    let settings = merged(merged(base, settings), &json!({"name": name}));
    house().admin().post(&format!("/{collection}"), &settings).expect(201);
}

/// The first object with the members of the second in place of its own.
fn merged(mut base: Value, over: &Value) -> Value {
    let members = base.as_object_mut().expect("settings are an object");
    members.extend(over.as_object().expect("settings are an object").clone());
    base
}
