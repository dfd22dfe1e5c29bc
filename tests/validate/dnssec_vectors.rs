//! Published examples of DNSSEC signatures: RFC 6605 section 6 (ECDSA with P-256 and P-384), and RFC 8080 section 6.1 (Ed25519)
//! as its erratum 4935 has them: what was printed does not verify.
//!
//! They ended long ago, so no resolver that looks at its clock believes them. Keys are read as a profile's anchors are, and
//! everything else is done by the calls with which the resolver's library validates: `DS::covers` and `verify_rrsig`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_machine::dnssec::TrustAnchor;
use hickory_proto::dnssec::rdata::{DNSKEY, DS, RRSIG, SigInput};
use hickory_proto::dnssec::{Algorithm, DigestType, PublicKeyBuf, Verifier as _};
use hickory_proto::rr::rdata::{A, MX};
use hickory_proto::rr::{DNSClass, Name, RData, Record, SerialNumber};

/// An example: a key, its delegation signer, and a signed set of one record.
struct Example {
    dnskey: &'static str,
    key_tag: u16,
    digest: (DigestType, &'static str),
    owner: &'static str,
    data: RData,
    /// When the signature ends and begins, in seconds since 1970.
    times: (u32, u32),
    signature: &'static str,
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).expect("a name")
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().map(|digit| u8::try_from(digit.to_digit(16).expect("a digit")).expect("it is small")).collect();
    digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect()
}

fn mail() -> RData {
    RData::MX(MX::new(10, name("mail.example.com.")))
}

fn examples() -> [Example; 4] {
    [
        // RFC 6605 section 6.1.
        Example {
            dnskey: "example.net. 3600 IN DNSKEY 257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYb\
                     cB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==",
            key_tag: 55_648,
            digest: (DigestType::SHA256, "b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17"),
            owner: "www.example.net.",
            data: RData::A(A::new(192, 0, 2, 1)),
            times: (1_284_026_679, 1_281_607_479),
            signature: "qx6wLYqmh+l9oCKTN6qIc+bw6ya+KJ8oMz0YP107epXAyGmt+3SNruPFKG7tZoLBLlUzGGus7ZwmwWep666VCw==",
        },
        // RFC 6605 section 6.2.
        Example {
            dnskey: "example.net. 3600 IN DNSKEY 257 3 14 xKYaNhWdGOfJ+nPrL8/arkwf2EY3MDJ+SErKivBVSum1w/egsXvSADtN\
                     Jhyem5RCOpgQ6K8X1DRSEkrbYQ+OB+v8/uX45NBwY8rp65F6Glur8I/mlVNgF6W/qTI37m40",
            key_tag: 10_771,
            digest: (
                DigestType::SHA384,
                "72d7b62976ce06438e9c0bf319013cf801f09ecc84b8d7e9495f27e305c6a9b0563a9b5f4d288405c3008a946df983d6",
            ),
            owner: "www.example.net.",
            data: RData::A(A::new(192, 0, 2, 1)),
            times: (1_284_027_625, 1_281_608_425),
            signature: "/L5hDKIvGDyI1fcARX3z65qrmPsVz73QD1Mr5CEqOiLP95hxQouuroGCeZOvzFaxsT8Glr74hbavRKayJNuydCuzWTSS\
                        Pdz7wnqXL5bdcJzusdnI0RSMROxxwGipWcJm",
        },
        // RFC 8080 section 6.1, erratum 4935.
        Example {
            dnskey: "example.com. 3600 IN DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=",
            key_tag: 3613,
            digest: (DigestType::SHA256, "3aa5ab37efce57f737fc1627013fee07bdf241bd10f3b1964ab55c78e79a304b"),
            owner: "example.com.",
            data: mail(),
            times: (1_440_021_600, 1_438_207_200),
            signature: "oL9krJun7xfBOIWcGHi7mag5/hdZrKWw15jPGrHpjQeRAvTdszaPD+QLs3fx8A4M3e23mRZ9VrbpMngwcrqNAg==",
        },
        Example {
            dnskey: "example.com. 3600 IN DNSKEY 257 3 15 zPnZ/QwEe7S8C5SPz2OfS5RR40ATk2/rYnE9xHIEijs=",
            key_tag: 35_217,
            digest: (DigestType::SHA256, "401781b934e392de492ec77ae2e15d70f6575a1c0bc59c5275c04ebe80c6614c"),
            owner: "example.com.",
            data: mail(),
            times: (1_440_021_600, 1_438_207_200),
            signature: "zXQ0bkYgQTEFyfLyi9QoiY6D8ZdYo4wyUhVioYZXFdT410QPRITQSqJSnzQoSm5poJ7gD7AQR0O7KuI5k2pcBg==",
        },
    ]
}

#[test]
fn the_examples_of_rfc_6605_and_rfc_8080_verify() {
    for example in examples() {
        let anchor: TrustAnchor = example.dnskey.parse().expect("an anchor");
        let zone = name(&format!("{}.", anchor.zone().expect("not the root's")));
        let algorithm = Algorithm::from_u8(anchor.algorithm());
        let public = STANDARD.decode(anchor.key()).expect("base64");
        let key = DNSKEY::with_flags(257, PublicKeyBuf::new(public, algorithm));
        assert_eq!(key.calculate_key_tag().expect("a tag"), example.key_tag);

        let covers = |digest: Vec<u8>| {
            DS::new(example.key_tag, algorithm, example.digest.0, digest).covers(&zone, &key).expect("it is computed")
        };
        let mut digest = hex(example.digest.1);
        assert!(covers(digest.clone()), "DS {}", example.key_tag);
        digest[0] ^= 1;
        assert!(!covers(digest), "DS {}", example.key_tag);

        let owner = name(example.owner);
        let input = SigInput {
            type_covered: example.data.record_type(),
            algorithm,
            num_labels: owner.num_labels(),
            original_ttl: 3600,
            sig_expiration: SerialNumber::new(example.times.0),
            sig_inception: SerialNumber::new(example.times.1),
            key_tag: example.key_tag,
            signer_name: zone,
        };
        let signature = STANDARD.decode(example.signature).expect("base64");
        let verifies = |input: &SigInput, data: RData| {
            let set = [Record::from_rdata(owner.clone(), 3600, data)];
            let signature = RRSIG::from_sig(input.clone(), signature.clone());
            key.verify_rrsig(&owner, DNSClass::IN, &signature, set.iter()).is_ok()
        };
        assert!(verifies(&input, example.data.clone()), "RRSIG {}", example.key_tag);
        assert!(!verifies(&input, RData::A(A::new(192, 0, 2, 2))), "RRSIG {} of other data", example.key_tag);
        let longer = SigInput { sig_expiration: SerialNumber::new(u32::MAX), ..input };
        assert!(!verifies(&longer, example.data), "RRSIG {} of other dates", example.key_tag);
    }
}
