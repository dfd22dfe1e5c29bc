//! `chancery perspective`: the other side of validation from several vantage points, and what both sides need to know each
//! other.

mod credentials;
mod own;
mod settings;

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::{App, HttpServer, web};
use anyhow::Context;
use chancery_actors::ports::Clock as _;
use chancery_machine::network::Network;
use chancery_machine::time::Timestamp;
use clap::{Args, Subcommand};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tracing::info;

use self::own::OwnCertificate;
use self::settings::{Plan, Settings};
use super::process::{Stop, connections_per_worker};
use super::{bootstrap, clients, credential, print};
use crate::moment::rfc3339;
use crate::perspective::server::{self, Desk, Peer, Resolvers};
use crate::system::SystemClock;
use crate::validate::{Limits, Validators};

pub(super) const EXAMPLES: &str = "\
Examples:
  chancery perspective credentials north --host north.corp.example --out perspectives
                                          certificates for both sides, and the configuration of each to paste
  chancery perspective --config north/perspective.toml
                                          run it, over there
  chancery perspective --config north/perspective.toml --listen 0.0.0.0:9443 --resolver system
  chancery perspective config             every setting with its default and what it means
  chancery profile update web --set perspectives=north,south --set perspectives-required=2
                                          then, on the server: have a profile ask it";

/// How a perspective is run, or what else there is to do about it.
#[derive(Args, Debug)]
pub(super) struct PerspectiveArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make what a perspective and its servers need to know each other: a small authority of their own, and a certificate
    /// for each side.
    ///
    /// The folder NAME in the output is for the perspective's host; server.pem, server.key and ca.pem are for the server. The
    /// authority's key, ca.key, is needed again only for the next perspective and for renewals: keep it apart. What is there
    /// already is taken up and never written over, but for --renew.
    Credentials(credentials::CredentialsArgs),
    /// Print the configuration file of a perspective with every setting, its default and what it means.
    Config,
}

/// How a perspective is run. What is said here goes before the configuration file.
#[derive(Args, Debug, Default)]
pub(super) struct ServeArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where it listens; port 0 lets the system choose one.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// The certificate with which it answers, PEM.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The key of that, PEM.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Who issues the certificates of servers, PEM.
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
    /// A name in the certificate of a server that may ask; once for each.
    #[arg(long, value_name = "NAME")]
    client: Vec<String>,
    /// A resolver to ask instead of the profile's, once for each; or `system` for those of this host.
    #[arg(long, value_name = "ADDR:PORT")]
    resolver: Vec<String>,
    /// A network that is never contacted, whatever a profile says; once for each.
    #[arg(long, value_name = "NETWORK")]
    refused_network: Vec<String>,
    /// A special network (loopback, link-local) that a profile may allow here; once for each.
    #[arg(long, value_name = "NETWORK")]
    allowed_network: Vec<String>,
    /// How many questions it works on at once.
    #[arg(long, value_name = "NUMBER")]
    concurrency: Option<usize>,
}

/// Does what was asked.
pub(super) fn run(args: PerspectiveArgs) -> anyhow::Result<()> {
    match args.command {
        Some(Command::Credentials(args)) => credentials::make(&args, SystemClock.now()),
        Some(Command::Config) => print(settings::EXAMPLE),
        None => {
            bootstrap::log()?;
            let plan = Settings::read(&args.serve)?.plan()?;
            actix_rt::System::new().block_on(serve(plan))?;
            info!("stopped");
            Ok(())
        }
    }
}

async fn serve(plan: Plan) -> anyhow::Result<()> {
    // First of all, so that a signal during the start leads to a clean end too.
    let mut stop = Stop::listen()?;
    let end = credential::look_at_end("certificate", &plan.certificate)?;
    let tls = tls(&plan)?;
    let listener =
        TcpListener::bind(plan.listen).with_context(|| format!("listen: cannot listen on {}", plan.listen))?;
    listener.set_nonblocking(true)?;
    let greeting = Greeting { plan: &plan, listen: listener.local_addr()?, end }.to_string();

    let validators = Arc::new(Validators::new(Arc::new(SystemClock), Limits::default()));
    let desk = web::Data::new(Desk::new(validators, plan.site, plan.clients, plan.concurrency));
    let served = HttpServer::new(move || App::new().app_data(desk.clone()).configure(server::configure))
        .on_connect(|connection, data| {
            if let Some(certificate) = clients::presented(connection) {
                data.insert(Peer(clients::names_of(certificate)));
            }
        })
        .tcp_nodelay(true)
        .keep_alive(KEEP_ALIVE)
        .max_connections(connections_per_worker())
        .shutdown_timeout(1)
        .disable_signals()
        .listen_rustls_0_23(listener, tls)?
        .run();
    print(&greeting)?;
    let handle = [served.handle()];
    let (served, ()) = tokio::join!(served, stop.wait(&handle));
    Ok(served?)
}

/// Longer than servers keep a connection without a question, so that they are the ones who end it.
const KEEP_ALIVE: std::time::Duration = std::time::Duration::from_secs(75);

/// How it is spoken to: with a certificate on both sides, or not at all.
fn tls(plan: &Plan) -> anyhow::Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let issuers = Arc::new(clients::issuers("client_ca", &plan.client_ca)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(issuers, Arc::clone(&provider)).build();
    let own = OwnCertificate::read(plan, Arc::clone(&provider))?;
    Ok(ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier.context("client_ca")?)
        .with_cert_resolver(Arc::new(own)))
}

/// What a person needs to know once it listens.
struct Greeting<'a> {
    plan: &'a Plan,
    listen: SocketAddr,
    end: Timestamp,
}

impl fmt::Display for Greeting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, listen, end } = self;
        let certificate = plan.certificate.display();
        writeln!(f, "listening:   {listen}\ncertificate: {certificate}, until {}", rfc3339(*end))?;
        writeln!(f, "answers:     {}, with certificates by {}", plan.clients.join(", "), plan.client_ca.display())?;
        match &plan.site.resolvers {
            Resolvers::Profile => writeln!(f, "resolvers:   those of the profile that asks")?,
            Resolvers::System => writeln!(f, "resolvers:   those of this host")?,
            Resolvers::These(own) => {
                let own = own.iter().map(ToString::to_string).collect::<Vec<_>>();
                writeln!(f, "resolvers:   {}", own.join(", "))?;
            }
        }
        let list = |networks: &[Network]| match networks {
            [] => "none".to_owned(),
            _ => networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        let rules = &plan.site.rules;
        writeln!(f, "refused:     {}", list(&rules.refused))?;
        writeln!(
            f,
            "special:     {} (loopback and the like that a profile may allow)",
            list(rules.allowed.as_deref().unwrap_or_default())
        )
    }
}
