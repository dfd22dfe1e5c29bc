//! Any bytes as a certification request (RFC 2986): refused or understood, and what is understood holds together.
//!
//! A request is read only after its signature is verified, and no mutation makes a signature. So each input is tried
//! twice: as it came, and signed anew with a key of ours. And as DER whose lengths do not add up is refused at once, half
//! of the mutations change the content of one element and mend the lengths around it.
#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use chancery_fuzz::ml_dsa::ParameterSet;
use chancery_fuzz::pki::csr::{BadCsr, Csr, csr_public_key};
use chancery_fuzz::pki::public_key::{KeyKind, PublicKey};
use chancery_machine::identifier::Subject;
use chancery_machine::profile::KeyRules;
use der::{AnyRef, Encode, Reader, SliceReader, Tag, Tagged};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

/// As long as a sentence for a person may get: twenty names of 255 letters, and the words around them.
const LONGEST_SENTENCE: usize = 6 * 1024;

/// Signs what the fuzzer makes, always in the same way: an input that fails fails again.
static KEY: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("any 32 octets are a seed"));

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = PublicKey::parse(bytes) {
        sound(&key);
    }
    let _ = read(bytes);
    if let Some(signed) = signed_anew(bytes) {
        let unsigned = matches!(read(&signed), Err(BadCsr::Key(_) | BadCsr::Signature(_)));
        assert!(!unsigned, "a sound key's own signature verifies");
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut before = Some(seed % 64);
    match edited(&data[..size], &mut before) {
        Some(edited) if before.is_none() && edited.len() <= max_size => {
            data[..edited.len()].copy_from_slice(&edited);
            edited.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
});

fn read(bytes: &[u8]) -> Result<(), BadCsr> {
    let csr = Csr::parse(bytes).inspect_err(brief)?;
    assert!(csr.spki().len() < bytes.len(), "a part is shorter than the whole");
    assert_eq!(csr_public_key(bytes).as_deref(), Some(csr.spki()));
    assert_eq!(PublicKey::parse(csr.spki()).as_ref(), Ok(csr.public_key()));
    assert_eq!(csr.accepted(&KeyRules::default()), Ok(()), "the default rules accept what can be read");
    sound(csr.public_key());
    names(&csr, &written_in(bytes));
    Ok(())
}

fn sound(key: &PublicKey) {
    let none = KeyRules {
        p256: false,
        p384: false,
        p521: false,
        ed25519: false,
        rsa: None,
        mldsa44: false,
        mldsa65: false,
        mldsa87: false,
    };
    assert!(key.accepted(&none).is_err());
    let only = match key.kind() {
        KeyKind::P256 => KeyRules { p256: true, ..none },
        KeyKind::P384 => KeyRules { p384: true, ..none },
        KeyKind::P521 => KeyRules { p521: true, ..none },
        KeyKind::Ed25519 => KeyRules { ed25519: true, ..none },
        KeyKind::Rsa(bits) => KeyRules { rsa: Some((bits, bits)), ..none },
        KeyKind::MlDsa(ParameterSet::MlDsa44) => KeyRules { mldsa44: true, ..none },
        KeyKind::MlDsa(ParameterSet::MlDsa65) => KeyRules { mldsa65: true, ..none },
        KeyKind::MlDsa(ParameterSet::MlDsa87) => KeyRules { mldsa87: true, ..none },
    };
    assert_eq!(key.accepted(&only), Ok(()));
}

/// An order fits whatever the sequence of its names, and does not with one name more.
fn names(csr: &Csr, order: &[Subject]) {
    let stranger = Subject::dns("not-in-the-request.example").expect("a domain name");
    for count in 0..=order.len().min(8) {
        let order = &order[..count];
        let fits = csr.names_exactly(order).inspect_err(brief);
        let reversed: Vec<_> = order.iter().rev().cloned().collect();
        assert_eq!(csr.names_exactly(&reversed), fits);
        if fits.is_ok() && !order.contains(&stranger) {
            let more: Vec<_> = order.iter().chain([&stranger]).cloned().collect();
            assert!(csr.names_exactly(&more).is_err());
        }
    }
    let _ = csr.names_exactly(order).inspect_err(brief);
}

fn brief(bad: &BadCsr) {
    assert!(bad.to_string().len() < LONGEST_SENTENCE, "a refusal does not echo the request: {bad}");
}

/// The domain names that stand in the request as text, wherever they stand.
fn written_in(bytes: &[u8]) -> Vec<Subject> {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || b".-*".contains(byte);
    bytes.split(|byte| !letter(byte)).filter_map(|text| Subject::dns(std::str::from_utf8(text).ok()?).ok()).collect()
}

/// The same request for another key, signed with that: what lies behind the signature is fuzzed too.
fn signed_anew(bytes: &[u8]) -> Option<Vec<u8>> {
    let request = *elements(bytes)?.first()?;
    let info = *elements(request.value())?.first()?;
    let algorithm = sequence(&[0x06, 0x03, 0x2b, 0x65, 0x70]); // id-Ed25519, RFC 8410 section 3
    let spki = sequence(&[&*algorithm, &*bit_string(KEY.public_key().as_ref())].concat());
    let mut parts = Vec::new();
    for (place, part) in elements(info.value())?.iter().enumerate() {
        // RFC 2986 section 4.1: version, subject, subjectPKInfo, attributes.
        parts.extend(if place == 2 { spki.clone() } else { part.to_der().ok()? });
    }
    let info = sequence(&parts);
    let signature = bit_string(KEY.sign(&info).as_ref());
    Some(sequence(&[info, algorithm, signature].concat()))
}

/// The same elements, but for one, `before` which so many come: its content is mutated, and all lengths fit. That leaves
/// `before` empty.
fn edited(der: &[u8], before: &mut Option<u32>) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    for element in elements(der)? {
        let mut content = element.value().to_vec();
        match before {
            Some(0) => {
                *before = None;
                let size = content.len();
                content.resize(size + 32, 0);
                let size = fuzzer_mutate(&mut content, size, size + 32);
                content.truncate(size);
            }
            Some(left) => {
                *left -= 1;
                // The value of an extension is DER in an OCTET STRING (RFC 5280 section 4.2).
                if element.tag().is_constructed() || element.tag() == Tag::OctetString {
                    content = edited(&content, before).unwrap_or(content);
                }
            }
            None => {}
        }
        AnyRef::new(element.tag(), &content).ok()?.encode_to_vec(&mut whole).ok()?;
    }
    Some(whole)
}

fn elements(der: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(der).ok()?;
    let mut elements = Vec::new();
    while !reader.is_finished() {
        elements.push(reader.decode().ok()?);
    }
    Some(elements)
}

fn sequence(content: &[u8]) -> Vec<u8> {
    written(Tag::Sequence, content)
}

fn bit_string(octets: &[u8]) -> Vec<u8> {
    written(Tag::BitString, &[&[0], octets].concat())
}

fn written(tag: Tag, content: &[u8]) -> Vec<u8> {
    let element = AnyRef::new(tag, content).and_then(|element| element.to_der());
    element.expect("no input is longer than DER can write")
}
