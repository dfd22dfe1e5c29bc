//! Another root that certifies an authority of the server too, as when an old root crosses to a new one; by OpenSSL.

use std::fs;
use std::path::{Path, PathBuf};

use super::process::{command, run};

/// A root that is not the server's, and what it has signed.
pub(crate) struct Crossing {
    /// Its common name, by which clients choose.
    pub(crate) name: String,
    /// Its certificate, PEM.
    pub(crate) root: PathBuf,
    /// A certificate by it for the authority's key and name, PEM.
    pub(crate) crossed: String,
    folder: PathBuf,
}

impl Crossing {
    /// Has a new root of this name certify an authority, for so many days.
    pub(crate) fn new(folder: &Path, name: &str, authority: &str, days: u32) -> Self {
        fs::create_dir_all(folder).expect("the folder can be made");
        let file = |name: &str| folder.join(name);
        let openssl = |arguments: &[&str]| {
            let mut command = command("openssl");
            command.current_dir(folder).args(arguments);
            String::from_utf8(run(&mut command)).expect("OpenSSL writes text")
        };
        fs::write(file("authority.pem"), authority).expect("the certificate can be written");
        openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "root.key",
            "-out",
            "root.pem",
            "-subj",
            &format!("/CN={name}"),
            "-days",
            "30",
        ]);
        fs::write(file("public.pem"), openssl(&["x509", "-in", "authority.pem", "-noout", "-pubkey"])).expect("a file");
        let shown = openssl(&["x509", "-in", "authority.pem", "-noout", "-ext", "subjectKeyIdentifier"]);
        let identifier: String = shown.lines().last().unwrap_or_default().trim().replace(':', "");
        let subject = openssl(&["x509", "-in", "authority.pem", "-noout", "-subject", "-nameopt", "compat"]);
        let subject = subject.trim().trim_start_matches("subject=").trim().to_owned();
        let constraints = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n";
        fs::write(file("ext.cnf"), format!("{constraints}subjectKeyIdentifier={identifier}\n")).expect("a file");
        let days = days.to_string();
        openssl(&[
            "x509",
            "-new",
            "-subj",
            &subject,
            "-force_pubkey",
            "public.pem",
            "-CA",
            "root.pem",
            "-CAkey",
            "root.key",
            "-extfile",
            "ext.cnf",
            "-days",
            &days,
            "-out",
            "crossed.pem",
        ]);
        let crossed = fs::read_to_string(file("crossed.pem")).expect("it was written");
        Self { name: name.to_owned(), root: file("root.pem"), crossed, folder: folder.to_owned() }
    }

    /// Its certificate, PEM.
    pub(crate) fn root_pem(&self) -> String {
        fs::read_to_string(&self.root).expect("it was written")
    }

    /// Whether OpenSSL builds a chain from an end entity to this root alone with what stands in the PEM.
    pub(crate) fn trusts(&self, pem: &str) -> bool {
        let file = self.folder.join("downloaded.pem");
        fs::write(&file, pem).expect("a file");
        let mut command = command("openssl");
        command.args(["verify", "-no-CApath", "-no-CAstore", "-CAfile"]).arg(&self.root);
        command.arg("-untrusted").arg(&file).arg(&file);
        super::process::finish(&mut command).status.success()
    }
}
