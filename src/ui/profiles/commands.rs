//! Ready-made commands for clients of an endpoint.

use chancery_machine::challenge::ChallengeType;
use chancery_machine::profile::AcmeProfile;

/// What somebody types, or puts into a file.
pub(super) struct Command {
    pub(super) id: &'static str,
    pub(super) tool: &'static str,
    pub(super) text: String,
    /// What else there is to do; empty if there is nothing.
    pub(super) note: &'static str,
}

/// How clients prove control here: the easiest way that is offered.
enum Way {
    Http,
    Tls,
    Dns,
}

/// Commands for clients of the endpoint with this directory.
pub(super) fn commands(directory: &str, profile: &AcmeProfile) -> Vec<Command> {
    let offers = |kind| profile.challenges.contains(&kind);
    let way = if offers(ChallengeType::Http01) {
        Way::Http
    } else if offers(ChallengeType::TlsAlpn01) {
        Way::Tls
    } else {
        Way::Dns
    };
    let all = [certbot, lego, acme_sh, caddy, cert_manager];
    all.into_iter().map(|command| command(directory, profile, &way)).collect()
}

/// The HTTP port, if it is another than clients take.
fn port(profile: &AcmeProfile) -> Option<u16> {
    Some(profile.network.http_port).filter(|port| *port != 80)
}

/// The lines of one shell command.
fn shell(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" \\\n    ")
}

fn certbot(directory: &str, profile: &AcmeProfile, way: &Way) -> Command {
    let method = match (way, port(profile)) {
        (Way::Http, None) => "--standalone".to_owned(),
        (Way::Http, Some(port)) => format!("--standalone --http-01-port {port}"),
        (Way::Tls | Way::Dns, _) => "--manual --preferred-challenges dns".to_owned(),
    };
    let contact = if profile.contact_required { "-m you@example.org" } else { "--register-unsafely-without-email" };
    let binding = if profile.binding_required { "--eab-kid=KEY_ID --eab-hmac-key=HMAC_KEY" } else { "" };
    Command {
        id: "certbot",
        tool: "certbot",
        text: shell([
            format!("REQUESTS_CA_BUNDLE=root.pem certbot certonly {method}"),
            format!("--server {directory}"),
            format!("--agree-tos {contact}"),
            binding.to_owned(),
            "-d NAME".to_owned(),
        ]),
        note: if matches!(way, Way::Tls) {
            "certbot answers no tls-alpn-01: offer http-01 or dns-01 as well."
        } else {
            ""
        },
    }
}

fn lego(directory: &str, profile: &AcmeProfile, way: &Way) -> Command {
    let method = match (way, port(profile)) {
        (Way::Http, None) => "--http".to_owned(),
        (Way::Http, Some(port)) => format!("--http --http.port :{port}"),
        (Way::Tls, _) => "--tls".to_owned(),
        (Way::Dns, _) => "--dns PROVIDER".to_owned(),
    };
    let binding = if profile.binding_required { "--eab --kid KEY_ID --hmac HMAC_KEY" } else { "" };
    Command {
        id: "lego",
        tool: "lego",
        text: shell([
            "LEGO_CA_CERTIFICATES=root.pem lego".to_owned(),
            format!("--server {directory}"),
            "--accept-tos --email you@example.org".to_owned(),
            binding.to_owned(),
            format!("--domains NAME {method} run"),
        ]),
        note: "",
    }
}

fn acme_sh(directory: &str, profile: &AcmeProfile, way: &Way) -> Command {
    let method = match (way, port(profile)) {
        (Way::Http, None) => "--standalone".to_owned(),
        (Way::Http, Some(port)) => format!("--standalone --httpport {port}"),
        (Way::Tls, _) => "--alpn".to_owned(),
        (Way::Dns, _) => "--dns dns_PROVIDER".to_owned(),
    };
    let mut text = String::new();
    if profile.binding_required || profile.contact_required {
        let binding = if profile.binding_required { "--eab-kid KEY_ID --eab-hmac-key HMAC_KEY" } else { "" };
        text = shell([
            "acme.sh --register-account".to_owned(),
            format!("--server {directory}"),
            "--ca-bundle root.pem -m you@example.org".to_owned(),
            binding.to_owned(),
        ]);
        text.push('\n');
    }
    text.push_str(&shell([
        format!("acme.sh --issue {method}"),
        format!("--server {directory}"),
        "--ca-bundle root.pem -d NAME".to_owned(),
    ]));
    Command { id: "acme-sh", tool: "acme.sh", text, note: "" }
}

fn caddy(directory: &str, profile: &AcmeProfile, way: &Way) -> Command {
    let mut lines = vec![
        "NAME {".to_owned(),
        "    tls you@example.org {".to_owned(),
        format!("        ca {directory}"),
        "        ca_root /etc/caddy/root.pem".to_owned(),
    ];
    if profile.binding_required {
        lines.push("        eab KEY_ID HMAC_KEY".to_owned());
    }
    if matches!(way, Way::Dns) {
        lines.push("        dns PROVIDER".to_owned());
    }
    lines.extend(["    }", "    respond \"It works.\"", "}"].map(str::to_owned));
    Command {
        id: "caddy",
        tool: "Caddy",
        text: lines.join("\n"),
        note: "In the Caddyfile; put the root certificate where ca_root says.",
    }
}

const BINDING: &str = "
    externalAccountBinding:
      keyID: KEY_ID
      keySecretRef:
        name: chancery-eab
        key: hmac";

const SECRET: &str = "kubectl -n cert-manager create secret generic chancery-eab --from-literal=hmac=HMAC_KEY\n";

const INGRESS: &str = "http01:
        ingress:
          ingressClassName: nginx";

const NAME_SERVER: &str = "dns01:
        rfc2136:
          nameserver: 192.0.2.53";

fn cert_manager(directory: &str, profile: &AcmeProfile, way: &Way) -> Command {
    let (before, binding) = if profile.binding_required { (SECRET, BINDING) } else { ("", "") };
    let (solver, note) = match way {
        Way::Http => (INGRESS, ""),
        Way::Dns => (NAME_SERVER, "Any solver of dns01 does."),
        Way::Tls => (INGRESS, "cert-manager answers no tls-alpn-01: offer http-01 or dns-01 as well."),
    };
    let text = format!(
        "{before}kubectl apply -f - <<END
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata:
  name: chancery
spec:
  acme:
    server: {directory}
    caBundle: $(base64 -w0 root.pem)
    email: you@example.org
    privateKeySecretRef:
      name: chancery-account{binding}
    solvers:
    - {solver}
END"
    );
    Command { id: "cert-manager", tool: "cert-manager", text, note }
}

#[cfg(test)]
mod tests {
    use chancery_machine::profile::ProfileName;
    use chancery_machine::time::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::admin::settings::{AcmeProfileSettings, changed};

    fn made(change: serde_json::Value) -> Vec<Command> {
        let serde_json::Value::Object(change) = change else { panic!("{change} is no object") };
        let settings = changed(&AcmeProfileSettings::default(), &change).expect("sound settings");
        let name = ProfileName::parse("web").expect("a name");
        let profile = settings.profile(name, None, Timestamp::from_seconds(0)).expect("a profile");
        commands("https://ca.example/acme/web/directory", &profile)
    }

    #[test]
    fn every_client_is_told_the_directory_the_root_and_the_binding() {
        for command in made(json!({"externalAccountRequired": true})) {
            assert!(command.text.contains("https://ca.example/acme/web/directory"), "{}", command.text);
            assert!(command.text.contains("root.pem"), "{}", command.text);
            assert!(command.text.contains("KEY_ID") && command.text.contains("HMAC_KEY"), "{}", command.text);
        }
        for command in made(json!({})) {
            assert!(!command.text.contains("KEY_ID"), "{}", command.text);
        }
    }

    #[test]
    fn clients_prove_control_in_a_way_that_is_offered() {
        let of = |change, tool: &str| {
            let all = made(change);
            all.into_iter().find(|command| command.tool == tool).map(|command| command.text).expect("a command")
        };
        assert!(of(json!({}), "certbot").contains("certonly --standalone \\\n"));
        assert!(of(json!({"httpPort": 5002}), "certbot").contains("--http-01-port 5002"));
        assert!(of(json!({"challenges": ["dns-01"]}), "certbot").contains("--preferred-challenges dns"));
        assert!(of(json!({"challenges": ["tls-alpn-01"]}), "lego").contains("--tls run"));
        assert!(of(json!({"challenges": ["dns-01"]}), "cert-manager").contains("dns01:"));
        assert!(of(json!({"contactRequired": true}), "acme.sh").starts_with("acme.sh --register-account"));
    }
}
