//! The authorities of the store as operators deal with them: what the use cases of `admin` need of keys and snapshots.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest;
use chancery_actors::ports::{Body, Clock, Kind, ObjectId, Revision, Store, StoreError, Term, Write};
use chancery_machine::certificate::Certificate;
use chancery_machine::id::AuthorityId;
use chancery_machine::order::{Order, OrderState};
use chancery_machine::profile::Seconds;
use chancery_machine::snapshot::{self, Snapshot};
use chancery_machine::time::Timestamp;
use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tracing::{error, info};

use crate::admin::authorities::{
    self as admin, AlterError, Alteration, AuthorityInfo, ChainInfo, Issued, KeptAuthorities, NewAuthority,
    PrepareError, Prepared,
};
use crate::admin::settings::Fault;
use crate::admin::time::rfc3339;
use crate::pki::authorities::Authorities;
use crate::pki::authority::{Authority, AuthorityKind, Opened, certificate_pem};
use crate::pki::chain::{Chain, MOST_CHAINS};
use crate::pki::hierarchy::{
    Hierarchy, HierarchyError, HierarchyPlan, IntermediatePlan, make_hierarchy, make_intermediate,
};
use crate::pki::key::{KeyAlgorithm, UnknownAlgorithm};
use crate::pki::name::{AuthorityName, Publication};
use crate::pki::sealed::SealCost;
use crate::span::Span;

/// How many objects are looked up at a time.
const PAGE: usize = 256;

/// Nobody needs an authority for less than an hour, or for more than a hundred years.
const VALIDITIES: std::ops::RangeInclusive<u64> = 3600..=36_525 * 86_400;

/// An authority of the store, and its revision there.
pub(super) struct Kept {
    pub(super) authority: Authority,
    pub(super) revision: Revision,
}

/// What seals keys and opens them.
pub(super) struct Seal {
    pub(super) passphrase: SecretString,
    pub(super) cost: SealCost,
}

/// The authorities of the store, and the passphrase of their keys.
pub(crate) struct StoredAuthorities {
    store: Arc<dyn Store>,
    opened: Arc<Authorities>,
    publication: Publication,
    seal: Arc<Seal>,
    clock: Arc<dyn Clock>,
    /// The revisions that are open. Held while they are compared with the store, so that nobody closes what another has
    /// opened just now.
    seen: Mutex<BTreeMap<AuthorityId, Revision>>,
}

impl StoredAuthorities {
    /// Those of the store; `all` are open already.
    pub(super) fn new(
        store: Arc<dyn Store>,
        opened: Arc<Authorities>,
        publication: Publication,
        seal: Seal,
        clock: Arc<dyn Clock>,
        all: &[Kept],
    ) -> Self {
        let seen = all.iter().map(|kept| (kept.authority.id, kept.revision)).collect();
        Self { store, opened, publication, seal: Arc::new(seal), clock, seen: Mutex::new(seen) }
    }

    fn info(&self, kept: &Kept, all: &[Kept]) -> Result<AuthorityInfo, StoreError> {
        let Kept { authority, revision } = kept;
        let said = authority.describe().map_err(|error| {
            StoreError::Corrupt(format!("{}: {error}", ObjectId { kind: Kind::Authority, id: authority.id.0 }))
        })?;
        let above = all.iter().find(|other| {
            other.authority.id != authority.id && other.authority.certificate() == authority.root_certificate()
        });
        Ok(AuthorityInfo {
            id: authority.id,
            stored: *revision,
            name: authority.name.clone(),
            kind: match authority.kind {
                AuthorityKind::Root => admin::AuthorityKind::Root,
                AuthorityKind::Intermediate => admin::AuthorityKind::Intermediate,
            },
            parent: above.map(|root| root.authority.id),
            algorithm: said.algorithm,
            subject: said.subject,
            serial: said.serial,
            not_before: said.not_before,
            not_after: said.not_after,
            fingerprint: said.fingerprint,
            certificate_pem: certificate_pem(authority.certificate()),
            crl_url: Some(self.publication.crl(authority.id)),
            disabled: authority.disabled,
            call: authority.call,
            chains: authority.alternates().iter().map(chain_info).collect(),
            made: authority.made,
        })
    }

    /// The record as it is then.
    fn altered(&self, mut authority: Authority, alteration: &Alteration) -> Result<Authority, AlterError> {
        match alteration {
            // What was disabled before stays so since then.
            Alteration::Disabled(Some(_)) if authority.disabled.is_some() => {}
            Alteration::Disabled(disabled) => authority.disabled = *disabled,
            Alteration::Called(call) => authority.call = *call,
            Alteration::ChainAdded(pem) => {
                let chain = self.chain(&authority, pem).map_err(|why| Fault::new("certificates", why))?;
                authority.chains.push(chain.certificates.into_iter().map(Into::into).collect());
            }
            Alteration::ChainRemoved(id) => {
                let place = authority.alternates().iter().position(|chain| chain.id == *id);
                authority.chains.remove(place.ok_or_else(|| AlterError::NoChain(id.clone()))?);
            }
        }
        Ok(authority)
    }

    /// A chain that an authority may have beside those that it has; else a sentence for whoever gave it.
    fn chain(&self, authority: &Authority, pem: &str) -> Result<Chain, String> {
        if authority.kind == AuthorityKind::Root {
            return Err("a root signs no certificates that clients would fetch a chain of".to_owned());
        }
        let opened = self.opened.find(authority.id).ok_or("the authority is not open here; the log says why")?;
        let chain = Chain::read(pem, &opened, self.clock.now()).map_err(|bad| bad.to_string())?;
        let known = authority.alternates();
        if chain.certificates == opened.chain() || known.contains(&chain) {
            return Err("the authority has this chain already".to_owned());
        }
        if known.len() >= MOST_CHAINS {
            return Err(format!("an authority has at most {MOST_CHAINS} chains beside its own; remove one"));
        }
        Ok(chain)
    }

    /// Opens what is new, and says whether it is open now.
    async fn opens(&self, authority: Authority) -> bool {
        if self.opened.update(&authority) {
            return true;
        }
        let (opened, seal, name) = (Arc::clone(&self.opened), Arc::clone(&self.seal), authority.name.clone());
        match spawn_blocking(move || opened.open(&authority, &seal.passphrase)).await {
            Ok(Ok(())) => {
                info!(authority = name, "opened an authority");
                true
            }
            Ok(Err(failure)) => {
                error!(authority = name, %failure, "an authority does not open; it is tried again");
                false
            }
            Err(failure) => {
                error!(authority = name, %failure, "opening an authority panicked; it is tried again");
                false
            }
        }
    }
}

impl admin::Authorities for StoredAuthorities {
    fn resolve(&self, asked: Option<&str>) -> Result<AuthorityId, String> {
        let Some(asked) = asked else {
            return self.opened.first(self.clock.now()).ok_or_else(|| "there is no intermediate authority".to_owned());
        };
        let found = self.opened.named(asked).ok_or_else(|| format!("there is no authority {asked:?}"))?;
        match found.kind() {
            AuthorityKind::Intermediate => Ok(found.id()),
            AuthorityKind::Root => {
                Err(format!("{asked:?} is a root, which signs intermediates only; name one of those"))
            }
        }
    }
}

#[async_trait]
impl KeptAuthorities for StoredAuthorities {
    async fn all(&self) -> Result<Vec<AuthorityInfo>, StoreError> {
        let all = stored(&*self.store).await?;
        all.iter().map(|kept| self.info(kept, &all)).collect()
    }

    async fn prepare(&self, new: &NewAuthority, root: Option<&AuthorityInfo>) -> Result<Prepared, PrepareError> {
        let now = self.clock.now();
        let wish = match root {
            Some(root) => {
                let opened = self.opened.find(root.id).ok_or_else(|| {
                    PrepareError::Failed(format!("the root {:?} is not open here; the log says why", root.name))
                })?;
                Wish::below(new, root, opened, now)?
            }
            None => Wish::both(new, &self.publication)?,
        };
        let seal = Arc::clone(&self.seal);
        let made = spawn_blocking(move || wish.make(now, &seal)).await.map_err(|error| failed(&error))?;
        let kept = |authority| Kept { authority, revision: Revision::ABSENT.next() };
        let made: Vec<_> = made.map_err(|error| failed(&error))?.into_iter().map(kept).collect();
        let writes = made.iter().map(|kept| creation(&kept.authority)).collect();
        let mut infos = made.iter().map(|kept| self.info(kept, &made)).collect::<Result<Vec<_>, _>>();
        if let (Ok(infos), Some(root)) = (&mut infos, root) {
            infos.iter_mut().for_each(|below| below.parent = Some(root.id));
        }
        Ok(Prepared { writes, made: infos.map_err(|error| failed(&error))? })
    }

    async fn altering(
        &self,
        authority: &AuthorityInfo,
        alteration: &Alteration,
    ) -> Result<(Write, AuthorityInfo), AlterError> {
        let object = ObjectId { kind: Kind::Authority, id: authority.id.0 };
        let found = load(&*self.store, object).await?.filter(|found| found.revision == authority.stored);
        let found = found.ok_or(AlterError::Overtaken)?;
        let altered = self.altered(found.authority.clone(), alteration)?;
        let same = altered == found.authority;
        let revision = if same { found.revision } else { found.revision.next() };
        let body = body(&*self.store, &altered).await?;
        let info = self.info(&Kept { authority: altered, revision }, &[])?;
        let info = AuthorityInfo { parent: authority.parent, ..info };
        Ok((Write { object, expected: authority.stored, body: Some(body) }, info))
    }

    async fn removal(&self, authority: &AuthorityInfo) -> Result<Vec<Write>, StoreError> {
        let object = ObjectId { kind: Kind::Authority, id: authority.id.0 };
        let mut writes = vec![Write { object, expected: authority.stored, body: None }];
        let crl = ObjectId { kind: Kind::Crl, id: authority.id.0 };
        if let Some(found) = self.store.load(crl).await? {
            writes.push(Write { object: crl, expected: found.revision, body: None });
        }
        Ok(writes)
    }

    async fn issued(&self, authority: AuthorityId, now: Timestamp) -> Result<Issued, StoreError> {
        let mut after = None;
        loop {
            let page = self.store.owing(after, PAGE).await?;
            for object in page.iter().filter(|object| object.kind == Kind::Order) {
                if let Some(Order { state: OrderState::Processing { intent }, .. }) =
                    machine(&*self.store, *object).await?
                    && intent.draft.authority == authority
                {
                    return Ok(Issued::Alive(intent.draft.not_after));
                }
            }
            after = page.last().copied();
            if page.len() < PAGE {
                break;
            }
        }
        let (mut after, mut last) = (None, None);
        loop {
            let page = self.store.scan(Kind::Certificate, after, PAGE).await?;
            for object in &page {
                let Some(certificate) = machine::<Certificate>(&*self.store, *object).await? else { continue };
                let record = certificate.record;
                if record.authority != authority {
                    continue;
                }
                if record.not_after >= now {
                    return Ok(Issued::Alive(record.not_after));
                }
                last = last.max(Some(record.not_after));
            }
            after = page.last().copied();
            if page.len() < PAGE {
                return Ok(last.map_or(Issued::Nothing, Issued::Over));
            }
        }
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        let mut seen = self.seen.lock().await;
        let all = stored(&*self.store).await?;
        for gone in self.opened.ids() {
            if !all.iter().any(|kept| kept.authority.id == gone) {
                self.opened.close(gone);
                seen.remove(&gone);
                info!(authority = %gone, "closed an authority that was deleted");
            }
        }
        for Kept { authority, revision } in all {
            let id = authority.id;
            if seen.get(&id) != Some(&revision) && self.opens(authority).await {
                seen.insert(id, revision);
            }
        }
        Ok(())
    }
}

fn chain_info(chain: &Chain) -> ChainInfo {
    ChainInfo {
        id: chain.id.clone(),
        issuer: chain.issuer.clone(),
        not_after: chain.not_after,
        pem: chain.certificates.iter().map(|der| certificate_pem(der)).collect(),
    }
}

fn failed(error: &dyn std::fmt::Display) -> PrepareError {
    PrepareError::Failed(error.to_string())
}

/// Unique: the first hierarchy of a store.
pub(super) fn first_hierarchy() -> Term {
    Term(b"first-hierarchy".to_vec())
}

/// Unique: the authority of this name. A digest, since names are longer than terms may be.
fn named(name: &str) -> Term {
    Term([&b"authority-name/"[..], digest::digest(&digest::SHA256, name.as_bytes()).as_ref()].concat())
}

/// The write that makes an authority.
pub(super) fn creation(authority: &Authority) -> Write {
    Write {
        object: ObjectId { kind: Kind::Authority, id: authority.id.0 },
        expected: Revision::ABSENT,
        body: Some(kept_as(authority, Vec::new())),
    }
}

/// What is stored of an authority that is there already.
pub(super) async fn body(store: &dyn Store, authority: &Authority) -> Result<Body, StoreError> {
    let first = first_hierarchy();
    let holder = store.find(&first).await?;
    let is_first = holder == Some(ObjectId { kind: Kind::Authority, id: authority.id.0 });
    Ok(kept_as(authority, if is_first { vec![first] } else { Vec::new() }))
}

fn kept_as(authority: &Authority, mut unique: Vec<Term>) -> Body {
    unique.push(named(&authority.name));
    Body { bytes: authority.to_bytes(), owes: false, terms: Vec::new(), unique, forget_at: None }
}

/// Every authority of the store, the oldest first.
pub(super) async fn stored(store: &dyn Store) -> Result<Vec<Kept>, StoreError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.scan(Kind::Authority, after, PAGE).await?;
        for object in &page {
            all.extend(load(store, *object).await?);
        }
        after = page.last().copied();
        if page.len() < PAGE {
            return Ok(all);
        }
    }
}

async fn load(store: &dyn Store, object: ObjectId) -> Result<Option<Kept>, StoreError> {
    let Some(found) = store.load(object).await? else { return Ok(None) };
    let authority =
        Authority::from_bytes(&found.bytes).map_err(|error| StoreError::Corrupt(format!("{object}: {error}")))?;
    Ok(Some(Kept { authority, revision: found.revision }))
}

async fn machine<M: Snapshot>(store: &dyn Store, object: ObjectId) -> Result<Option<M>, StoreError> {
    let Some(found) = store.load(object).await? else { return Ok(None) };
    snapshot::decode(&found.bytes).map(Some).map_err(|bad| StoreError::Corrupt(format!("{object}: {bad}")))
}

/// What is to be made.
enum Wish {
    Both(Box<HierarchyPlan>),
    Below(Box<IntermediatePlan>, Arc<Opened>),
}

impl Wish {
    fn both(new: &NewAuthority, publication: &Publication) -> Result<Self, Fault> {
        let intermediate = name(new, "name", &new.name)?;
        let root = name(new, "rootName", new.root_name.as_deref().unwrap_or_default())?;
        let usual = HierarchyPlan::new(root, intermediate);
        let root_validity = span("rootValidity", new.root_validity, usual.root_validity)?;
        let intermediate_validity = span("validity", new.validity, usual.intermediate_validity.min(root_validity))?;
        if intermediate_validity > root_validity {
            return Err(Fault::new("validity", "it cannot be longer than rootValidity"));
        }
        let (algorithm, publication) = (algorithm(new)?, Some(publication.clone()));
        let plan = HierarchyPlan { algorithm, root_validity, intermediate_validity, publication, ..usual };
        Ok(Self::Both(Box::new(plan)))
    }

    fn below(new: &NewAuthority, root: &AuthorityInfo, opened: Arc<Opened>, now: Timestamp) -> Result<Self, Fault> {
        let name = name(new, "name", &new.name)?;
        let usual = HierarchyPlan::new(name.clone(), name.clone());
        if new.root_validity.is_some() {
            return Err(Fault::new("rootValidity", "the root is there already; this is for a new one, with rootName"));
        }
        let validity = span("validity", new.validity, usual.intermediate_validity)?;
        if new.validity.is_some() && now.plus(validity.into()) > root.not_after.plus(usual.backdate.into()) {
            let detail = format!("it would end after its root, which is valid until {}", rfc3339(root.not_after));
            return Err(Fault::new("validity", detail));
        }
        let plan = IntermediatePlan { algorithm: algorithm(new)?, name, validity, backdate: usual.backdate };
        Ok(Self::Below(Box::new(plan), opened))
    }

    fn make(self, now: Timestamp, seal: &Seal) -> Result<Vec<Authority>, HierarchyError> {
        match self {
            Self::Both(plan) => {
                let Hierarchy { root, intermediate } = make_hierarchy(&plan, now, &seal.passphrase, seal.cost)?;
                Ok(vec![root, intermediate])
            }
            Self::Below(plan, root) => Ok(vec![make_intermediate(&plan, &root, now, &seal.passphrase, seal.cost)?]),
        }
    }
}

fn name(new: &NewAuthority, field: &str, text: &str) -> Result<AuthorityName, Fault> {
    // Apart, so that the right field is named.
    AuthorityName::new(None, text).map_err(|bad| Fault::new(field, bad.to_string()))?;
    let organization = new.organization.as_deref();
    AuthorityName::new(organization, text).map_err(|bad| Fault::new("organization", bad.to_string()))
}

fn algorithm(new: &NewAuthority) -> Result<KeyAlgorithm, Fault> {
    let fault = |bad: UnknownAlgorithm| Fault::new("algorithm", bad.to_string());
    new.algorithm.as_deref().map_or(Ok(KeyAlgorithm::default()), |text| text.parse().map_err(fault))
}

fn span(field: &str, asked: Option<Span>, usual: Seconds) -> Result<Seconds, Fault> {
    let seconds = asked.map_or(usual, |span| span.0);
    if VALIDITIES.contains(&seconds.0) {
        Ok(seconds)
    } else {
        Err(Fault::new(field, "it has to be between an hour and a hundred years"))
    }
}
