//! The perspectives that this server asks: read, checked, and compared with what profiles name.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use chancery_actors::profiles::ProfileSet;
use chancery_machine::perspective::PerspectiveName;
use tracing::warn;
use zeroize::Zeroizing;

use super::credential::{self, Watch};
use crate::config::PerspectiveAccess;
use crate::perspective::client::{Access, Remote, Renewed};

/// Those of the configuration. Nothing is sent yet: one that is down must not keep the server from starting.
pub(super) fn open(
    settings: &BTreeMap<String, PerspectiveAccess>,
) -> anyhow::Result<BTreeMap<PerspectiveName, Remote>> {
    let mut remotes = BTreeMap::new();
    for (name, access) in settings {
        let section = || format!("perspectives.{name}");
        let name = PerspectiveName::parse(name).with_context(section)?;
        let watch = Watch::new([&*access.ca, &*access.certificate, &*access.key]);
        let read = read(&section(), access)?;
        let (section_again, access) = (section(), access.clone());
        let renewed: Renewed = Box::new(move || {
            watch.changed().then(|| self::read(&section_again, &access).map_err(|error| format!("{error:#}")))
        });
        let remote = Remote::new(name.clone(), &read, renewed).with_context(section)?;
        remotes.insert(name, remote);
    }
    Ok(remotes)
}

/// The files of this section.
fn read(section: &str, access: &PerspectiveAccess) -> anyhow::Result<Access> {
    let read = |setting: &str, path: &Path| {
        std::fs::read(path).with_context(|| format!("{section}.{setting}: {}", path.display()))
    };
    let mut identity = Zeroizing::new(read("certificate", &access.certificate)?);
    credential::look_at_end(&format!("{section}.certificate"), &access.certificate)?;
    identity.push(b'\n');
    identity.extend_from_slice(&Zeroizing::new(read("key", &access.key)?));
    Ok(Access { url: access.url.clone(), issuers: read("ca", &access.ca)?, identity })
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_setting_at_fault_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("it can be written");
            path
        };
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("a certificate");
        let other = rcgen::KeyPair::generate().expect("a key");
        let sound = PerspectiveAccess {
            url: "https://north.example:9443".into(),
            ca: file("ca.pem", &made.cert.pem()),
            certificate: file("server.pem", &made.cert.pem()),
            key: file("server.key", &made.signing_key.serialize_pem()),
        };
        let (nothing, missing) = (file("empty.pem", ""), folder.path().join("missing.pem"));
        let read = |name: &str, access: PerspectiveAccess| open(&BTreeMap::from([(name.to_owned(), access)]));
        assert!(read("north", sound.clone()).is_ok_and(|remotes| remotes.len() == 1));
        for (access, word) in [
            (PerspectiveAccess { url: "http://north.example".into(), ..sound.clone() }, "url"),
            (PerspectiveAccess { ca: missing.clone(), ..sound.clone() }, "perspectives.north.ca: "),
            (PerspectiveAccess { ca: nothing.clone(), ..sound.clone() }, "ca: "),
            (PerspectiveAccess { certificate: missing, ..sound.clone() }, "perspectives.north.certificate: "),
            (PerspectiveAccess { certificate: nothing, ..sound.clone() }, "perspectives.north.certificate: "),
            (PerspectiveAccess { key: sound.certificate.clone(), ..sound.clone() }, "key"),
            (PerspectiveAccess { key: file("other.key", &other.serialize_pem()), ..sound.clone() }, "north"),
        ] {
            let error = read("north", access.clone()).map(|_| ()).expect_err("must be refused");
            let text = format!("{error:#}");
            assert!(text.contains("perspectives.north") && text.contains(word), "{word}: {text}");
        }
        assert!(read("no rth", sound).is_err());
    }
}
