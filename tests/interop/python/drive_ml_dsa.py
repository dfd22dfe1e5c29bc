"""An ACME client of as little as it takes, whose account and certificate keys are ML-DSA: the JWS by RFC 9964, the CSR and
the certificate by RFC 9881, made and judged by cryptography. The argument is the parameter set; the surroundings come in
variables. Whatever is not as it should be ends the program with an error."""

import base64
import hashlib
import json
import os
import sys
import time
from pathlib import Path

import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.serialization import Encoding

SET = sys.argv[1]
KIND = getattr(mldsa, f"MLDSA{SET}PrivateKey")
PUBLIC = getattr(mldsa, f"MLDSA{SET}PublicKey")
OIDS = {"44": "2.16.840.1.101.3.4.3.17", "65": "2.16.840.1.101.3.4.3.18", "87": "2.16.840.1.101.3.4.3.19"}
FOLDER = Path(os.environ["FOLDER"])
ROOT = Path(os.environ["ROOT"])
NAMES = [f"ml-dsa-{SET}.test", f"www.ml-dsa-{SET}.test"]
session = requests.Session()
session.verify = str(ROOT)
directory = session.get(os.environ["DIRECTORY"]).json()
kid = None


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(key):
    return {"kty": "AKP", "alg": f"ML-DSA-{SET}", "pub": encode(key.public_key().public_bytes_raw())}


def thumbprint(key):
    canonical = json.dumps(jwk(key), sort_keys=True, separators=(",", ":"))
    return encode(hashlib.sha256(canonical.encode()).digest())


def jws(key, url, payload, header):
    protected = encode(json.dumps({"alg": f"ML-DSA-{SET}", "url": url, **header}).encode())
    payload = "" if payload is None else encode(json.dumps(payload).encode())
    signature = encode(key.sign(f"{protected}.{payload}".encode()))
    return {"protected": protected, "payload": payload, "signature": signature}


def post(key, url, payload, header=None, refused=None):
    nonce = session.head(directory["newNonce"]).headers["Replay-Nonce"]
    body = jws(key, url, payload, {"nonce": nonce, **(header or {"kid": kid})})
    response = session.post(url, data=json.dumps(body), headers={"Content-Type": "application/jose+json"})
    if refused is None:
        assert response.ok, response.text
    else:
        assert response.json()["type"] == f"urn:ietf:params:acme:error:{refused}", response.text
    return response


def settled(key, url, status):
    for _ in range(300):
        read = post(key, url, None).json()
        if read["status"] == status:
            return read
        assert read["status"] != "invalid", read
        time.sleep(0.2)
    raise AssertionError(f"{url} does not get {status}")


def obtain(account, file):
    identifiers = [{"type": "dns", "value": name} for name in NAMES]
    made = post(account, directory["newOrder"], {"identifiers": identifiers})
    url = made.headers["Location"]
    for authorization in made.json()["authorizations"]:
        read = post(account, authorization, None).json()
        challenge = next(one for one in read["challenges"] if one["type"] == "http-01")
        proof = f"{challenge['token']}.{thumbprint(account)}"
        (Path(os.environ["CHALLENGES"]) / challenge["token"]).write_text(proof)
        post(account, challenge["url"], {})
        settled(account, authorization, "valid")
    order = settled(account, url, "ready")
    key = KIND.generate()
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in NAMES])
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(names, False).sign(key, None)
    assert csr.signature_algorithm_oid.dotted_string == OIDS[SET]
    post(account, order["finalize"], {"csr": encode(csr.public_bytes(Encoding.DER))})
    order = settled(account, url, "valid")
    pem = post(account, order["certificate"], None).content
    (FOLDER / f"{file}-{SET}.pem").write_bytes(pem)
    return judged(pem, key), key


def judged(pem, key):
    chain = x509.load_pem_x509_certificates(pem)
    leaf = chain[0]
    assert isinstance(leaf.public_key(), PUBLIC)
    assert leaf.public_key_algorithm_oid.dotted_string == OIDS[SET]
    assert leaf.public_key().public_bytes_raw() == key.public_key().public_bytes_raw()
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(names.get_values_for_type(x509.DNSName)) == sorted(NAMES)
    # RFC 9881 section 5: these keys sign and do nothing else.
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_encipherment and not usage.key_agreement
    for signed, signer in zip(chain, chain[1:] + x509.load_pem_x509_certificates(ROOT.read_bytes())):
        signed.verify_directly_issued_by(signer)
    return leaf


def revoke(key, leaf, header=None, refused=None):
    certificate = encode(leaf.public_bytes(Encoding.DER))
    post(key, directory["revokeCert"], {"certificate": certificate, "reason": 1}, header, refused)


def listed(leaf):
    """Debian's OpenSSL cannot be asked about such a certificate."""
    points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    for _ in range(300):
        crl = x509.load_der_x509_crl(session.get(points[0].full_name[0].value).content)
        entry = crl.get_revoked_certificate_by_serial_number(leaf.serial_number)
        if entry is not None:
            assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason == x509.ReasonFlags.key_compromise
            return
        time.sleep(0.2)
    raise AssertionError("the CRL does not list it")


account = KIND.generate()
made = post(account, directory["newAccount"], {"termsOfServiceAgreed": True}, {"jwk": jwk(account)})
kid = made.headers["Location"]
# A signature by another key of the same set is none.
post(KIND.generate(), kid, None, refused="malformed")
first, key = obtain(account, "first")
revoke(key, first, {"jwk": jwk(key)})
revoke(account, first, refused="alreadyRevoked")

successor = KIND.generate()
change = directory["keyChange"]
inner = jws(successor, change, {"account": kid, "oldKey": jwk(account)}, {"jwk": jwk(successor)})
post(account, change, inner)
post(account, kid, None, refused="malformed")
second, _ = obtain(successor, "second")
revoke(successor, second)
for leaf in [first, second]:
    listed(leaf)
