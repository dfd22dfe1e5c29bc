//! The perspectives that this server asks: read, checked, and compared with what profiles name.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use chancery_actors::profiles::ProfileSet;
use chancery_machine::perspective::PerspectiveName;
use tracing::warn;
use zeroize::Zeroizing;

use super::credential;
use crate::config::PerspectiveAccess;
use crate::perspective::client::{Access, Remote};

/// Those of the configuration. Nothing is sent yet: one that is down must not keep the server from starting.
pub(super) fn open(
    settings: &BTreeMap<String, PerspectiveAccess>,
) -> anyhow::Result<BTreeMap<PerspectiveName, Remote>> {
    let mut remotes = BTreeMap::new();
    for (name, access) in settings {
        let section = || format!("perspectives.{name}");
        let name = PerspectiveName::parse(name).with_context(section)?;
        let read = |setting: &str, path: &Path| {
            std::fs::read(path).with_context(|| format!("{}.{setting}: {}", section(), path.display()))
        };
        let mut identity = Zeroizing::new(read("certificate", &access.certificate)?);
        credential::look_at_end(&format!("{}.certificate", section()), &access.certificate)?;
        identity.push(b'\n');
        identity.extend_from_slice(&Zeroizing::new(read("key", &access.key)?));
        let access = Access { url: access.url.clone(), issuers: read("ca", &access.ca)?, identity };
        let remote = Remote::new(name.clone(), &access).with_context(section)?;
        remotes.insert(name, remote);
    }
    Ok(remotes)
}

/// Says which perspectives profiles name that this node does not know: there, they count as disagreeing.
pub(super) fn compare(profiles: &ProfileSet, known: &[PerspectiveName]) {
    for (profile, acme) in &profiles.acme {
        for name in acme.perspectives.names.iter().filter(|name| !known.contains(name)) {
            warn!(
                acme_profile = %profile,
                perspective = %name,
                "the ACME Profile names a perspective that the configuration of this server does not: it counts as disagreeing"
            );
        }
    }
}
