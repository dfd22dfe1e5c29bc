"""What the tests have lacme do. The first argument is the scenario; the surroundings come in variables. Whatever is not
as it should be ends the program with an error."""

import asyncio
import ipaddress
import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from lacme import Client
from lacme.crypto import generate_ec_key, key_authorization
from lacme.errors import UserActionRequiredError

FOLDER = Path(os.environ["FOLDER"])


class Webroot:
    """Answers http-01 by files."""

    async def provision(self, _domain, token, key_authorization):
        (Path(os.environ["CHALLENGES"]) / token).write_text(key_authorization)

    async def deprovision(self, _domain, _token):
        pass


def connect(account_key=None):
    return Client(
        account_key=account_key,
        directory_url=os.environ["DIRECTORY"],
        ca_bundle=os.environ["ROOT"],
        challenge_handler=Webroot(),
        contact=["mailto:operator@lacme.test"],
        poll_interval=0.2,
    )


async def obtain(client, names, file):
    bundle = await client.issue(names)
    (FOLDER / file).write_bytes(bundle.fullchain_pem)
    return bundle


async def refused(what):
    try:
        await what
    except Exception as error:
        return str(error)
    raise AssertionError("this should have been refused")


async def account():
    async with connect() as client:
        await client.create_account()
        names = ["lacme.test", "www.lacme.test"]
        first = await obtain(client, names, "first.pem")
        await client.rollover_key()
        second = await obtain(client, names, "second.pem")
        await client.revoke(first.cert_pem, reason=4)
        assert "revoked" in await refused(client.revoke(first.cert_pem))
        key = load_pem_private_key(second.key_pem, None)
        await client.revoke_with_cert_key(second.cert_pem, key, reason=1)
        await client.deactivate_account()
        await refused(client.create_order(names))


async def before_an_order():
    key = generate_ec_key()
    async with connect(key) as client:
        await client.create_account()
        authorization = await client.create_authorization("lacme.test")
        challenge = next(challenge for challenge in authorization.challenges if challenge.type == "http-01")
        await Webroot().provision("lacme.test", challenge.token, key_authorization(challenge.token, key))
        await client.respond_to_challenge(challenge)
        await client.poll_authorization(authorization.url)
        order = await client.create_order("lacme.test")
        assert order.status == "ready", order
        assert list(order.authorizations) == [authorization.url], order
        await obtain(client, ["lacme.test"], "before.pem")


async def address():
    async with connect() as client:
        await client.create_account()
        await obtain(client, [ipaddress.ip_address("127.0.0.1")], "address.pem")


async def first_terms():
    key = generate_ec_key()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (FOLDER / "account.pem").write_bytes(pem)
    async with connect(key) as client:
        account = await client.create_account(terms_of_service_agreed=True)
        print(account.url)
        await obtain(client, ["lacme.test"], "before.pem")


def connect_again():
    return connect(load_pem_private_key((FOLDER / "account.pem").read_bytes(), None))


async def changed_terms():
    async with connect_again() as client:
        await client.create_account()
        try:
            await client.issue(["lacme.test"])
        except UserActionRequiredError as error:
            print(error.detail)
            print(error.response_headers["link"])
        else:
            raise AssertionError("this should have been refused")


async def agreed_terms():
    async with connect_again() as client:
        await client.create_account()
        await obtain(client, ["lacme.test"], "after.pem")


scenarios = [account, before_an_order, address, first_terms, changed_terms, agreed_terms]
asyncio.run({scenario.__name__: scenario for scenario in scenarios}[sys.argv[1]]())
