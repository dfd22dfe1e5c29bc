//! `chancery perspective credentials`: what both sides need to know each other.

use std::fmt::Write as _;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chancery_machine::perspective::PerspectiveName;
use chancery_machine::time::Timestamp;
use clap::Args;
use der::pem::LineEnding;
use rustls::pki_types::PrivateKeyDer;
use zeroize::Zeroizing;

use crate::cli::{credential, print};
use crate::moment::rfc3339;
use crate::pki::authority::certificate_pem;
use crate::pki::key::IssuerKey;
use crate::pki::name::{AuthorityName, ServerName};
use crate::pki::private::{Credential, PrivateAuthority, Side};
use crate::span::Span;

/// The name in the certificate of the server.
const SERVER: &str = "chancery-server";

/// How long the authority is valid: perspectives outlive their certificates.
const AUTHORITY: Span = Span::days(20 * 365);

/// What is made, and where it is put.
#[derive(Args, Debug)]
pub(super) struct CredentialsArgs {
    /// The perspective's name, as ACME Profiles will have it. Clients are told the names of those that disagree.
    name: String,
    /// A host name or address under which servers reach it; once for each, the first stands in the URL.
    #[arg(long, value_name = "HOST", required = true)]
    host: Vec<String>,
    /// The port of the URL.
    #[arg(long, value_name = "PORT", default_value_t = 9443)]
    port: u16,
    /// Where everything is put.
    #[arg(long, value_name = "DIR", default_value = "perspectives")]
    out: PathBuf,
    /// How long both certificates are valid.
    #[arg(long, value_name = "SPAN", default_value = "730d", value_parser = span)]
    validity: Span,
    /// Make both certificates anew, with new keys, in the place of those that are there.
    #[arg(long)]
    renew: bool,
}

fn span(text: &str) -> Result<Span, String> {
    let span: Span = serde_json::from_value(text.into()).map_err(|error| error.to_string())?;
    if span.0.0 < 60 { Err("at least a minute".to_owned()) } else { Ok(span) }
}

/// Makes it, and prints what to do with it.
pub(super) fn make(args: &CredentialsArgs, now: Timestamp) -> anyhow::Result<()> {
    let name = PerspectiveName::parse(&args.name)?;
    if ["ca", "server"].contains(&name.as_str()) || name.as_str().starts_with('.') {
        bail!("{name} cannot name a folder here; give the perspective another name");
    }
    let hosts = args.host.iter().map(|host| host_name(host)).collect::<anyhow::Result<Vec<_>>>()?;
    let out = std::path::absolute(&args.out)?;
    let folder = out.join(name.as_str());
    folders(&folder)?;
    let authority = authority(&out, now)?;

    let own = authority.issue(&hosts, Side::Server, args.validity.0, now)?;
    let port = args.port;
    let config = format!(
        "# The perspective {name}; `chancery perspective config` says what else can be set.\n\
         listen = \"0.0.0.0:{port}\"\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\n\
         client_ca = \"client-ca.pem\"\nclients = [\"{SERVER}\"]\n"
    );
    put(&folder.join("perspective.toml"), &config, Existing::Stays)?;
    put(&folder.join("client-ca.pem"), &certificate_pem(authority.certificate()), Existing::Stays)?;
    let existing = if args.renew { Existing::IsReplaced } else { Existing::Stops };
    keep(&folder.join("key.pem"), &folder.join("certificate.pem"), &own, existing)?;

    // One for all perspectives: they need not tell one server from itself.
    let (key, certificate) = (out.join("server.key"), out.join("server.pem"));
    if args.renew || !key.exists() {
        let client = ServerName::parse(SERVER).context("the server's name is one")?;
        let server = authority.issue(&[client], Side::Client, args.validity.0, now)?;
        keep(&key, &certificate, &server, Existing::IsReplaced)?;
    }
    print(&words(&name, args, &hosts, &out, own.not_after))
}

fn host_name(text: &str) -> anyhow::Result<ServerName> {
    ServerName::parse(text).with_context(|| format!("--host: {text:?} is neither a domain name nor an address"))
}

/// The folder of the perspective, and the one above; for their owner alone.
fn folders(folder: &Path) -> anyhow::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("the folder {} cannot be made", folder.display()))
}

/// The authority of this folder; made if there is none.
fn authority(out: &Path, now: Timestamp) -> anyhow::Result<PrivateAuthority> {
    let (key_file, file) = (out.join("ca.key"), out.join("ca.pem"));
    if !file.exists() {
        let name = AuthorityName::new(None, "Chancery Perspectives")?;
        let authority = PrivateAuthority::make(&name, AUTHORITY.0, now)?;
        put_key(&key_file, &authority.key()?, Existing::Stops)?;
        put(&file, &certificate_pem(authority.certificate()), Existing::Stops)?;
        return Ok(authority);
    }
    let certificate = credential::chain("the authority of perspectives", &file)?.swap_remove(0);
    let key = credential::key("the authority of perspectives: its key is needed", &key_file)?;
    let PrivateKeyDer::Pkcs8(key) = key else { bail!("{} is no key that this command has made", key_file.display()) };
    let key = IssuerKey::from_pkcs8(key.secret_pkcs8_der());
    let opened = PrivateAuthority::open(certificate.to_vec(), key.with_context(|| key_file.display().to_string())?);
    opened.with_context(|| format!("{} and {}", file.display(), key_file.display()))
}

/// What becomes of a file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Existing {
    /// It may have been changed by hand.
    Stays,
    /// It is somebody's key.
    Stops,
    /// That is what was asked for.
    IsReplaced,
}

/// The key first: a certificate without its key would be worse than the other way round.
fn keep(key: &Path, certificate: &Path, credential: &Credential, existing: Existing) -> anyhow::Result<()> {
    put_key(key, &credential.key, existing)?;
    put(certificate, &certificate_pem(&credential.certificate), Existing::IsReplaced)
}

fn put_key(path: &Path, pkcs8: &[u8], existing: Existing) -> anyhow::Result<()> {
    let pem = der::pem::encode_string("PRIVATE KEY", LineEnding::LF, pkcs8);
    let pem = Zeroizing::new(pem.map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?);
    write(path, &pem, 0o600, existing)
}

fn put(path: &Path, text: &str, existing: Existing) -> anyhow::Result<()> {
    write(path, text, 0o644, existing)
}

/// Writes beside and moves there, so that no reader ever meets half a file.
fn write(path: &Path, text: &str, mode: u32, existing: Existing) -> anyhow::Result<()> {
    let writing = || path.display().to_string();
    match existing {
        Existing::Stays if path.exists() => return Ok(()),
        Existing::Stops if path.exists() => {
            bail!("{} is there already, and is not written over; with --renew, certificates are made anew", writing())
        }
        Existing::Stays | Existing::Stops | Existing::IsReplaced => {}
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(writing),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside).with_context(writing)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(writing)?;
    std::fs::rename(&beside, path).with_context(writing)
}

/// What to do now, to be pasted.
fn words(name: &PerspectiveName, args: &CredentialsArgs, hosts: &[ServerName], out: &Path, end: Timestamp) -> String {
    let (folder, port) = (out.join(name.as_str()), args.port);
    let host = match hosts.first() {
        Some(ServerName::Ip(std::net::IpAddr::V6(address))) => format!("[{address}]"),
        Some(ServerName::Ip(std::net::IpAddr::V4(address))) => address.to_string(),
        Some(ServerName::Dns(host)) => host.to_string(),
        None => String::new(),
    };
    let (folder, out, end) = (folder.display(), out.display(), rfc3339(end));
    let mut words = String::new();
    let mut line = |text: &str| writeln!(words, "{text}").expect("a string takes text");
    line(&format!("made in {out}; the certificates end on {end}. Renew them before that with --renew."));
    line("");
    line(&format!("1. Copy {folder} to the perspective's host, and run there:"));
    line("");
    line(&format!("     chancery perspective --config {name}/perspective.toml"));
    line("");
    line("2. On the server, put this into its configuration, and restart it:");
    line("");
    line(&format!("     [perspectives.{}]", quoted(name)));
    line(&format!("     url = \"https://{host}:{port}\""));
    line(&format!("     ca = \"{out}/ca.pem\""));
    line(&format!("     certificate = \"{out}/server.pem\""));
    line(&format!("     key = \"{out}/server.key\""));
    line("");
    line("3. Have a profile ask it:");
    line("");
    line(&format!("     chancery profile update default --set perspectives={name}"));
    line("");
    line(&format!("Then keep {out}/ca.key apart: only this command needs it again."));
    words
}

/// A key of TOML: names may have dots and tildes.
fn quoted(name: &PerspectiveName) -> String {
    let bare = name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if bare { name.to_string() } else { format!("\"{name}\"") }
}
