"""What the tests have aioacme do. The first argument is the scenario; the surroundings come in variables. Whatever is not
as it should be ends the program with an error."""

import asyncio
import base64
import hashlib
import os
import ssl
import sys
from pathlib import Path

import requests
from aioacme import Client, Identifier, RevocationReason
from aioacme import AccountStatus, AuthorizationStatus, ChallengeType, IdentifierType, OrderStatus
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from ipaddress import ip_address

FOLDER = Path(os.environ["FOLDER"])


def connect(key):
    return Client(
        account_key=key,
        directory_url=os.environ["DIRECTORY"],
        ssl=ssl.create_default_context(cafile=os.environ["ROOT"]),
    )


def set_txt(host, value):
    requests.post(f"{os.environ['DNS']}/set-txt", json={"host": f"{host}.", "value": value}).raise_for_status()


async def by_http(client, authorization, challenge):
    thumbprint = client._account_key_jwk_thumbprint
    (Path(os.environ["CHALLENGES"]) / challenge.token).write_text(f"{challenge.token}.{thumbprint}")



async def by_account_label(client, authorization, challenge):
    # aioacme knows the challenge, and leaves it to its caller where the record belongs.
    label = base64.b32encode(hashlib.sha256(client.account_uri.encode()).digest()[:10]).decode().lower()
    host = f"_{label}._acme-challenge.{authorization.identifier.value}"
    set_txt(host, client.get_dns_challenge_validation(challenge.token))


async def until(read, settled):
    while True:
        seen = await read()
        if seen.status in settled:
            return seen
        await asyncio.sleep(0.2)


async def obtain(client, identifiers, kind, prove, file):
    order = await client.new_order(identifiers)
    for uri in order.authorizations:
        authorization = await client.get_authorization(uri)
        challenge = next(one for one in authorization.challenges if one.type == kind)
        await prove(client, authorization, challenge)
        await client.answer_challenge(challenge.url)
        read = await until(
            lambda: client.get_authorization(uri), [AuthorizationStatus.valid, AuthorizationStatus.invalid]
        )
        assert read.status == AuthorizationStatus.valid, read
    await until(lambda: client.get_order(order.uri), [OrderStatus.ready])
    key = ec.generate_private_key(ec.SECP256R1())
    names = [
        x509.IPAddress(ip_address(one.value)) if one.type == IdentifierType.ip else x509.DNSName(one.value)
        for one in identifiers
    ]
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr = csr.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(key, hashes.SHA256())
    await client.finalize_order(order.finalize, csr)
    order = await until(lambda: client.get_order(order.uri), [OrderStatus.valid])
    pem = await client.get_certificate(order.certificate)
    (FOLDER / file).write_bytes(pem)
    return x509.load_pem_x509_certificates(pem)[0], key


async def refused(what):
    try:
        await what
    except Exception as error:
        return str(error)
    raise AssertionError("this should have been refused")


def dns(*names):
    return [Identifier(name) for name in names]


async def account():
    async with connect(ec.generate_private_key(ec.SECP384R1())) as client:
        await client.get_account()
        assert list((await client.update_account(contact=["mailto:operator@aioacme.test"])).contact)
        names = dns("aioacme.test", "www.aioacme.test")
        first, _ = await obtain(client, names, ChallengeType.http01, by_http, "first.pem")
        await client.change_key(ed25519.Ed25519PrivateKey.generate())
        second, key = await obtain(client, names, ChallengeType.http01, by_http, "second.pem")
        await client.revoke_certificate(first, reason=RevocationReason.superseded)
        assert "revoked" in await refused(client.revoke_certificate(first))
        await client.revoke_certificate(second, key=key, reason=RevocationReason.key_compromise)
        order = await client.new_order(dns("given-up.aioacme.test"))
        given_up = await client.deactivate_authorization(order.authorizations[0])
        assert given_up.status == AuthorizationStatus.deactivated, given_up
        closed = await client.update_account(status=AccountStatus.deactivated)
        assert closed.status == AccountStatus.deactivated, closed
        await refused(client.new_order(names))


async def labelled():
    async with connect(ed25519.Ed25519PrivateKey.generate()) as client:
        await client.get_account()
        names = dns("aioacme.test", "*.aioacme.test")
        await obtain(client, names, ChallengeType.dnsaccount01, by_account_label, "labelled.pem")
        address = [Identifier("127.0.0.1", IdentifierType.ip)]
        await obtain(client, address, ChallengeType.http01, by_http, "address.pem")


scenarios = [account, labelled]
asyncio.run({scenario.__name__: scenario for scenario in scenarios}[sys.argv[1]]())
