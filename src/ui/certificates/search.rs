//! What somebody means who writes one thing into the search box of certificates.

use std::net::IpAddr;

/// The filter, and its value, that is meant: a SHA-256 fingerprint has 64 hexadecimal digits, a serial number 16 to 40, and
/// all else is a name. Names of what programs print are left out, as in `serial=0A…` and `sha256 Fingerprint=AB:CD…`; of an
/// URL, its host counts.
pub(super) fn meant(text: &str) -> (&'static str, String) {
    let text = text.trim();
    let value = text.rsplit_once('=').map_or(text, |(_, value)| value.trim());
    let digits: String = value.chars().filter(|letter| !letter.is_whitespace() && *letter != ':').collect();
    let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")).unwrap_or(&digits);
    if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) && !address(value) {
        match digits.len() {
            64 => return ("fingerprint", digits.to_ascii_lowercase()),
            // Programs leave out the first zero.
            length @ 15..=40 => {
                let zero = if length % 2 == 1 { "0" } else { "" };
                return ("serial", format!("{zero}{}", digits.to_ascii_lowercase()));
            }
            _ => {}
        }
    }
    let host = text.split_once("://").map_or(text, |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
    ("name", host.to_ascii_lowercase())
}

/// Whether it is an address. One of eight pairs of digits is no sane address, and a serial number more likely.
fn address(text: &str) -> bool {
    let pairs = text.split(':').all(|pair| pair.len() == 2);
    !pairs && text.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_serial_numbers_and_fingerprints_are_told_apart() {
        let fingerprint = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        for (text, field, value) in [
            ("www.corp.example", "name", "www.corp.example"),
            (" *.Corp.Example ", "name", "*.corp.example"),
            ("https://www.corp.example/path?query", "name", "www.corp.example"),
            // Hexadecimal, but far too short for a serial number.
            ("cafe", "name", "cafe"),
            ("192.0.2.1", "name", "192.0.2.1"),
            ("2001:db8::1", "name", "2001:db8::1"),
            ("2001:0db8:0000:0000:0000:0000:0000:0001", "name", "2001:0db8:0000:0000:0000:0000:0000:0001"),
            ("0a1b2c3d4e5f60718293a4b5c6d7e8f9", "serial", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
            ("0A:1B:2C:3D:4E:5F:60:71", "serial", "0a1b2c3d4e5f6071"),
            ("A1B2C3D4E5F60718293A4B5C6D7E8F9", "serial", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
            ("serial=0A1B2C3D4E5F6071", "serial", "0a1b2c3d4e5f6071"),
            ("0x0A1B2C3D4E5F6071", "serial", "0a1b2c3d4e5f6071"),
            (&fingerprint, "fingerprint", &fingerprint),
            (&colons, "fingerprint", &fingerprint),
            (&format!("sha256 Fingerprint={colons}"), "fingerprint", &fingerprint),
        ] {
            assert_eq!(meant(text), (field, value.to_owned()), "{text}");
        }
    }
}
