//! The authorities that the server issues from: the first are made at the first start, and all are opened at every other.

mod kept;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use chancery_actors::ports::{Clock, Commit, CommitError, Kind, ObjectId, Store, StoreError, Write};
use chancery_machine::id::AuthorityId;
use secrecy::SecretString;
use tracing::info;

pub(super) use self::kept::StoredAuthorities;
use self::kept::{Kept, Seal, body, creation, first_hierarchy, stored};
use crate::config::{AuthorityPlan, Config};
use crate::passphrase;
use crate::pki::authorities::Authorities;
use crate::pki::authority::{AuthorityKind, certificate_pem};
use crate::pki::hierarchy::{Hierarchy, HierarchyPlan, make_hierarchy};
use crate::pki::key::KeyAlgorithm;
use crate::pki::name::{AuthorityName, Publication};
use crate::pki::sealed::SealCost;
use crate::system::SystemClock;

/// What the server issues from.
pub(super) struct Opened {
    /// Those that sign.
    pub(super) authorities: Arc<Authorities>,
    /// The same as operators deal with them.
    pub(super) kept: Arc<StoredAuthorities>,
    /// What signs where nobody names an authority.
    pub(super) intermediate: AuthorityId,
    /// The root above it, DER.
    pub(super) root: Vec<u8>,
    /// Where the passphrase came from.
    pub(super) passphrase: passphrase::Source,
    /// The passphrase.
    pub(super) secret: SecretString,
}

/// Opens the authorities of the store; makes them where there are none.
///
/// Intermediates are certified anew where `lasting` says that the publication URL is there to stay: the chain of what was
/// issued before changes by it, which should happen when an operator moves house and not at every start.
pub(super) async fn open(
    store: &Arc<dyn Store>,
    config: &Config,
    publication: &str,
    lasting: bool,
) -> anyhow::Result<Opened> {
    let publication = Publication::new(publication)?;
    let mut all = stored(&**store).await?;
    let (secret, source) = passphrase::find(config.keys.passphrase_file.as_deref(), &config.data, !all.is_empty())?;
    if all.is_empty() {
        make(&**store, &plan(&config.authority, Some(publication.clone()))?, &secret).await?;
        all = stored(&**store).await?;
    }
    let authorities = Arc::new(Authorities::new(Some(publication.clone())));
    // Nothing is written over that does not open.
    for Kept { authority, .. } in &all {
        authorities
            .open(authority, &secret)
            .with_context(|| format!("authority {:?} with the passphrase from {source}", authority.name))?;
    }
    if lasting {
        for kept in &mut all {
            republish(&**store, &authorities, kept, &secret).await?;
        }
    }
    let first = authorities.first(SystemClock.now()).and_then(|first| authorities.find(first));
    let first = first.context("the store has no intermediate authority")?;
    let (intermediate, root) = (first.id(), first.root_certificate().to_vec());
    let seal = Seal { passphrase: secret.clone(), cost: SealCost::STRONG };
    let kept = StoredAuthorities::new(
        Arc::clone(store),
        Arc::clone(&authorities),
        publication,
        seal,
        Arc::new(SystemClock),
        &all,
    );
    Ok(Opened { authorities, kept: Arc::new(kept), intermediate, root, passphrase: source, secret })
}

/// Has the root certify an intermediate anew whose certificate points to where nothing is published any more.
async fn republish(
    store: &dyn Store,
    authorities: &Authorities,
    kept: &mut Kept,
    secret: &SecretString,
) -> anyhow::Result<()> {
    let Kept { authority, revision } = kept;
    if authority.kind == AuthorityKind::Root {
        return Ok(());
    }
    let opened = authorities.ids().into_iter().filter_map(|id| authorities.find(id));
    let root = opened.into_iter().find(|root| root.certificate() == authority.root_certificate());
    let Some(root) = root else { return Ok(()) };
    let Some(renewed) = authority.republished(&root).context("the intermediate's new certificate")? else {
        return Ok(());
    };
    let object = ObjectId { kind: Kind::Authority, id: renewed.id.0 };
    let write = Write { object, expected: *revision, body: Some(body(store, &renewed).await?) };
    commit(store, vec![write]).await?;
    info!(intermediate = renewed.name, "certified anew, as the publication URL has changed");
    authorities.open(&renewed, secret)?;
    *kept = Kept { authority: renewed, revision: revision.next() };
    Ok(())
}

async fn commit(store: &dyn Store, writes: Vec<Write>) -> Result<(), CommitError> {
    let outcomes = store.commit(vec![Commit { guards: Vec::new(), writes }]).await;
    let silent = || Err(StoreError::Unavailable("it did not answer".into()).into());
    outcomes.into_iter().next().unwrap_or_else(silent)
}

/// Writes the root certificate for people and their trust stores: whole or not at all.
pub(super) fn export_root(root: &[u8], path: &Path) -> anyhow::Result<()> {
    let pem = certificate_pem(root);
    if std::fs::read_to_string(path).is_ok_and(|there| there == pem) {
        return Ok(());
    }
    let beside = path.with_extension("pem.new");
    std::fs::write(&beside, pem)
        .and_then(|()| std::fs::rename(&beside, path))
        .with_context(|| format!("the root certificate cannot be written to {}", path.display()))
}

/// What the settings ask for.
pub(super) fn plan(settings: &AuthorityPlan, publication: Option<Publication>) -> anyhow::Result<HierarchyPlan> {
    let algorithm: KeyAlgorithm = settings.algorithm.parse().context("authority.algorithm")?;
    let organization = settings.organization.as_deref();
    let root = AuthorityName::new(organization, &settings.root_name).context("authority.root_name")?;
    let intermediate =
        AuthorityName::new(organization, &settings.intermediate_name).context("authority.intermediate_name")?;
    if root == intermediate {
        bail!("authority.intermediate_name: it has to differ from authority.root_name");
    }
    if settings.intermediate_validity.0 > settings.root_validity.0 {
        bail!("authority.intermediate_validity: it cannot be longer than authority.root_validity");
    }
    Ok(HierarchyPlan {
        algorithm,
        root_validity: settings.root_validity.0,
        intermediate_validity: settings.intermediate_validity.0,
        publication,
        ..HierarchyPlan::new(root, intermediate)
    })
}

/// Both in one commit, under a name that only one hierarchy can have: a crash or a second server at the same moment leaves
/// one of them, whole.
async fn make(store: &dyn Store, plan: &HierarchyPlan, secret: &SecretString) -> anyhow::Result<()> {
    let Hierarchy { root, intermediate } = make_hierarchy(plan, SystemClock.now(), secret, SealCost::STRONG)?;
    let mut writes = vec![creation(&root), creation(&intermediate)];
    if let Some(body) = writes.first_mut().and_then(|write| write.body.as_mut()) {
        body.unique.push(first_hierarchy());
    }
    match commit(store, writes).await {
        Ok(()) => {
            info!(root = root.name, intermediate = intermediate.name, algorithm = %plan.algorithm, "made an authority");
            Ok(())
        }
        // Another server was faster.
        Err(CommitError::Taken { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
