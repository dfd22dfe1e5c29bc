//! Other secrets at rest: sealed under one key of the server's own, which is itself sealed under the passphrase.
//!
//! Opening a passphrase costs a few hundred milliseconds on purpose; a MAC key of an external account is needed at every
//! registration. So the passphrase opens one random key once, and that key seals the rest: AES-256-GCM-SIV (RFC 8452),
//! where even a repeated nonce would only tell that two secrets are the same.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use chancery_actors::ports::{Body, Commit, CommitError, Kind, ObjectId, Revision, Store, StoreError, Write};
use chancery_machine::id::{EabId, Id};
use minicbor::{Decode, Encode};
use pkcs8::pkcs5::{pbes2, scrypt};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use zeroize::Zeroizing;

/// The one record in the store.
const PLACE: ObjectId = ObjectId { kind: Kind::Vault, id: Id::from_bytes([0; 16]) };

const FORMAT: u8 = 1;

const KEY_LENGTH: usize = 32;

/// Seals and opens secrets.
pub struct Vault {
    key: LessSafeKey,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

/// Why there is no vault, or a secret does not open.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VaultError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store did not keep the new vault.
    #[error("the vault could not be stored: {0}")]
    Commit(String),
    /// The record cannot be read.
    #[error("the vault is damaged: {0}; restore the store from a backup")]
    Damaged(String),
    /// The passphrase does not open it.
    #[error("the passphrase does not open the vault; it is not the one that the vault was made with")]
    WrongPassphrase,
    /// The operating system gave no randomness, or the library did not encrypt.
    #[error("the vault could not encrypt")]
    Encryption,
    /// What was to be opened is not what was sealed for this purpose.
    #[error("a sealed secret does not open: it is damaged, or was sealed for something else")]
    Sealed,
}

/// The vault's key under the passphrase, as the store keeps it.
#[derive(Encode, Decode)]
struct Record {
    #[n(0)]
    log_n: u8,
    #[n(1)]
    r: u32,
    #[n(2)]
    p: u32,
    #[cbor(n(3), with = "minicbor::bytes")]
    salt: [u8; 16],
    #[cbor(n(4), with = "minicbor::bytes")]
    iv: [u8; 16],
    #[cbor(n(5), with = "minicbor::bytes")]
    cipher: Vec<u8>,
    /// Sealed with the key inside: opens only if the passphrase was right.
    #[cbor(n(6), with = "minicbor::bytes")]
    proof: Vec<u8>,
}

/// How much work a guess at the passphrase costs: N = 2^14, r = 8, p = 5, as for the issuing keys.
const COST: (u8, u32, u32) = (14, 8, 5);

impl Vault {
    /// Opens the vault of the store; makes it where there is none.
    ///
    /// # Errors
    /// [`VaultError`] says whether the passphrase or the data is at fault.
    pub async fn open(store: &dyn Store, passphrase: &SecretString) -> Result<Self, VaultError> {
        loop {
            if let Some(stored) = store.load(PLACE).await? {
                return Self::read(&stored.bytes, passphrase);
            }
            let (vault, bytes) = Self::make(passphrase, COST)?;
            let body = Body { bytes, owes: false, terms: Vec::new(), unique: Vec::new(), forget_at: None };
            let write = Write { object: PLACE, expected: Revision::ABSENT, body: Some(body) };
            let commit = Commit { guards: Vec::new(), writes: vec![write] };
            match store.commit(vec![commit]).await.into_iter().next() {
                Some(Ok(())) => return Ok(vault),
                // Another server was faster: its vault is the one.
                Some(Err(CommitError::Conflict(_))) => {}
                Some(Err(error)) => return Err(VaultError::Commit(error.to_string())),
                None => return Err(VaultError::Commit("the store did not answer".to_owned())),
            }
        }
    }

    /// Seals a secret for a purpose; it opens for no other.
    ///
    /// # Errors
    /// [`VaultError::Encryption`] if there is no randomness.
    pub fn seal(&self, purpose: &str, secret: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| VaultError::Encryption)?;
        let mut sealed = Zeroizing::new(secret.to_vec());
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad(purpose), sealed.as_mut_slice())
            .map_err(|_| VaultError::Encryption)?;
        Ok([nonce.as_slice(), &sealed, tag.as_ref()].concat())
    }

    /// Opens what was sealed for this purpose.
    ///
    /// # Errors
    /// [`VaultError::Sealed`].
    pub fn unseal(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(VaultError::Sealed)?;
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key.open_in_place(nonce, aad(purpose), buffer.as_mut_slice());
        let length = opened.map_err(|_| VaultError::Sealed)?.len();
        buffer.truncate(length);
        Ok(buffer)
    }

    fn make(passphrase: &SecretString, (log_n, r, p): (u8, u32, u32)) -> Result<(Self, Vec<u8>), VaultError> {
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        let (mut salt, mut iv) = ([0; 16], [0; 16]);
        rand::fill(&mut *key)
            .and_then(|()| rand::fill(&mut salt))
            .and_then(|()| rand::fill(&mut iv))
            .map_err(|_| VaultError::Encryption)?;
        let scheme = scheme((log_n, r, p), &salt, iv).ok_or(VaultError::Encryption)?;
        let cipher = scheme.encrypt(passphrase.expose_secret(), &*key).map_err(|_| VaultError::Encryption)?;
        let vault = Self::of(&key)?;
        let proof = vault.seal(PROOF, &[])?;
        let record = Record { log_n, r, p, salt, iv, cipher, proof };
        let mut bytes = vec![FORMAT];
        minicbor::encode(&record, &mut bytes).map_err(|_| VaultError::Encryption)?;
        Ok((vault, bytes))
    }

    fn read(bytes: &[u8], passphrase: &SecretString) -> Result<Self, VaultError> {
        let damaged = |why: &str| VaultError::Damaged(why.to_owned());
        let (&format, bytes) = bytes.split_first().ok_or_else(|| damaged("it is empty"))?;
        if format != FORMAT {
            return Err(damaged(&format!("it has format {format}, and this program reads {FORMAT}")));
        }
        let record: Record = minicbor::decode(bytes).map_err(|bad| damaged(&bad.to_string()))?;
        let Record { log_n, r, p, salt, iv, cipher, proof } = record;
        let scheme = scheme((log_n, r, p), &salt, iv).ok_or_else(|| damaged("its parameters are out of bounds"))?;
        let mut buffer = Zeroizing::new(cipher);
        let key = scheme
            .decrypt_in_place(passphrase.expose_secret(), buffer.as_mut_slice())
            .map_err(|_| VaultError::WrongPassphrase)?;
        let key = key.try_into().map(Zeroizing::new).map_err(|_| VaultError::WrongPassphrase)?;
        let vault = Self::of(&key)?;
        vault.unseal(PROOF, &proof).map_err(|_| VaultError::WrongPassphrase)?;
        Ok(vault)
    }

    fn of(key: &[u8; KEY_LENGTH]) -> Result<Self, VaultError> {
        let key = UnboundKey::new(&AES_256_GCM_SIV, key).map_err(|_| VaultError::Encryption)?;
        Ok(Self { key: LessSafeKey::new(key) })
    }
}

/// For what the MAC key of this external account's credential is sealed.
#[must_use]
pub fn eab_key(credential: EabId) -> String {
    format!("eab/{credential}")
}

const PROOF: &str = "proof";

/// Bound to what is sealed, so that it is not taken for anything else.
fn aad(purpose: &str) -> Aad<Vec<u8>> {
    Aad::from([b"chancery/".as_slice(), purpose.as_bytes()].concat())
}

fn scheme((log_n, r, p): (u8, u32, u32), salt: &[u8; 16], iv: [u8; 16]) -> Option<pbes2::Parameters> {
    let cost = scrypt::Params::new(log_n, r, p).ok()?;
    pbes2::Parameters::generate_scrypt_aes256cbc(cost, salt, iv).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: (u8, u32, u32) = (1, 8, 1);

    fn passphrase(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn what_is_sealed_opens_for_its_purpose_only() {
        let (vault, bytes) = Vault::make(&passphrase("right"), CHEAP).expect("makes");
        let sealed = vault.seal("eab", b"secret").expect("seals");
        let again = Vault::read(&bytes, &passphrase("right")).expect("opens");
        assert_eq!(again.unseal("eab", &sealed).expect("opens").as_slice(), b"secret");
        assert_eq!(again.unseal("token", &sealed), Err(VaultError::Sealed));
        for at in [0, 12, sealed.len() - 1] {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(again.unseal("eab", &damaged), Err(VaultError::Sealed));
        }
        assert_eq!(again.unseal("eab", &sealed[..5]), Err(VaultError::Sealed));
    }

    #[test]
    fn another_passphrase_does_not_open_it() {
        let (_, bytes) = Vault::make(&passphrase("right"), CHEAP).expect("makes");
        for round in 0..300 {
            let wrong = Vault::read(&bytes, &passphrase(&format!("wrong {round}"))).expect_err("stays shut");
            assert_eq!(wrong, VaultError::WrongPassphrase, "round {round}");
        }
        assert!(matches!(Vault::read(&[9], &passphrase("right")), Err(VaultError::Damaged(_))));
        assert!(matches!(Vault::read(&bytes[..20], &passphrase("right")), Err(VaultError::Damaged(_))));
    }

    #[tokio::test]
    async fn a_store_has_one_vault() {
        let store = crate::store::MemoryStore::new();
        let first = Vault::open(&store, &passphrase("right")).await.expect("makes");
        let second = Vault::open(&store, &passphrase("right")).await.expect("opens");
        let sealed = first.seal("eab", b"secret").expect("seals");
        assert_eq!(second.unseal("eab", &sealed).expect("opens").as_slice(), b"secret");
        let wrong = Vault::open(&store, &passphrase("wrong")).await;
        assert_eq!(wrong.err(), Some(VaultError::WrongPassphrase));
    }
}
