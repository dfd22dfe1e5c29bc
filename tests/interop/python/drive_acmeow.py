"""What the tests have acmeow do. The first argument is the scenario; the surroundings come in variables. Whatever is not
as it should be ends the program with an error."""

import os
import ssl
import sys
import threading
from pathlib import Path
from socket import create_server

import requests
from acmeow import (
    AcmeClient,
    CallbackDnsHandler,
    CallbackDnsPersistHandler,
    CallbackTlsAlpnHandler,
    ChallengeType,
    FileHttpHandler,
    Identifier,
    KeyType,
    RevocationReason,
)

FOLDER = Path(os.environ["FOLDER"])


def connect():
    return AcmeClient(os.environ["DIRECTORY"], "operator@acmeow.test", FOLDER / "acmeow", verify_ssl=os.environ["ROOT"])


def obtain(client, identifiers, handler, kind, file, key_type=KeyType.EC256):
    client.create_order(identifiers)
    client.complete_challenges(handler, kind, verify_dns=False)
    client.finalize_order(key_type)
    return store(client, file)


def store(client, file):
    certificate, _key = client.get_certificate()
    (FOLDER / file).write_text(certificate)
    return certificate


def by_http():
    return FileHttpHandler(Path(os.environ["WEBROOT"]))


def set_txt(host, value):
    requests.post(f"{os.environ['DNS']}/set-txt", json={"host": f"{host}.", "value": value}).raise_for_status()


def refused(what):
    try:
        what()
    except Exception as error:
        return str(error)
    raise AssertionError("this should have been refused")


def account():
    client = connect()
    client.create_account()
    names = [Identifier.dns("acmeow.test"), Identifier.dns("www.acmeow.test")]
    first = obtain(client, names, by_http(), ChallengeType.HTTP, "first.pem")
    client.key_rollover()
    client.update_account("other@acmeow.test")
    obtain(client, names, by_http(), ChallengeType.HTTP, "second.pem")
    client.revoke_certificate(first, RevocationReason.SUPERSEDED)
    assert "revoked" in refused(lambda: client.revoke_certificate(first))
    client.deactivate_account()
    refused(lambda: client.create_order(names))


def wildcard():
    client = connect()
    client.create_account()
    names = [Identifier.dns("acmeow.test"), Identifier.dns("*.acmeow.test")]
    handler = CallbackDnsHandler(lambda _domain, host, value: set_txt(host, value), lambda _domain, _host: None, 0)
    obtain(client, names, handler, ChallengeType.DNS, "wildcard.pem", KeyType.EC384)


def persistent():
    client = connect()
    client.create_account()
    client.create_order([Identifier.dns("acmeow.test"), Identifier.dns("*.acmeow.test")])
    handler = CallbackDnsPersistHandler(lambda _domain, host, value: set_txt(host, value), propagation_delay=0)
    client.complete_dns_persist_challenges(handler, verify_dns=False)
    client.finalize_order(KeyType.EC256)
    store(client, "persistent.pem")


def tls():
    client = connect()
    client.create_account()
    names = [Identifier.dns("acmeow.test")]
    obtain(client, names, CallbackTlsAlpnHandler(answer, lambda _domain: None), ChallengeType.TLS_ALPN, "tls.pem")


def answer(_domain, certificate, key):
    """Answers connections with this certificate, for as long as the program runs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (FOLDER / "challenge.pem").write_bytes(certificate + key)
    context.load_cert_chain(FOLDER / "challenge.pem")
    context.set_alpn_protocols(["acme-tls/1"])
    listener = create_server(("127.0.0.1", int(os.environ["TLS_PORT"])))

    def serve():
        while True:
            connection, _peer = listener.accept()
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    threading.Thread(target=serve, daemon=True).start()


def address():
    client = connect()
    client.create_account()
    obtain(client, [Identifier.ip("127.0.0.1")], by_http(), ChallengeType.HTTP, "address.pem", KeyType.RSA2048)


scenarios = [account, wildcard, persistent, tls, address]
{scenario.__name__: scenario for scenario in scenarios}[sys.argv[1]]()
