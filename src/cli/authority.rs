//! The authority that the server issues from: made at the first start, opened at every other.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use chancery_actors::ports::{
    Body, Clock, Commit, CommitError, Kind, ObjectId, Revision, Store, StoreError, Term, Write as StoreWrite,
};
use chancery_machine::id::AuthorityId;
use secrecy::SecretString;
use tracing::info;

use crate::admin;
use crate::config::{AuthorityPlan, Config};
use crate::passphrase;
use crate::pki::authorities::Authorities;
use crate::pki::authority::{Authority, AuthorityKind, Hierarchy, HierarchyPlan, certificate_pem, make_hierarchy};
use crate::pki::key::KeyAlgorithm;
use crate::pki::name::{AuthorityName, Publication};
use crate::pki::sealed::SealCost;
use crate::system::SystemClock;

/// How many authorities are looked up at a time.
const PAGE: usize = 64;

/// What the server issues from.
pub(super) struct Opened {
    pub(super) authorities: Authorities,
    /// What signs for the profiles and for the server itself.
    pub(super) intermediate: AuthorityId,
    /// The root, DER.
    pub(super) root: Vec<u8>,
    /// Where the passphrase came from.
    pub(super) passphrase: passphrase::Source,
    /// The passphrase.
    pub(super) secret: SecretString,
}

/// An authority of the store, and its revision there.
struct Kept {
    authority: Authority,
    revision: Revision,
}

/// Opens the authorities of the store; makes them where there are none.
///
/// The intermediate is certified anew where `lasting` says that the publication URL is there to stay: the chain of what was
/// issued before changes by it, which should happen when an operator moves house and not at every start.
pub(super) async fn open(
    store: &dyn Store,
    config: &Config,
    publication: &str,
    lasting: bool,
) -> anyhow::Result<Opened> {
    let publication = Publication::new(publication)?;
    let mut all = stored(store).await?;
    let (secret, source) = passphrase::find(config.keys.passphrase_file.as_deref(), &config.data, !all.is_empty())?;
    if all.is_empty() {
        make(store, &plan(&config.authority, Some(publication.clone()))?, &secret).await?;
        all = stored(store).await?;
    }
    let authorities = Authorities::new(Some(publication));
    let open = |authority: &Authority| {
        authorities
            .open(authority, &secret)
            .with_context(|| format!("authority {:?} with the passphrase from {source}", authority.name))
    };
    let (intermediates, roots): (Vec<Kept>, Vec<Kept>) =
        all.into_iter().partition(|kept| kept.authority.kind == AuthorityKind::Intermediate);
    for root in &roots {
        open(&root.authority)?;
    }
    // The newest signs, should there ever be several.
    let mut newest: Option<Authority> = None;
    for kept in intermediates {
        // Nothing is written over that does not open.
        open(&kept.authority)?;
        let (id, before) = (kept.authority.id, kept.revision);
        let kept = if lasting { republish(store, &authorities, kept).await? } else { kept };
        let Kept { authority, revision } = kept;
        if revision != before {
            authorities.close(id);
            open(&authority)?;
        }
        newest = newest.filter(|other| other.id > authority.id).or(Some(authority));
    }
    let intermediate = newest.context("the store has no intermediate authority")?;
    let root = intermediate.root_certificate().to_vec();
    Ok(Opened { intermediate: intermediate.id, root, authorities, passphrase: source, secret })
}

/// Has the root certify an intermediate anew whose certificate points to where nothing is published any more.
async fn republish(store: &dyn Store, authorities: &Authorities, kept: Kept) -> anyhow::Result<Kept> {
    let Kept { authority, revision } = &kept;
    let opened = authorities.ids().into_iter().filter_map(|id| authorities.find(id));
    let root = opened.into_iter().find(|root| root.certificate() == authority.root_certificate());
    let Some(root) = root else { return Ok(kept) };
    let Some(renewed) = authority.republished(&root).context("the intermediate's new certificate")? else {
        return Ok(kept);
    };
    let write = StoreWrite {
        object: ObjectId { kind: Kind::Authority, id: renewed.id.0 },
        expected: *revision,
        body: Some(body(&renewed, Vec::new())),
    };
    commit(store, vec![write]).await?;
    info!(intermediate = renewed.name, "certified anew, as the publication URL has changed");
    Ok(Kept { authority: renewed, revision: revision.next() })
}

fn body(authority: &Authority, unique: Vec<Term>) -> Body {
    Body { bytes: authority.to_bytes(), owes: false, terms: Vec::new(), unique, forget_at: None }
}

async fn commit(store: &dyn Store, writes: Vec<StoreWrite>) -> Result<(), CommitError> {
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

async fn stored(store: &dyn Store) -> anyhow::Result<Vec<Kept>> {
    let mut all = Vec::new();
    let mut after: Option<ObjectId> = None;
    loop {
        let page = store.scan(Kind::Authority, after, PAGE).await?;
        for object in &page {
            if let Some(found) = store.load(*object).await? {
                let authority = Authority::from_bytes(&found.bytes).with_context(|| object.to_string())?;
                all.push(Kept { authority, revision: found.revision });
            }
        }
        after = page.last().copied();
        if page.len() < PAGE {
            return Ok(all);
        }
    }
}

/// What the settings ask for.
pub(super) fn plan(settings: &AuthorityPlan, publication: Option<Publication>) -> anyhow::Result<HierarchyPlan> {
    let algorithm: KeyAlgorithm = settings.algorithm.parse().context("authority.algorithm")?;
    let organization = settings.organization.as_deref();
    let root = AuthorityName::new(organization, &settings.root_name).context("authority.root_name")?;
    let intermediate =
        AuthorityName::new(organization, &settings.intermediate_name).context("authority.intermediate_name")?;
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
    let made = make_hierarchy(plan, SystemClock.now(), secret, SealCost::STRONG)?;
    let write = |authority: &Authority, unique: Vec<Term>| StoreWrite {
        object: ObjectId { kind: Kind::Authority, id: authority.id.0 },
        expected: Revision::ABSENT,
        body: Some(body(authority, unique)),
    };
    let first = Term::new(&b"first-hierarchy"[..]).context("the name is short")?;
    match commit(store, vec![write(&made.root, vec![first]), write(&made.intermediate, Vec::new())]).await {
        Ok(()) => {
            let Hierarchy { root, intermediate } = made;
            info!(root = root.name, intermediate = intermediate.name, algorithm = %plan.algorithm, "made an authority");
            Ok(())
        }
        // Another server was faster.
        Err(CommitError::Taken { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The authorities as RA Profiles name them.
pub(super) struct SigningAuthorities {
    pub(super) opened: Arc<Authorities>,
    /// The one to take where nothing is said.
    pub(super) first: AuthorityId,
}

impl admin::authorities::Authorities for SigningAuthorities {
    fn resolve(&self, asked: Option<&str>) -> Result<AuthorityId, String> {
        let Some(asked) = asked else { return Ok(self.first) };
        let missing = || format!("there is no authority {asked:?}");
        let id = AuthorityId::parse(asked).ok_or_else(missing)?;
        if self.opened.find(id).is_some() { Ok(id) } else { Err(missing()) }
    }
}
