//! Judges certificates and CRLs with tools that are not ours: OpenSSL, curl and x509-parser.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::pem::Pem;

use super::process::{command, eventually, finish, run};

/// A chain as a client stored it: PEM, the end entity first.
pub(crate) struct Chain {
    path: PathBuf,
    pems: Vec<Pem>,
}

/// What the CRL says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Not listed.
    Good,
    /// Listed.
    Revoked,
}

impl Chain {
    /// Reads the file.
    pub(crate) fn read(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let pems: Vec<Pem> =
            Pem::iter_from_buffer(&text).collect::<Result<_, _>>().expect("a client's chain is well-formed PEM");
        assert!(pems.iter().all(|pem| pem.label == "CERTIFICATE"), "{} holds certificates only", path.display());
        assert!(pems.len() >= 2, "{} holds the end entity and what signed it", path.display());
        Self { path, pems }
    }

    /// Writes PEM text into the file and reads it as a chain.
    pub(crate) fn write(path: impl Into<PathBuf>, pem: impl AsRef<[u8]>) -> Self {
        let path = path.into();
        fs::write(&path, pem).expect("the chain can be written");
        Self::read(path)
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// DER of the end entity's certificate.
    pub(crate) fn der(&self) -> &[u8] {
        &self.pems[0].contents
    }

    /// DER of every certificate, the end entity's first.
    pub(crate) fn ders(&self) -> impl Iterator<Item = &[u8]> {
        self.pems.iter().map(|pem| pem.contents.as_slice())
    }

    /// The end entity's serial number.
    pub(crate) fn serial(&self) -> Vec<u8> {
        self.leaf().raw_serial().to_vec()
    }

    /// For how many days the end entity is valid; both ends count (RFC 5280 section 4.1.2.5).
    pub(crate) fn days(&self) -> i64 {
        let leaf = self.leaf();
        let validity = leaf.validity();
        (validity.not_after.timestamp() - validity.not_before.timestamp() + 1) / 86_400
    }

    /// OpenSSL builds the path to the root, and the names are exactly these.
    pub(crate) fn assert_sound(&self, root: &Path, names: &[&str]) {
        run(command("openssl")
            .args(["verify", "-x509_strict", "-purpose", "sslserver", "-no-CApath", "-no-CAstore", "-CAfile"])
            .arg(root)
            .arg("-untrusted")
            .arg(&self.path)
            .arg(&self.path));
        let mut expected: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        expected.sort();
        assert_eq!(self.names(), expected, "the names of {}", self.path.display());
    }

    /// Fetches the CRL that the certificate points to and asks OpenSSL; the CRL must verify in either case.
    pub(crate) fn standing(&self, root: &Path) -> Standing {
        let crl = self.fetch_crl();
        let output = finish(
            command("openssl")
                .args(["verify", "-crl_check", "-no-CApath", "-no-CAstore", "-CAfile"])
                .arg(root)
                .arg("-untrusted")
                .arg(&self.path)
                .arg("-CRLfile")
                .arg(&crl)
                .arg(&self.path),
        );
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        match output.status.success() {
            true => Standing::Good,
            false if said.contains("certificate revoked") => Standing::Revoked,
            false => panic!("openssl verify -crl_check: {said}"),
        }
    }

    /// The certificate is not revoked now, and the CRL says so.
    pub(crate) fn assert_good(&self, root: &Path) {
        assert_eq!(self.standing(root), Standing::Good, "{}", self.path.display());
    }

    /// The certificate was revoked just now: a CRL that is published soon says so.
    pub(crate) fn assert_revoked(&self, root: &Path) {
        eventually(Duration::from_secs(60), || match self.standing(root) {
            Standing::Revoked => Ok(()),
            Standing::Good => Err(format!("the CRL does not list {}", self.path.display())),
        });
    }

    /// Fetches the CRL with curl from the certificate's distribution point, and returns its file, PEM.
    pub(crate) fn fetch_crl(&self) -> PathBuf {
        let url = self.crl_url();
        assert!(url.starts_with("http://"), "a CRL is published over plain HTTP (RFC 5280 section 8), not {url}");
        let der = self.path.with_extension("crl.der");
        run(command("curl").args(["--silent", "--show-error", "--fail", "--output"]).arg(&der).arg(&url));
        let pem = self.path.with_extension("crl.pem");
        run(command("openssl").args(["crl", "-inform", "DER", "-in"]).arg(&der).arg("-out").arg(&pem));
        pem
    }

    /// The public key's algorithm and curve or size, in OpenSSL's words.
    pub(crate) fn key(&self) -> String {
        let text = run(command("openssl").args(["x509", "-noout", "-text", "-in"]).arg(&self.path));
        let text = String::from_utf8_lossy(&text);
        let words = ["Public-Key:", "ASN1 OID:", "Public Key Algorithm:"];
        text.lines().map(str::trim).filter(|line| words.iter().any(|word| line.starts_with(word))).collect()
    }

    /// The dNSNames and the texts of the iPAddresses, sorted.
    fn names(&self) -> Vec<String> {
        let leaf = self.leaf();
        let alternative = leaf.subject_alternative_name().expect("the extension is well-formed").expect("it is there");
        let mut names: Vec<String> = Vec::new();
        for name in &alternative.value.general_names {
            names.push(text(name));
        }
        names.sort();
        names
    }

    fn crl_url(&self) -> String {
        let leaf = self.leaf();
        let mut urls = Vec::new();
        for extension in leaf.extensions() {
            let ParsedExtension::CRLDistributionPoints(points) = extension.parsed_extension() else { continue };
            for point in &points.points {
                let Some(DistributionPointName::FullName(names)) = &point.distribution_point else { continue };
                for name in names {
                    let GeneralName::URI(url) = name else { panic!("a distribution point is a URL, not {name}") };
                    urls.push((*url).to_owned());
                }
            }
        }
        let [url] = urls.as_slice() else { panic!("the certificate points to its CRL, once: {urls:?}") };
        url.clone()
    }

    fn leaf(&self) -> X509Certificate<'_> {
        self.pems[0].parse_x509().expect("the end entity's certificate is well-formed")
    }
}

fn text(name: &GeneralName<'_>) -> String {
    if let GeneralName::IPAddress(octets) = name {
        return address(octets).to_string();
    }
    let GeneralName::DNSName(name) = name else { panic!("nobody asked for {name}") };
    assert!(name.parse::<IpAddr>().is_err(), "an address is no dNSName: {name}");
    (*name).to_owned()
}

fn address(octets: &[u8]) -> IpAddr {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).expect("an iPAddress has 4 or 16 octets")
}
