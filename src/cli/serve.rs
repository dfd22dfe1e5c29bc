//! `chancery serve`: the wiring.

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context;
use chancery_actors::engine::Running;
use chancery_actors::ports::{Issue, Store};
use chancery_actors::{Engine, Ports, Settings};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use super::authority::{self, Opened};
use super::origin::Origin;
use super::repository::{self, Repository};
use super::tls::{OwnCertificate, Owner};
use super::{ServeArgs, bootstrap, print};
use crate::acme::nonce::{NonceSettings, Nonces};
use crate::acme::{self, Acme};
use crate::config::Config;
use crate::passphrase::Source;
use crate::pki::authorities::Authorities;
use crate::store::redb::RedbStore;
use crate::system::{SystemClock, SystemEntropy};
use crate::validate::{Limits, Validators};

/// How long requests under way may take to end once the server is told to stop.
const SHUTDOWN: Duration = Duration::from_secs(15);

/// Runs the server until it is told to stop.
pub(super) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    bootstrap::log()?;
    let prepared = bootstrap::prepare(args)?;
    let running = actix_rt::System::new().block_on(serve(&prepared.config, args.dev))?;
    running.stop(SHUTDOWN).context("stopping")?;
    drop(prepared.temporary);
    info!("stopped");
    Ok(())
}

async fn serve(config: &Config, dev: bool) -> anyhow::Result<Running> {
    let data = std::path::absolute(&config.data)?;
    let store: Arc<dyn Store> = Arc::new(RedbStore::open(&config.data, config.store.cache_mib << 20)?);
    let origin = Origin::bind(&config.server)?;
    let Opened { authorities, intermediate, root, passphrase } =
        authority::open(&*store, config, &origin.publication).await?;
    let profiles = bootstrap::profiles(config, intermediate)?;
    authority::export_root(&root, &data.join("root.pem"))?;
    let authorities = Arc::new(authorities);

    let (engine, running) = start_engine(config, store, Arc::clone(&authorities))?;
    engine.declare(profiles).await?;
    let Origin { https, http, external, publication, names } = origin;
    let owner = Owner { engine: engine.clone(), authorities: Arc::clone(&authorities), authority: intermediate, names };
    let (own, renew_at) = OwnCertificate::issue(&owner).await?;
    let tls = Arc::clone(&own).server_config()?;
    let renewal = actix_rt::spawn(own.keep(owner, renew_at));

    let repository = web::Data::new(Repository { engine: engine.clone(), authorities, root });
    let acme = web::Data::new(Acme {
        nonces: Nonces::new(NonceSettings::default(), &SystemEntropy),
        engine,
        origin: external.clone(),
        finalize_patience: config.server.finalize_patience.into(),
    });
    let shown = repository.clone();
    let https = HttpServer::new(move || {
        App::new()
            .app_data(acme.clone())
            .app_data(shown.clone())
            .configure(acme::configure)
            .configure(repository::configure)
            .default_service(web::to(nothing))
    })
    .tcp_nodelay(true)
    .shutdown_timeout(SHUTDOWN.as_secs())
    .disable_signals()
    .listen_rustls_0_23(https, tls)?
    .run();
    let http = HttpServer::new(move || {
        App::new().app_data(repository.clone()).configure(repository::configure).default_service(web::to(nothing))
    })
    .workers(1)
    .shutdown_timeout(1)
    .disable_signals()
    .listen(http)?
    .run();

    let mut stop = Stop::listen([https.handle(), http.handle()])?;
    let mode = match (dev, bootstrap::local(config)) {
        (true, _) => "dev: loopback may be validated, no limits; never for real certificates",
        (false, true) => "local: only this machine can reach the server, so loopback may be validated",
        (false, false) => "",
    };
    greet(&external, &publication, &data, &passphrase, mode)?;
    let (https, http, ()) = tokio::join!(https, http, stop.wait());
    renewal.abort();
    https.and(http)?;
    Ok(running)
}

fn start_engine(
    config: &Config,
    store: Arc<dyn Store>,
    authorities: Arc<Authorities>,
) -> anyhow::Result<(Engine, Running)> {
    let clock = Arc::new(SystemClock);
    let issue: Arc<dyn Issue> = authorities;
    let ports = Ports {
        store,
        validate: Arc::new(Validators::new(clock.clone(), Limits::default())),
        clock,
        entropy: Arc::new(SystemEntropy),
        issue,
    };
    let settings = Settings {
        retention: config.store.retention.into(),
        crl_validity: config.authority.crl_validity.into(),
        ..Settings::default()
    };
    Ok(Engine::start(ports, settings)?)
}

/// The signals that end the server.
struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    servers: [ServerHandle; 2],
}

impl Stop {
    fn listen(servers: [ServerHandle; 2]) -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())?, servers })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => info!("SIGTERM: stopping"),
            _ = self.interrupt.recv() => info!("SIGINT: stopping"),
        }
        let [https, http] = &self.servers;
        tokio::join!(https.stop(true), http.stop(true));
    }
}

/// What a person needs to know, once the server answers.
fn greet(
    external: &str,
    publication: &str,
    data: &std::path::Path,
    passphrase: &Source,
    mode: &str,
) -> anyhow::Result<()> {
    let root = data.join("root.pem");
    let root = root.display();
    let directory = format!("{external}/acme/default/directory");
    let mode = if mode.is_empty() {
        String::new()
    } else {
        format!(
            "mode:      {mode}
"
        )
    };
    let key_file = match passphrase {
        Source::MadeKeyFile(path) => format!(
            "key file:  {} (made now: it opens the issuing keys, so keep a copy apart from the data)\n",
            path.display()
        ),
        Source::File(_) | Source::Environment | Source::Credential(_) | Source::KeyFile(_) => String::new(),
    };
    print(&format!(
        "directory: {directory}\n\
         root:      {root}\n\
         crl:       {publication}/crl/\n\
         {key_file}{mode}\
         certbot:   REQUESTS_CA_BUNDLE={root} certbot certonly --standalone --server {directory} -d NAME\n"
    ))
}

async fn nothing() -> HttpResponse {
    HttpResponse::NotFound()
        .content_type("text/plain; charset=utf-8")
        .body("there is nothing here; the ACME directory is at /acme/{profile}/directory\n")
}
