//! Makes the requests that clients make (RFC 8555 section 6.2), and every way to make them wrong.
//!
//! A file of its own for `#[path]`: unit tests, HTTP tests and benches include it. It shares no code with what it tests.
#![allow(dead_code, unreachable_pub, reason = "every file that includes this one uses another part of it")]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// The names of the algorithms that [`Signer::new`] knows.
pub const ALGORITHMS: [&str; 8] = ["ES256", "ES384", "ES512", "EdDSA", "RS256", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"];

/// An account key with its private half.
pub struct Signer {
    algorithm: &'static str,
    key: Key,
}

enum Key {
    Ec { curve: &'static str, pair: EcdsaKeyPair },
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
    MlDsa(PqdsaKeyPair),
}

impl Signer {
    /// Generates a key for one of [`ALGORITHMS`]; RSA gets 2048 bits.
    pub fn new(algorithm: &str) -> Self {
        let ec = |curve, signing| {
            let pair = EcdsaKeyPair::generate(signing).expect("an EC key is generated");
            Key::Ec { curve, pair }
        };
        let ml_dsa = |signing| Key::MlDsa(PqdsaKeyPair::generate(signing).expect("an ML-DSA key is generated"));
        let algorithm = *ALGORITHMS.iter().find(|name| **name == algorithm).expect("the algorithm is known");
        let key = match algorithm {
            "ES256" => ec("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ec("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING),
            "ES512" => ec("P-521", &ECDSA_P521_SHA512_FIXED_SIGNING),
            "ML-DSA-44" => ml_dsa(&ML_DSA_44_SIGNING),
            "ML-DSA-65" => ml_dsa(&ML_DSA_65_SIGNING),
            "ML-DSA-87" => ml_dsa(&ML_DSA_87_SIGNING),
            "EdDSA" => Key::Ed25519(Ed25519KeyPair::generate().expect("an Ed25519 key is generated")),
            _ => Key::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key is generated")),
        };
        Self { algorithm, key }
    }

    /// Takes a private key of a certificate, PKCS #8 DER, for revocation by that key.
    pub fn from_pkcs8(algorithm: &str, der: &[u8]) -> Self {
        let ec = |curve, signing| {
            let pair = EcdsaKeyPair::from_pkcs8(signing, der).expect("the EC key is read");
            Key::Ec { curve, pair }
        };
        let ml_dsa = |signing| Key::MlDsa(PqdsaKeyPair::from_pkcs8(signing, der).expect("the ML-DSA key is read"));
        let algorithm = *ALGORITHMS.iter().find(|name| **name == algorithm).expect("the algorithm is known");
        let key = match algorithm {
            "ES256" => ec("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ec("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING),
            "ES512" => ec("P-521", &ECDSA_P521_SHA512_FIXED_SIGNING),
            "ML-DSA-44" => ml_dsa(&ML_DSA_44_SIGNING),
            "ML-DSA-65" => ml_dsa(&ML_DSA_65_SIGNING),
            "ML-DSA-87" => ml_dsa(&ML_DSA_87_SIGNING),
            "EdDSA" => Key::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).expect("the Ed25519 key is read")),
            _ => Key::Rsa(RsaKeyPair::from_pkcs8(der).expect("the RSA key is read")),
        };
        Self { algorithm, key }
    }

    /// The `alg` that fits the key.
    pub fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// The public key.
    pub fn jwk(&self) -> Value {
        match &self.key {
            Key::Ec { curve, pair } => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
            }
            Key::Ed25519(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key())}),
            Key::Rsa(pair) => {
                let number = |bytes: &[u8]| encode(&bytes[bytes.iter().take_while(|&&byte| byte == 0).count()..]);
                let key = pair.public_key();
                let n = key.modulus().big_endian_without_leading_zero().to_vec();
                let e = key.exponent().big_endian_without_leading_zero().to_vec();
                json!({"kty": "RSA", "n": number(&n), "e": number(&e)})
            }
            Key::MlDsa(pair) => json!({"kty": "AKP", "alg": self.algorithm, "pub": encode(pair.public_key())}),
        }
    }

    /// The RFC 7638 thumbprint, base64url: what follows the token in a key authorization.
    pub fn thumbprint(&self) -> String {
        // serde_json sorts the names of an object, which is the order that the RFC wants.
        encode(digest::digest(&digest::SHA256, self.jwk().to_string().as_bytes()))
    }

    /// A signature in the form of RFC 7518 section 3, or of RFC 9964 section 5.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Ec { pair, .. } => pair.sign(&random, message).expect("the EC key signs").as_ref().to_vec(),
            Key::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Key::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("the RSA key signs");
                signature
            }
            Key::MlDsa(pair) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                pair.sign(message, &mut signature).expect("the ML-DSA key signs");
                signature
            }
        }
    }

    /// A request that carries the key itself.
    pub fn with_jwk(&self, url: &str) -> Request<'_> {
        Request::new(self).set("url", url).set("jwk", self.jwk())
    }

    /// A request that names the account.
    pub fn with_kid(&self, kid: &str, url: &str) -> Request<'_> {
        Request::new(self).set("url", url).set("kid", kid)
    }
}

/// A request before it is signed. Everything can be replaced or left out; what is not touched is right.
#[derive(Clone)]
pub struct Request<'a> {
    signer: &'a Signer,
    header: Map<String, Value>,
    protected: Option<Vec<u8>>,
    payload: Vec<u8>,
    mac: Option<Vec<u8>>,
    damage: Vec<(String, Option<Value>)>,
}

impl<'a> Request<'a> {
    fn new(signer: &'a Signer) -> Self {
        let header = Map::from_iter([("alg".to_owned(), Value::from(signer.algorithm))]);
        Self { signer, header, protected: None, payload: Vec::new(), mac: None, damage: Vec::new() }
    }

    /// Sets a parameter of the protected header: `nonce`, another `alg`, a second key, …
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a parameter of the protected header out.
    pub fn without(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Sets the nonce.
    pub fn nonce(self, nonce: &str) -> Self {
        self.set("nonce", nonce)
    }

    /// Sets the payload; without it, the request is a POST-as-GET.
    pub fn payload(self, payload: &Value) -> Self {
        self.payload_bytes(payload.to_string())
    }

    /// Sets a payload that need not be JSON.
    pub fn payload_bytes(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.payload = payload.into();
        self
    }

    /// Replaces the whole protected header; it is signed as it is given.
    pub fn protected_bytes(mut self, protected: impl Into<Vec<u8>>) -> Self {
        self.protected = Some(protected.into());
        self
    }

    /// Makes an HMAC-SHA-256 under this secret instead of a signature.
    pub fn mac(mut self, secret: impl Into<Vec<u8>>) -> Self {
        self.mac = Some(secret.into());
        self
    }

    /// Replaces or adds a member of the JWS after it was signed: `signature`, `payload`, `signatures`, …
    pub fn tamper(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.damage.push((member.to_owned(), Some(value.into())));
        self
    }

    /// Takes a member of the JWS away after it was signed.
    pub fn drop_member(mut self, member: &str) -> Self {
        self.damage.push((member.to_owned(), None));
        self
    }

    /// Signs it: the JWS in flattened JSON serialization.
    pub fn jws(&self) -> Value {
        let header = || Value::Object(self.header.clone()).to_string().into_bytes();
        let protected = encode(self.protected.clone().unwrap_or_else(header));
        let payload = encode(&self.payload);
        let message = format!("{protected}.{payload}");
        let signature = match &self.mac {
            Some(secret) => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes()).as_ref().to_vec()
            }
            None => self.signer.sign(message.as_bytes()),
        };
        let mut jws = json!({"protected": protected, "payload": payload, "signature": encode(signature)});
        for (member, value) in &self.damage {
            let members = jws.as_object_mut().expect("a JWS is an object");
            match value {
                Some(value) => _ = members.insert(member.clone(), value.clone()),
                None => _ = members.remove(member),
            }
        }
        jws
    }

    /// Signs it: the body of a POST.
    pub fn body(&self) -> Vec<u8> {
        self.jws().to_string().into_bytes()
    }
}

/// Base64url without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
