//! A real web server that uses what a client obtained, and OpenSSL as its visitor.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::lab::Lab;
use crate::support::process::{await_listener, command, find, free_port, run};

/// nginx in the foreground with one certificate. Dropping it ends it.
pub(crate) struct Nginx {
    child: Child,
    address: SocketAddr,
}

impl Nginx {
    /// Starts it with this chain and key; `None` if it is not installed.
    pub(crate) fn serve(lab: &Lab, chain: &Path, key: &Path) -> Option<Self> {
        let program = find("nginx")?;
        let prefix = lab.path("nginx");
        std::fs::create_dir_all(&prefix).expect("nginx's folder can be made");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let prefix_text = prefix.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("    {what}_temp_path {prefix_text}/{what};\n"))
            .concat();
        let configuration = lab.file(
            "nginx.conf",
            &format!(
                "daemon off;\nmaster_process off;\nerror_log stderr;\npid {prefix_text}/pid;\nevents {{}}\n\
                 http {{\n{temporary}    access_log off;\n    server {{\n        listen {address} ssl;\n        \
                 ssl_certificate {};\n        ssl_certificate_key {};\n        return 200 \"served\\n\";\n    }}\n}}\n",
                chain.display(),
                key.display()
            ),
        );
        // Without the deadline of `command`: that would only end the wrapper when it is dropped.
        let child = std::process::Command::new(program)
            .arg("-p")
            .arg(&prefix)
            .arg("-e")
            .arg("stderr")
            .arg("-c")
            .arg(&configuration)
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let nginx = Self { child, address };
        await_listener(address);
        Some(nginx)
    }

    /// As [`assert_trusted`] has it.
    pub(crate) fn assert_trusted(&self, root: &Path, name: &str) {
        assert_trusted(self.address, root, name);
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Either may fail if it has ended already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// OpenSSL connects by this name, trusts only the root, and must be satisfied; so must curl with a whole request, which is
/// answered with `served`.
pub(crate) fn assert_trusted(address: SocketAddr, root: &Path, name: &str) {
    let said = run(command("openssl")
        .args(["s_client", "-connect", &address.to_string(), "-servername", name, "-verify_hostname", name])
        .args(["-verify_return_error", "-no-CApath", "-no-CAstore", "-CAfile"])
        .arg(root));
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("Verify return code: 0 (ok)") || said.contains("Verification: OK"), "{said}");

    let port = address.port();
    let body = run(command("curl").args(["--silent", "--show-error", "--fail", "--cacert"]).arg(root).args([
        "--resolve",
        &format!("{name}:{port}:127.0.0.1"),
        &format!("https://{name}:{port}/"),
    ]));
    assert_eq!(body, b"served\n");
}
