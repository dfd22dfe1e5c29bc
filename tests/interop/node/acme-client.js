// What the tests have acme-client do. The first argument is the scenario; the surroundings come in variables. Whatever is
// not as it should be ends the program with an error.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const tls = require('node:tls');

const acme = require('acme-client');

const { DIRECTORY, CHALLENGES, DNS, FOLDER, TLS_PORT, KEY_ID, HMAC_KEY } = process.env;

function connect(accountKey, accountUrl) {
    const externalAccountBinding = KEY_ID ? { kid: KEY_ID, hmacKey: HMAC_KEY } : {};
    const backoff = { backoffAttempts: 100, backoffMin: 100, backoffMax: 1000 };
    return new acme.Client({ directoryUrl: DIRECTORY, accountKey, accountUrl, externalAccountBinding, ...backoff });
}

async function register(client) {
    return client.createAccount({ termsOfServiceAgreed: true, contact: ['mailto:operator@node.test'] });
}

const responders = {
    'http-01': async (authorization, challenge, proof) => {
        fs.writeFileSync(path.join(CHALLENGES, challenge.token), proof);
    },
    'dns-01': async (authorization, challenge, proof) => {
        const host = `_acme-challenge.${authorization.identifier.value}.`;
        const answer = await fetch(`${DNS}/set-txt`, { method: 'POST', body: JSON.stringify({ host, value: proof }) });
        assert(answer.ok);
    },
    'tls-alpn-01': async (authorization, challenge, proof) => {
        const [key, cert] = await acme.crypto.createAlpnCertificate(authorization, proof);
        const server = tls.createServer({ key, cert, ALPNProtocols: ['acme-tls/1'] }, (socket) => socket.end());
        // It ends with the program.
        await new Promise((listening) => server.listen(TLS_PORT, '127.0.0.1', listening).unref());
    },
};

async function obtain(client, names, kind, certificateKey, file) {
    const order = await client.createOrder({ identifiers: names.map((value) => ({ type: 'dns', value })) });
    for (const authorization of await client.getAuthorizations(order)) {
        const challenge = authorization.challenges.find((candidate) => candidate.type === kind);
        assert(challenge, `${kind} is offered`);
        await responders[kind](authorization, challenge, await client.getChallengeKeyAuthorization(challenge));
        await client.completeChallenge(challenge);
        await client.waitForValidStatus(challenge);
    }
    const [, csr] = await acme.crypto.createCsr({ altNames: names }, certificateKey);
    const certificate = await client.getCertificate(await client.finalizeOrder(order, csr));
    fs.writeFileSync(path.join(FOLDER, file), certificate);
    return certificate;
}

const scenarios = {
    async account() {
        const names = ['node.test', 'www.node.test'];
        const client = connect(await acme.crypto.createPrivateEcdsaKey('P-256'));
        await register(client);
        const certificateKey = await acme.crypto.createPrivateEcdsaKey('P-256');
        const first = await obtain(client, names, 'http-01', certificateKey, 'first.pem');

        const newKey = await acme.crypto.createPrivateEcdsaKey('P-384');
        await client.updateAccountKey(newKey);
        const url = client.getAccountUrl();
        const renewed = connect(newKey, url);
        const updated = await renewed.updateAccount({ contact: ['mailto:other@node.test'] });
        assert.deepStrictEqual(updated.contact, ['mailto:other@node.test']);
        await obtain(renewed, names, 'http-01', certificateKey, 'second.pem');
        await renewed.revokeCertificate(first, { reason: 4 });
        await assert.rejects(renewed.revokeCertificate(first), /revoked/);

        const order = await renewed.createOrder({ identifiers: [{ type: 'dns', value: 'given-up.node.test' }] });
        const [authorization] = await renewed.getAuthorizations(order);
        assert.strictEqual((await renewed.deactivateAuthorization(authorization)).status, 'deactivated');

        assert.strictEqual((await renewed.updateAccount({ status: 'deactivated' })).status, 'deactivated');
        await assert.rejects(renewed.createOrder({ identifiers: [{ type: 'dns', value: 'late.node.test' }] }));
    },

    async wildcard() {
        const client = connect(await acme.crypto.createPrivateRsaKey(2048));
        await register(client);
        const key = await acme.crypto.createPrivateRsaKey(2048);
        await obtain(client, ['node.test', '*.node.test'], 'dns-01', key, 'wildcard.pem');
    },

    async tls() {
        const client = connect(await acme.crypto.createPrivateEcdsaKey('P-256'));
        await register(client);
        const key = await acme.crypto.createPrivateEcdsaKey('P-256');
        await obtain(client, ['node.test'], 'tls-alpn-01', key, 'tls.pem');
    },

    async bound() {
        const client = connect(await acme.crypto.createPrivateEcdsaKey('P-256'));
        await register(client);
        const key = await acme.crypto.createPrivateEcdsaKey('P-384');
        await obtain(client, ['bound.node.test'], 'http-01', key, 'bound.pem');
    },
};

scenarios[process.argv[2]]().catch((error) => {
    console.error(error.stack);
    process.exitCode = 1;
});
