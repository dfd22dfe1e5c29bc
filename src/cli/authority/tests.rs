//! Authorities while the server runs: over a real engine, with keys that cost little.

use std::time::Duration;

use actix_web::{App, web};
use chancery_actors::audit::{Act, ActError};
use chancery_actors::engine::Running;
use chancery_actors::ports::{Draft, DraftError, DraftRequest, Issue, KeySource};
use chancery_actors::{Engine, Ports, Settings};
use chancery_machine::certificate::CertificateRecord;
use chancery_machine::identifier::Subject;
use chancery_machine::profile::{ProfileName, RaProfile, Seconds};
use chancery_machine::time::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use serde_json::{Value, json};

use super::*;
use crate::acme::AccountUrls;
use crate::admin::Admin;
use crate::admin::apply::{ApplyError, Declared, Options};
use crate::admin::authorities::{
    self as admin, Alteration, Authorities as _, AuthorityError, AuthorityView, KeptAuthorities as _, NewAuthority,
};
use crate::admin::error::AdminError;
use crate::admin::operator::Operator;
use crate::admin::settings::RaProfileSettings;
use crate::cli::repository::{self, Repository};
use crate::pki::name::ServerName;
use crate::span::Span;
use crate::store::MemoryStore;
use crate::system::SystemEntropy;
use crate::validate::{Limits, Validators};
use crate::vault::Vault;

const DAY: u64 = 86_400;

/// A server without its sockets.
struct Lab {
    store: Arc<dyn Store>,
    opened: Arc<Authorities>,
    kept: StoredAuthorities,
    engine: Engine,
    running: Running,
}

fn publication() -> Publication {
    Publication::new("http://ca.example:8081").expect("a base")
}

fn seal() -> Seal {
    Seal { passphrase: SecretString::from("a passphrase of tests"), cost: SealCost::WEAK }
}

fn keeper(store: &Arc<dyn Store>) -> (Arc<Authorities>, StoredAuthorities) {
    let opened = Arc::new(Authorities::new(Some(publication())));
    let kept = StoredAuthorities::new(
        Arc::clone(store),
        Arc::clone(&opened),
        publication(),
        seal(),
        Arc::new(SystemClock),
        &[],
    );
    (opened, kept)
}

/// With a root named `Root` and an intermediate named `First`.
fn test(test: impl AsyncFnOnce(&Lab)) {
    actix_rt::System::new().block_on(async {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let name = |text| AuthorityName::new(Some("Tests"), text).expect("a name");
        let plan = HierarchyPlan {
            algorithm: KeyAlgorithm::P256,
            publication: Some(publication()),
            ..HierarchyPlan::new(name("Root"), name("First"))
        };
        let made = make_hierarchy(&plan, SystemClock.now(), &seal().passphrase, SealCost::WEAK).expect("it is made");
        commit(&*store, vec![creation(&made.root), creation(&made.intermediate)]).await.expect("it is stored");
        let (opened, kept) = keeper(&store);
        kept.refresh().await.expect("it opens");
        let clock = Arc::new(SystemClock);
        let ports = Ports {
            store: Arc::clone(&store),
            validate: Arc::new(Validators::new(clock.clone(), Limits::default())),
            clock,
            entropy: Arc::new(SystemEntropy),
            issue: opened.clone(),
            urls: Arc::new(AccountUrls { origin: "https://localhost".into() }),
        };
        let settings = Settings { shards: 1, issuers: 1, ..Settings::default() };
        let (engine, running) = Engine::start(ports, settings).expect("it starts");
        let lab = Lab { store, opened, kept, engine, running };
        test(&lab).await;
        let Lab { engine, running, .. } = lab;
        drop(engine);
        running.stop(Duration::from_secs(60)).expect("it stops");
    });
}

fn below(name: &str) -> NewAuthority {
    let algorithm = Some("p256".to_owned());
    NewAuthority { name: name.to_owned(), parent: Some("Root".to_owned()), algorithm, ..NewAuthority::default() }
}

impl Lab {
    async fn create(&self, new: &NewAuthority) -> Result<AuthorityView, AuthorityError> {
        let creation = admin::Creation::prepare(&self.engine, &self.kept, new).await?;
        let made = self.engine.administer("tests", async || creation.plan().await).await;
        creation.open().await;
        made.map_err(|error| match error {
            ActError::Refused(refused) => refused,
            ActError::Turn(error) => error.into(),
        })
    }

    async fn set_enabled(&self, name: &str, enabled: bool) -> Result<AuthorityView, AuthorityError> {
        let disabled = (!enabled).then(|| self.engine.now());
        let action = if enabled { "enable" } else { "disable" };
        self.alter(action, name, None, &Alteration::Disabled(disabled)).await
    }

    async fn alter(
        &self,
        action: &'static str,
        name: &str,
        if_match: Option<u64>,
        alteration: &Alteration,
    ) -> Result<AuthorityView, AuthorityError> {
        admin::alter(&self.engine, &self.kept, ("tests", action), name, if_match, alteration).await
    }

    async fn delete(&self, name: &str, force: bool) -> Result<(), AuthorityError> {
        admin::delete(&self.engine, &self.kept, "tests", name, force, None).await
    }

    async fn read(&self, name: &str) -> AuthorityView {
        admin::read(&self.engine, &self.kept, name).await.expect("it is there")
    }

    fn id(&self, name: &str) -> AuthorityId {
        self.opened.named(name).expect("it is open").id()
    }

    fn draft(&self, name: &str) -> Result<Draft, DraftError> {
        draft(&self.opened, self.id(name))
    }

    /// Keeps a certificate that the authority would have issued, valid until so long from now, or before.
    async fn issue(&self, name: &str, not_after: Timestamp) {
        let draft = self.draft(name).expect("it drafts");
        let der = self.opened.sign(&draft).expect("it signs");
        let record = CertificateRecord {
            order: None,
            authority: draft.authority,
            serial: draft.serial,
            subjects: Vec::new(),
            not_before: draft.not_before,
            not_after,
            issued: self.engine.now(),
            spki_sha256: Engine::key_digest(&draft.public_key),
            der,
            profiles: None,
            period: None,
        };
        self.engine.keep_certificate(record).await.expect("it is kept");
    }

    async fn declare(&self, profile: &str, authority: &str) {
        let name = ProfileName::parse(profile).expect("a name");
        let settings = RaProfileSettings { authority: Some(authority.to_owned()), ..RaProfileSettings::default() };
        let made = settings.profile(name, |asked| self.kept.resolve(asked)).expect("a sound profile");
        let written = self.engine.administer::<(), StoreError>("tests", async || {
            let catalog = self.engine.catalog().await?;
            let (writes, _) = self.engine.profile_writes(catalog.ra.get(&made.name), made.clone()).await?;
            Ok(Act { writes, ..Act::nothing(()) })
        });
        written.await.expect("it is written");
    }

    async fn log(&self) -> Vec<(String, String)> {
        let last = self.engine.audit_head().await.expect("it is read").number;
        let mut log = Vec::new();
        for number in 1..=last {
            let entry = self.engine.audit_entry(number).await.expect("it is read").expect("it is there");
            let said = entry.after.or(entry.before).expect("it says what");
            let said: Value = serde_json::from_str(&said).expect("JSON");
            log.push((entry.action, said["name"].as_str().unwrap_or_default().to_owned()));
        }
        assert_eq!(self.engine.verify_audit().await.expect("it is read").broken, None);
        log
    }
}

fn draft(opened: &Authorities, authority: AuthorityId) -> Result<Draft, DraftError> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).expect("parameters");
    let csr = params.serialize_request(&key).expect("a CSR").der().to_vec();
    let name = ProfileName::parse("tests").expect("a name");
    let profile = RaProfileSettings::default().profile(name, |_| Ok(authority)).expect("it is sound");
    let mut serial_entropy = [0; 16];
    aws_lc_rs::rand::fill(&mut serial_entropy).expect("randomness");
    opened.draft(&DraftRequest {
        profile: Arc::new(profile),
        key: KeySource::Csr(csr),
        subjects: vec![Subject::dns("a.example").expect("a name")],
        serial_entropy,
        not_before: None,
        not_after: None,
        now: SystemClock.now(),
    })
}

/// Judged by another implementation.
fn trusted(root: &[u8], issuing: &[u8], certificate: &[u8]) -> Result<(), webpki::Error> {
    let [root, issuing, certificate] = [root, issuing, certificate].map(CertificateDer::from);
    let anchor = webpki::anchor_from_trusted_cert(&root)?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(SystemClock.now().seconds()));
    let usage = webpki::KeyUsage::server_auth();
    let all = webpki::ALL_VERIFICATION_ALGS;
    webpki::EndEntityCert::try_from(&certificate)?
        .verify_for_usage(all, &[anchor], &[issuing], now, usage, None, None)
        .map(drop)
}

fn field(error: AuthorityError) -> String {
    let AuthorityError::Fault(fault) = error else { panic!("{error}") };
    fault.field
}

#[test]
fn one_that_is_made_issues_at_once_and_after_a_restart() {
    test(async |lab| {
        let made = lab.create(&below("Second")).await.expect("it is made");
        let root = lab.read("Root").await;
        assert_eq!((made.kind.as_str(), made.enabled, made.revision), ("intermediate", true, 1));
        assert_eq!((made.parent.as_deref(), made.algorithm.as_str()), (Some(root.id.as_str()), "p256"));
        assert_eq!(made, lab.read("Second").await);
        assert_eq!(made, lab.read(&made.id).await);
        assert_eq!(made.crl_url, Some(format!("http://ca.example:8081/crl/{}.crl", made.id)));
        assert_eq!(lab.kept.resolve(Some("Second")).map(|id| id.to_string()), Ok(made.id.clone()));
        let names: Vec<_> =
            admin::list(&lab.engine, &lab.kept).await.expect("read").into_iter().map(|a| a.name).collect();
        assert_eq!((names.len(), names.last().map(String::as_str)), (3, Some("Second")));

        let draft = lab.draft("Second").expect("it drafts");
        let certificate = lab.opened.sign(&draft).expect("it signs");
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).expect("it parses");
        assert_eq!(parsed.issuer().to_string(), "CN=Second");
        let chain = lab.engine.chain(draft.authority).expect("a chain");
        let (_, issuing) = x509_parser::parse_x509_certificate(&chain[0]).expect("it parses");
        assert_eq!(
            trusted(lab.opened.named("Root").expect("it is open").certificate(), &chain[0], &certificate),
            Ok(())
        );
        assert_eq!(issuing.issuer().to_string(), "O=Tests, CN=Root");
        assert_eq!(certificate_pem(&chain[0]), made.certificate);

        // Its CRL does not wait for the next look.
        while lab.engine.crl(draft.authority).await.expect("it is read").is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }

        let (opened, kept) = keeper(&lab.store);
        assert!(opened.named("Second").is_none());
        kept.refresh().await.expect("it opens");
        assert_eq!(opened.sign(&draft), Ok(certificate));
    });
}

#[test]
fn the_repository_shows_what_there_is_now() {
    test(async |lab| {
        let repository =
            web::Data::new(Repository { engine: lab.engine.clone(), authorities: Arc::clone(&lab.opened) });
        let app = App::new().app_data(repository).configure(repository::configure);
        let app = actix_web::test::init_service(app).await;
        let get = async |path: &str| {
            let request = actix_web::test::TestRequest::get().uri(path).to_request();
            let answer = actix_web::test::call_service(&app, request).await;
            (answer.status().as_u16(), actix_web::test::read_body(answer).await.to_vec())
        };
        let made = lab.create(&below("Second")).await.expect("it is made");
        let (crl, certificate) = (format!("/crl/{}.crl", made.id), format!("/ca/{}.crt", made.id));
        let mut answer = get(&crl).await;
        while answer.0 == 503 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            answer = get(&crl).await;
        }
        let (rest, list) = x509_parser::parse_x509_crl(&answer.1).expect("it parses");
        assert_eq!((answer.0, rest, list.issuer().to_string()), (200, &[][..], "CN=Second".to_owned()));
        let (status, der) = get(&certificate).await;
        assert_eq!((status, certificate_pem(&der)), (200, made.certificate));
        let root = certificate_pem(lab.opened.named("Root").expect("it is open").certificate());
        assert_eq!(get("/root.pem").await, (200, root.into_bytes()));
        lab.set_enabled("Second", false).await.expect("it is disabled");
        assert_eq!((get(&crl).await.0, get(&certificate).await.0), (200, 200));
        lab.delete("Second", false).await.expect("it is deleted");
        assert_eq!((get(&crl).await.0, get(&certificate).await.0), (404, 404));
    });
}

#[test]
fn a_root_is_made_with_its_intermediate() {
    test(async |lab| {
        let new = NewAuthority {
            name: "Lab".into(),
            root_name: Some("Lab Root".into()),
            organization: Some("Lab, Inc.".into()),
            algorithm: Some("ed25519".into()),
            validity: Some(Span::days(30)),
            root_validity: Some(Span::days(60)),
            ..NewAuthority::default()
        };
        let made = lab.create(&new).await.expect("it is made");
        let root = lab.read("Lab Root").await;
        assert_eq!((root.kind.as_str(), root.parent.as_ref()), ("root", None));
        assert_eq!(made.parent, Some(root.id));
        assert_eq!((made.algorithm.as_str(), made.subject.as_str()), ("ed25519", "CN=Lab,O=Lab\\, Inc."));
        assert!(made.not_after < root.not_after);
        assert!(lab.draft("Lab").is_ok());
        assert_eq!(lab.log().await, [("create".into(), "Lab Root".into()), ("create".into(), "Lab".into())]);
        // The first one stays what is taken where nothing is said.
        assert_eq!(lab.kept.resolve(None), Ok(lab.id("First")));
    });
}

#[test]
fn a_disabled_one_issues_nothing_and_goes_on_with_its_crl() {
    test(async |lab| {
        lab.create(&below("Second")).await.expect("it is made");
        let before = lab.draft("First").expect("it drafts");
        let disabled = lab.set_enabled("First", false).await.expect("it is disabled");
        assert_eq!((disabled.enabled, disabled.revision), (false, 2));
        assert_eq!(disabled, lab.read("First").await);
        assert!(matches!(lab.draft("First"), Err(DraftError::Refused(why)) if why.contains("disabled")));
        let life = lab.opened.lifetime(before.authority).expect_err("no orders are placed");
        assert!(life.to_string().contains("\"First\" is disabled"), "{life}");
        assert_eq!(lab.kept.resolve(None), Ok(lab.id("Second")));
        // What was finalized before is kept to, and whoever has to judge it gets a CRL.
        assert!(lab.opened.sign(&before).is_ok());
        assert!(lab.opened.authorities().contains(&before.authority));
        while lab.engine.crl(before.authority).await.expect("it is read").is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }

        let (opened, kept) = keeper(&lab.store);
        kept.refresh().await.expect("it opens");
        assert!(draft(&opened, before.authority).is_err());
        // Nothing is done, and nothing logged.
        assert_eq!(lab.set_enabled("First", false).await, Ok(disabled.clone()));
        let stale = lab.alter("enable", "First", Some(1), &Alteration::Disabled(None)).await;
        assert_eq!(stale, Err(AuthorityError::Changed { now: 2 }));

        assert!(lab.set_enabled(&disabled.id, true).await.expect("it is enabled").enabled);
        assert!(lab.draft("First").is_ok());
        // Another node hears of it.
        kept.refresh().await.expect("it opens");
        assert!(draft(&opened, before.authority).is_ok());
        let log: Vec<_> = lab.log().await.into_iter().map(|(action, _)| action).collect();
        assert_eq!(log, ["create", "disable", "enable"]);
    });
}

#[test]
fn where_all_are_disabled_the_server_still_speaks_https() {
    test(async |lab| {
        lab.set_enabled("First", false).await.expect("it is disabled");
        let first = lab.opened.first(SystemClock.now());
        assert_eq!(first, Some(lab.id("First")));
        let names = [ServerName::parse("localhost").expect("a name")];
        let own = lab.opened.server_certificate(lab.id("First"), &names, Seconds(DAY), SystemClock.now());
        assert!(own.is_ok(), "{own:?}");
    });
}

#[test]
fn names_are_unique() {
    test(async |lab| {
        for taken in ["First", "Root"] {
            assert_eq!(field(lab.create(&below(taken)).await.expect_err("taken")), "name");
        }
        let id = lab.id("First").to_string();
        assert_eq!(field(lab.create(&below(&id)).await.expect_err("an id is no name")), "name");
        let mut new = below("Second");
        (new.parent, new.root_name) = (None, Some("First".into()));
        assert_eq!(field(lab.create(&new).await.expect_err("taken")), "rootName");
        // Two nodes at once: the store lets one of them through.
        let (one, other) = (below("Second"), below("Second"));
        let (one, other) = tokio::join!(lab.create(&one), lab.create(&other));
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        let lost = one.err().or(other.err()).expect("one of them");
        assert_eq!(field(lost), "name");
        assert_eq!(lab.log().await.len(), 1);
    });
}

#[test]
fn a_wrong_plan_names_the_field() {
    test(async |lab| {
        lab.create(&below("Second")).await.expect("it is made");
        lab.set_enabled("Root", false).await.expect("it is disabled");
        assert_eq!(field(lab.create(&below("Third")).await.expect_err("its root is disabled")), "parent");
        lab.set_enabled("Root", true).await.expect("it is enabled");
        for (change, wrong) in [
            (json!({"name": ""}), "name"),
            (json!({"name": "x".repeat(65)}), "name"),
            (json!({"parent": "Nobody"}), "parent"),
            (json!({"parent": "Second"}), "parent"),
            (json!({"parent": null}), "parent"),
            (json!({"rootName": "Another"}), "rootName"),
            (json!({"parent": null, "rootName": "Third"}), "rootName"),
            (json!({"parent": null, "rootName": " x"}), "rootName"),
            (json!({"organization": ""}), "organization"),
            (json!({"algorithm": "dsa"}), "algorithm"),
            (json!({"validity": 60}), "validity"),
            (json!({"validity": "7400d"}), "validity"),
            (json!({"rootValidity": "90d"}), "rootValidity"),
            (json!({"parent": null, "rootName": "R", "rootValidity": "90d", "validity": "91d"}), "validity"),
        ] {
            let mut members = json!({"name": "Third", "parent": "Root", "algorithm": "p256"});
            for (name, value) in change.as_object().expect("an object") {
                members[name] = value.clone();
            }
            let new: NewAuthority = serde_json::from_value(members).expect("it is read");
            assert_eq!(field(lab.create(&new).await.expect_err("refused")), wrong, "{change}");
        }
        assert!(serde_json::from_value::<NewAuthority>(json!({"name": "x", "kay": 1})).is_err());
        assert_eq!(lab.kept.all().await.expect("it is read").len(), 3);
        let missing = lab.set_enabled("Nobody", true).await;
        assert_eq!(missing, Err(AuthorityError::NotFound("Nobody".into())));
        assert!(lab.kept.resolve(Some("Root")).expect_err("it does not issue").contains("is a root"));
        assert!(lab.kept.resolve(Some("Nobody")).is_err());
    });
}

#[test]
fn the_log_says_what_was_made_and_no_secret() {
    test(async |lab| {
        let made = lab.create(&below("Second")).await.expect("it is made");
        let entry = lab.engine.audit_entry(1).await.expect("it is read").expect("it is there");
        assert_eq!((entry.who.as_str(), entry.action.as_str()), ("tests", "create"));
        assert_eq!((entry.object, entry.before), (format!("authority/{}", made.id), None));
        let after: Value = serde_json::from_str(&entry.after.expect("it says what")).expect("JSON");
        assert_eq!(after["certificate"], made.certificate);
        // Only what everybody may read, by name: whatever is added has to be thought of here.
        let members: Vec<_> = after.as_object().expect("an object").keys().map(String::as_str).collect();
        let mut public = vec![
            "algorithm",
            "certificate",
            "chains",
            "createdAt",
            "crlUrl",
            "disabledAt",
            "enabled",
            "fingerprint",
            "id",
            "kind",
            "name",
            "notAfter",
            "notBefore",
            "parent",
            "renewalCall",
            "revision",
            "serial",
            "subject",
        ];
        public.sort_unstable();
        assert_eq!(members, public);
        assert_eq!(
            (after["serial"].as_str().map(str::len), after["fingerprint"].as_str().map(str::len)),
            (Some(32), Some(64))
        );
    });
}

#[test]
fn what_something_depends_on_is_not_deleted() {
    test(async |lab| {
        let used_by = |outcome: Result<(), AuthorityError>| {
            let Err(AuthorityError::InUse(by)) = outcome else { panic!("{outcome:?}") };
            by
        };
        assert_eq!(used_by(lab.delete("Root", true).await), ["authority/First"]);
        assert!(used_by(lab.delete("First", true).await)[0].contains("last intermediate"));
        lab.create(&below("Second")).await.expect("it is made");
        lab.declare("web", "Second").await;
        assert_eq!(lab.read("Second").await.ra_profiles, ["web"]);
        assert_eq!(used_by(lab.delete("Second", true).await), ["raProfile/web"]);
        lab.declare("web", "First").await;

        let now = lab.engine.now();
        lab.issue("Second", now.minus(Seconds(DAY).into())).await;
        assert!(used_by(lab.delete("Second", false).await)[0].contains("over since"));
        lab.issue("Second", now.plus(Seconds(DAY).into())).await;
        for force in [false, true] {
            assert!(used_by(lab.delete("Second", force).await)[0].contains("valid until"));
        }
        let stale = admin::delete(&lab.engine, &lab.kept, "tests", "Second", true, Some(7)).await;
        assert_eq!(stale, Err(AuthorityError::Changed { now: 1 }));
    });
}

#[test]
fn what_nothing_depends_on_is_deleted_and_its_name_is_free() {
    test(async |lab| {
        let made = lab.create(&below("Second")).await.expect("it is made");
        let id = lab.id("Second");
        while lab.engine.crl(id).await.expect("it is read").is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        lab.issue("Second", lab.engine.now().minus(Seconds(DAY).into())).await;
        let (elsewhere, kept) = keeper(&lab.store);
        kept.refresh().await.expect("it opens");
        admin::delete(&lab.engine, &lab.kept, "tests", "Second", true, Some(1)).await.expect("it is deleted");
        assert!(lab.opened.find(id).is_none());
        assert_eq!(lab.engine.crl(id).await.map(|crl| crl.is_some()), Ok(false));
        let gone = admin::read(&lab.engine, &lab.kept, &made.id).await;
        assert_eq!(gone, Err(AuthorityError::NotFound(made.id.clone())));
        assert!(elsewhere.find(id).is_some());
        kept.refresh().await.expect("it is read");
        assert!(elsewhere.find(id).is_none());

        let again = lab.create(&below("Second")).await.expect("it is made");
        assert_ne!(again.id, made.id);
        lab.delete("Second", false).await.expect("it has issued nothing");
        let log: Vec<_> = lab.log().await.into_iter().map(|(action, _)| action).collect();
        assert_eq!(log, ["create", "delete", "create", "delete"]);
    });
}

#[test]
fn what_was_deleted_signs_for_no_new_profile_though_it_is_still_open_here() {
    test(async |lab| {
        lab.create(&below("Second")).await.expect("it is made");
        let (_, elsewhere) = keeper(&lab.store);
        elsewhere.refresh().await.expect("it opens");
        lab.delete("Second", false).await.expect("it is deleted");
        let admin = Admin {
            engine: lab.engine.clone(),
            store: Arc::clone(&lab.store),
            vault: Arc::new(Vault::open(&*lab.store, &seal().passphrase).await.expect("it is made")),
            authorities: Arc::new(elsewhere),
            origin: "https://ca.example".to_owned(),
            sessions: crate::admin::sessions::SessionRules {
                idle: Duration::from_secs(60),
                lifetime: Duration::from_secs(600),
            },
            surroundings: Arc::new(Nothing),
            overview: crate::admin::overview::LastOverview::default(),
            perspectives: Vec::new(),
        };
        let members = |value: Value| value.as_object().cloned().expect("an object");
        let new = members(json!({"name": "web", "authority": "Second"}));
        let refused = admin.create_profile::<RaProfile>(&Operator::system(), new, None).await;
        let Err(AdminError::Invalid(faults)) = refused else { panic!("{refused:?}") };
        assert_eq!(faults[0].field, "authority");
        let declared = members(json!({"authority": "Second"}));
        let declared = Declared { ra_profiles: [("web".to_owned(), declared)].into(), ..Declared::default() };
        let refused = admin.apply("tests", &declared, Options::default()).await;
        assert!(matches!(refused, Err(ActError::Refused(ApplyError::Fault { .. }))), "{refused:?}");
        let first = members(json!({"name": "web", "authority": "First"}));
        admin.create_profile::<RaProfile>(&Operator::system(), first, None).await.expect("it signs");
    });
}

/// Surroundings that are not there.
struct Nothing;

#[async_trait::async_trait]
impl crate::admin::overview::Surroundings for Nothing {
    async fn resolves(&self, _: &chancery_machine::network::NetworkRules) -> Result<(), String> {
        Err("nobody is asked here".to_owned())
    }
}
