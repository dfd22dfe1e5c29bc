//! `chancery serve`: the wiring.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context;
use async_trait::async_trait;
use chancery_actors::audit::ActError;
use chancery_actors::engine::Running;
use chancery_actors::ports::{Issue, Store, Validate};
use chancery_actors::{Engine, Ports, Settings};
use chancery_machine::network::{Network as Block, NetworkRules};
use tracing::{info, warn};

use super::authority::{self, Opened, StoredAuthorities};
use super::bootstrap::Prepared;
use super::clients::Clients;
use super::greeting::{self, Greeting};
use super::origin::Origin;
use super::process::{Stop, connections_per_worker};
use super::repository::{self, Repository};
use super::tls::{OwnCertificate, Owner};
use super::{ServeArgs, bootstrap, first_token, perspectives, print};
use crate::acme::nonce::{NonceSettings, Nonces};
use crate::acme::registrations::Registrations;
use crate::acme::{self, AccountUrls, Acme};
use crate::admin::apply::{Declared, Options};
use crate::admin::authorities::KeptAuthorities as _;
use crate::admin::overview::{LastOverview, Surroundings};
use crate::admin::sessions::SessionRules;
use crate::admin::{self, Admin};
use crate::config::Config;
use crate::perspective::Corroborator;
use crate::pki::authorities::Authorities;
use crate::store::redb::RedbStore;
use crate::system::{SystemClock, SystemEntropy};
use crate::ui;
use crate::validate::{Limits, Validators};
use crate::vault::Vault;

/// How long requests under way may take to end once the server is told to stop.
const SHUTDOWN: Duration = Duration::from_secs(15);

/// How often it is looked whether another node has made an authority.
const LOOK: Duration = Duration::from_secs(60);

/// Runs the server until it is told to stop.
pub(super) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    bootstrap::log()?;
    let prepared = bootstrap::prepare(args)?;
    let running = actix_rt::System::new().block_on(serve(&prepared, args.dev))?;
    running.stop(SHUTDOWN).context("stopping")?;
    drop(prepared.temporary);
    info!("stopped");
    Ok(())
}

async fn serve(Prepared { config, declared, .. }: &Prepared, dev: bool) -> anyhow::Result<Running> {
    // First of all, so that a signal during the start leads to a clean end too.
    let mut stop = Stop::listen()?;
    let clients = Clients::read(&config.admin)?;
    let remotes = perspectives::open(&config.perspectives)?;
    let known: Vec<_> = remotes.keys().cloned().collect();
    let here = Arc::new(Validators::new(Arc::new(SystemClock), Limits::default()));
    let corroborator =
        Arc::new(Corroborator::new(Arc::clone(&here) as Arc<dyn Validate>, remotes, Arc::new(SystemClock)));
    let origin = Origin::bind(config)?;
    let store: Arc<dyn Store> = Arc::new(RedbStore::open(&config.data, config.store.cache_mib << 20)?);
    let Opened { authorities, kept, intermediate, root, passphrase, secret } =
        authority::open(&store, config, &origin.publication, origin.lasting).await?;
    let root_file = config.data.join("root.pem");
    authority::export_root(&root, &root_file)?;

    let vault = Arc::new(Vault::open(&*store, &secret).await?);
    let (engine, running) = start_engine(
        config,
        &origin,
        Arc::clone(&store),
        Arc::clone(&authorities),
        Arc::clone(&corroborator),
        bootstrap::also_allowed(config, dev),
    )?;
    match engine.renew_terms().await? {
        0 => {}
        objects => info!(objects, "stored anew what an older build has stored, so that all of it is found"),
    }
    let looking = actix_rt::spawn(look_for_authorities(Arc::clone(&kept)));
    let Origin { https, http, admin: apart, external, publication, names, .. } = origin;
    let admin = web::Data::new(Admin {
        engine: engine.clone(),
        store,
        vault: Arc::clone(&vault),
        authorities: kept,
        origin: external.clone(),
        sessions: SessionRules {
            idle: config.admin.session_idle.into(),
            lifetime: config.admin.session_lifetime.into(),
        },
        surroundings: Arc::new(Network(Arc::clone(&here))),
        overview: LastOverview::default(),
        perspectives: known.clone(),
    });
    declare(&admin, declared).await?;
    perspectives::compare(&engine.profiles(), &known);
    // Beside the start: one that is down does not hold it up.
    let greeted = actix_rt::spawn(async move { corroborator.greet().await });
    let endpoint = greeting::shown(&engine.profiles());
    let owner = Owner { engine: engine.clone(), authorities: Arc::clone(&authorities), names };
    let (own, renew_at) = OwnCertificate::issue(&owner).await?;
    let asking = clients.verifier()?;
    // Where the API listens by itself, only there certificates are asked for.
    let (beside, there) = if apart.is_some() { (None, asking) } else { (asking, None) };
    let tls = Arc::clone(&own).server_config(beside)?;
    let tls_apart = Arc::clone(&own).server_config(there)?;
    let renewal = actix_rt::spawn(own.keep(owner, renew_at));

    let repository = web::Data::new(Repository { engine: engine.clone(), authorities });
    let first_token = first_token::make(&admin, config.admin.first_token_file.as_deref()).await?;
    let acme = web::Data::new(Acme {
        nonces: Nonces::new(NonceSettings::default(), &SystemEntropy),
        registrations: Registrations::default(),
        engine,
        vault,
        origin: external.clone(),
        finalize_patience: config.server.finalize_patience.into(),
    });
    let shown = repository.clone();
    let connections = connections_per_worker();
    let api = apart.as_ref().map_or(&external, |(_, url)| url).clone();
    let beside = apart.is_none().then(|| admin.clone());
    let known = clients.clone();
    let https = HttpServer::new(move || {
        let app = App::new().app_data(acme.clone()).app_data(shown.clone()).configure(repository::configure);
        let app = app.configure(|config| {
            if let Some(admin) = &beside {
                config.app_data(admin.clone()).configure(admin::rest::configure).configure(ui::configure);
            }
        });
        app.configure(acme::configure)
    })
    .on_connect(move |connection, data| known.greet(connection, data))
    .tcp_nodelay(true)
    .max_connections(connections)
    .shutdown_timeout(SHUTDOWN.as_secs())
    .disable_signals()
    .listen_rustls_0_23(https, tls)?
    .run();
    let http = HttpServer::new(move || {
        App::new().app_data(repository.clone()).configure(repository::configure).default_service(web::to(nothing))
    })
    .workers(1)
    .max_connections(connections)
    .shutdown_timeout(1)
    .disable_signals()
    .listen(http)?
    .run();

    let mut servers = vec![https.handle(), http.handle()];
    let mut apart_server = None;
    if let Some((listener, _)) = apart {
        let server = HttpServer::new(move || {
            App::new().app_data(admin.clone()).configure(admin::rest::configure).configure(ui::configure)
        })
        .on_connect(move |connection, data| clients.greet(connection, data))
        .tcp_nodelay(true)
        .workers(1)
        .max_connections(connections)
        .shutdown_timeout(SHUTDOWN.as_secs())
        .disable_signals()
        .listen_rustls_0_23(listener, tls_apart)?
        .run();
        servers.push(server.handle());
        apart_server = Some(server);
    }
    let mode = match (dev, bootstrap::local(config)) {
        (true, _) => Some("dev: loopback may be validated, no limits; never for real certificates"),
        (false, true) => Some("local: only this machine can reach the server, so loopback may be validated"),
        (false, false) => None,
    };
    let greeting = Greeting {
        external: &external,
        api: &api,
        crl: &format!("{publication}/crl/{intermediate}.crl"),
        root: &root_file,
        passphrase: &passphrase,
        first_token: &first_token,
        mode,
        endpoint,
    };
    print(&greeting.to_string())?;
    let apart = async {
        match apart_server {
            Some(server) => server.await,
            None => Ok(()),
        }
    };
    let (https, http, apart, ()) = tokio::join!(https, http, apart, stop.wait(&servers));
    renewal.abort();
    looking.abort();
    greeted.abort();
    // A connection that is under way ends with timers, which have to be there: not after everything here.
    drop(greeted.await);
    https.and(http).and(apart)?;
    Ok(running)
}

/// The resolvers that validation asks, for the overview.
struct Network(Arc<Validators>);

#[async_trait]
impl Surroundings for Network {
    async fn resolves(&self, rules: &NetworkRules) -> Result<(), String> {
        self.0.resolves(rules).await
    }
}

/// Opens what another node has made meanwhile, for as long as the server runs.
async fn look_for_authorities(kept: Arc<StoredAuthorities>) {
    loop {
        tokio::time::sleep(LOOK).await;
        if let Err(error) = kept.refresh().await {
            warn!(%error, "it could not be looked whether there are new authorities; it is tried again");
        }
    }
}

/// Makes the declared profiles so; a server that has none at all and was told of none begins with one of each kind.
async fn declare(admin: &Admin, declared: &Declared) -> anyhow::Result<()> {
    admin.engine.refresh_profiles().await?;
    let profiles = admin.engine.profiles();
    let none = profiles.acme.is_empty() && profiles.ra.is_empty();
    let first = bootstrap::first();
    let declared = if declared.is_empty() && none { &first } else { declared };
    let applied = admin.apply("system", declared, Options::default()).await;
    let applied = applied.map_err(|error| match error {
        ActError::Refused(error) => bootstrap::in_file(error),
        ActError::Turn(error) => error.into(),
    })?;
    for change in applied.changes {
        info!(object = change.object, action = change.action, "declared profile");
    }
    Ok(())
}

fn start_engine(
    config: &Config,
    origin: &Origin,
    store: Arc<dyn Store>,
    authorities: Arc<Authorities>,
    validate: Arc<Corroborator>,
    also_allowed: Vec<Block>,
) -> anyhow::Result<(Engine, Running)> {
    let clock = Arc::new(SystemClock);
    let issue: Arc<dyn Issue> = authorities;
    let ports = Ports {
        store,
        validate,
        clock,
        entropy: Arc::new(SystemEntropy),
        issue,
        urls: Arc::new(AccountUrls { origin: origin.external.clone() }),
    };
    let settings = Settings {
        retention: config.store.retention.into(),
        audit_retention: config.store.audit_retention.into(),
        crl_validity: config.authority.crl_validity.into(),
        also_allowed,
        ..Settings::default()
    };
    Ok(Engine::start(ports, settings)?)
}

async fn nothing() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type("text/plain; charset=utf-8")
        .body("there is nothing here; CRLs are at /crl/, issuer certificates at /ca/, the root at /root.pem\n")
}
