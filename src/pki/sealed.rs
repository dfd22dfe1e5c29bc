//! Issuer keys at rest: encrypted PKCS #8 (RFC 5958) under a passphrase, which `openssl pkey` reads too.
//!
//! PBES2 (RFC 8018) with scrypt (RFC 7914) and AES-256-CBC. CBC has no integrity check of its own, so a digest of the
//! ciphertext lies beside it: that tells data that was damaged from a passphrase that is wrong.

use std::fmt;

use aws_lc_rs::{digest, rand};
use der::asn1::OctetString;
use der::pem::LineEnding;
use der::{Decode, Encode};
use minicbor::bytes::ByteVec;
use minicbor::{Decode as CborDecode, Encode as CborEncode};
use pkcs8::EncryptedPrivateKeyInfoOwned;
use pkcs8::pkcs5::{pbes2, scrypt};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use zeroize::Zeroizing;

use super::key::{IssuerKey, KeyError};

/// How much work a guess at a passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealCost {
    log_n: u8,
    r: u32,
    p: u32,
}

impl SealCost {
    /// N = 2^14, r = 8, p = 5: 16 MiB and a few hundred milliseconds. OpenSSL refuses to use more than 32 MiB, which
    /// N = 2^15 already exceeds by a little; so the work is raised by p, to what OWASP recommends for this N.
    pub const STRONG: Self = Self { log_n: 14, r: 8, p: 5 };

    /// Next to none: for tests, and for keys that live as long as a process.
    pub const WEAK: Self = Self { log_n: 1, r: 8, p: 1 };
}

impl Default for SealCost {
    fn default() -> Self {
        Self::STRONG
    }
}

/// An issuer key under a passphrase.
#[derive(Clone, PartialEq, Eq, CborEncode, CborDecode)]
pub struct SealedKey {
    /// DER of the EncryptedPrivateKeyInfo.
    #[n(0)]
    der: ByteVec,
    /// SHA-256 of `der`.
    #[n(1)]
    digest: ByteVec,
}

impl fmt::Debug for SealedKey {
    /// Not even the ciphertext belongs into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedKey(..)")
    }
}

/// Why a key was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// The key cannot be encoded.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// An empty passphrase protects nothing.
    #[error("the passphrase is empty: give one, or let the server make a key file")]
    EmptyPassphrase,
    /// The library did not encrypt.
    #[error("the key could not be encrypted")]
    Encryption,
}

/// Why a key was not unsealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UnsealError {
    /// The data is as it was sealed, and the passphrase does not open it.
    #[error("the passphrase is not the one that this key was sealed with")]
    WrongPassphrase,
    /// The data is not as it was sealed.
    #[error("the sealed key is damaged: what is stored is not what was sealed; restore it from a backup")]
    Damaged,
    /// It opened, and the key inside cannot be used.
    #[error("the sealed key opened, and cannot be used: {0}")]
    Key(#[from] KeyError),
}

impl SealedKey {
    /// Encrypts the key. Takes as long as `cost` says.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(key: &IssuerKey, passphrase: &SecretString, cost: SealCost) -> Result<Self, SealError> {
        if passphrase.expose_secret().is_empty() {
            return Err(SealError::EmptyPassphrase);
        }
        let mut salt = [0; 16];
        let mut iv = [0; 16];
        rand::fill(&mut salt).and_then(|()| rand::fill(&mut iv)).map_err(|_| SealError::Encryption)?;
        let cost = scrypt::Params::new(cost.log_n, cost.r, cost.p).map_err(|_| SealError::Encryption)?;
        let scheme =
            pbes2::Parameters::generate_scrypt_aes256cbc(cost, &salt, iv).map_err(|_| SealError::Encryption)?;
        let plain = key.to_pkcs8()?;
        let cipher = scheme.encrypt(passphrase.expose_secret(), plain.as_slice()).map_err(|_| SealError::Encryption)?;
        let info = EncryptedPrivateKeyInfoOwned {
            encryption_algorithm: scheme.into(),
            encrypted_data: OctetString::new(cipher).map_err(|_| SealError::Encryption)?,
        };
        let der = info.to_der().map_err(|_| SealError::Encryption)?;
        Ok(Self { digest: sha256(&der), der: der.into() })
    }

    /// Decrypts the key. Takes as long as sealing did.
    ///
    /// # Errors
    /// [`UnsealError`] says whether the passphrase or the data is at fault.
    pub fn unseal(&self, passphrase: &SecretString) -> Result<IssuerKey, UnsealError> {
        if sha256(&self.der) != self.digest {
            return Err(UnsealError::Damaged);
        }
        let info = EncryptedPrivateKeyInfoOwned::from_der(&self.der).map_err(|_| UnsealError::Damaged)?;
        let mut buffer = Zeroizing::new(info.encrypted_data.as_bytes().to_vec());
        let scheme = info.encryption_algorithm.pbes2().ok_or(UnsealError::Damaged)?;
        let plain = scheme
            .decrypt_in_place(passphrase.expose_secret(), buffer.as_mut_slice())
            .map_err(|_| UnsealError::WrongPassphrase)?;
        // One wrong passphrase in 256 leaves padding that looks right, and then something that is no key at all.
        IssuerKey::from_pkcs8(plain).map_err(|error| match error {
            KeyError::Malformed => UnsealError::WrongPassphrase,
            KeyError::Generation | KeyError::UnknownKind | KeyError::Unsound | KeyError::Signing => error.into(),
        })
    }

    /// `-----BEGIN ENCRYPTED PRIVATE KEY-----`: a backup that `openssl pkey` opens with the passphrase.
    ///
    /// # Errors
    /// [`UnsealError::Damaged`] if it is no longer what was sealed.
    pub fn to_pem(&self) -> Result<String, UnsealError> {
        if sha256(&self.der) != self.digest {
            return Err(UnsealError::Damaged);
        }
        der::pem::encode_string("ENCRYPTED PRIVATE KEY", LineEnding::LF, &self.der).map_err(|_| UnsealError::Damaged)
    }
}

fn sha256(bytes: &[u8]) -> ByteVec {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::key::KeyAlgorithm;
    use std::process::Command;

    fn key() -> IssuerKey {
        IssuerKey::generate(KeyAlgorithm::P384).expect("a key")
    }

    fn passphrase(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn what_is_sealed_opens_with_its_passphrase_only() {
        let key = key();
        let sealed = SealedKey::seal(&key, &passphrase("right"), SealCost::WEAK).expect("seals");
        let opened = sealed.unseal(&passphrase("right")).expect("opens");
        assert_eq!(opened.public_key(), key.public_key());
        for round in 0..600 {
            let wrong = sealed.unseal(&passphrase(&format!("wrong {round}"))).expect_err("stays shut");
            assert_eq!(wrong, UnsealError::WrongPassphrase, "round {round}");
        }
    }

    #[test]
    fn damage_is_told_apart_from_a_wrong_passphrase() {
        let sealed = SealedKey::seal(&key(), &passphrase("right"), SealCost::WEAK).expect("seals");
        for at in [0, 20, sealed.der.len() - 1] {
            let mut damaged = sealed.clone();
            damaged.der[at] ^= 1;
            assert_eq!(damaged.unseal(&passphrase("right")).expect_err("stays shut"), UnsealError::Damaged);
            assert_eq!(damaged.to_pem().expect_err("not shown"), UnsealError::Damaged);
        }
    }

    #[test]
    fn an_empty_passphrase_is_refused() {
        assert_eq!(SealedKey::seal(&key(), &passphrase(""), SealCost::WEAK), Err(SealError::EmptyPassphrase));
    }

    #[test]
    fn snapshots_give_the_same_key_back() {
        let sealed = SealedKey::seal(&key(), &passphrase("right"), SealCost::WEAK).expect("seals");
        let bytes = minicbor::to_vec(&sealed).expect("encodes");
        assert_eq!(minicbor::decode::<SealedKey>(&bytes).expect("decodes"), sealed);
    }

    #[test]
    fn openssl_reads_what_is_sealed_at_full_cost() {
        let directory = tempfile::tempdir().expect("a directory");
        for algorithm in [KeyAlgorithm::P384, KeyAlgorithm::P256, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa2048] {
            let key = IssuerKey::generate(algorithm).expect("a key");
            let sealed = SealedKey::seal(&key, &passphrase("right"), SealCost::STRONG).expect("seals");
            let path = directory.path().join(algorithm.token());
            std::fs::write(&path, sealed.to_pem().expect("PEM")).expect("written");
            let shown = Command::new("openssl")
                .args(["pkey", "-passin", "pass:right", "-pubout", "-outform", "DER", "-in"])
                .arg(&path)
                .output()
                .expect("openssl runs");
            assert!(shown.status.success(), "{algorithm}: {}", String::from_utf8_lossy(&shown.stderr));
            assert_eq!(shown.stdout, key.public_key().expect("encodes"), "{algorithm}");
        }
    }
}
