// What an operator does in the browser, scenario by scenario. The first argument is the scenario; the surroundings come in
// variables. Whatever is not as it should be ends the program with an error.

const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');

const { Stage, api, heading, judge, menu, signIn, tell, until } = require('./stage.js');

const { BASE, TOKEN, FOLDER } = process.env;

const scenarios = {
    ...require('./lists.js'),

    async signing_in_and_out(stage) {
        const page = await stage.page();
        // Whoever has not signed in is led there, and from there back.
        await page.goto(`${BASE}/ui/accounts?status=valid`);
        await heading(page, 'Sign in');
        await judge(page, 'the sign-in page');
        await page.getByLabel('Token').fill('chancery_wrong');
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.getByRole('alert').getByText('the token is not known').waitFor();
        assert.deepStrictEqual(await page.context().cookies(), [], 'a wrong token begins no session');
        await page.getByLabel('Token').fill(TOKEN);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await heading(page, 'ACME Accounts');
        assert(page.url().includes('status=valid'), page.url());

        const [cookie, ...others] = await page.context().cookies();
        assert.deepStrictEqual(others, []);
        const { httpOnly, secure, sameSite, path } = cookie;
        assert.deepStrictEqual({ httpOnly, secure, sameSite, path }, { httpOnly: true, secure: true, sameSite: 'Strict', path: '/' });
        assert(!cookie.value.includes(TOKEN), 'the cookie is not the token');

        await page.getByRole('button', { name: 'Sign out' }).click();
        await page.getByText('You have signed out').waitFor();
        await page.goto(`${BASE}/ui`);
        await heading(page, 'Sign in');
        // The session is over at the server too.
        await page.context().addCookies([cookie]);
        await page.goto(`${BASE}/ui`);
        await page.getByText('Your session is over').waitFor();
    },

    // The first thing that a newcomer does: an endpoint in each of the two ways, tried out before any client comes.
    async profiles_are_bound_in_both_ways(stage) {
        const page = await stage.operator();
        await menu(page, 'RA Profiles');
        await page.getByRole('link', { name: 'New profile' }).click();
        await page.getByLabel('Name', { exact: true }).fill('app liances');
        await page.getByLabel('Description').fill('Appliances without an operator');
        await page.getByText('For what certificates are issued.').click();
        await page.getByLabel('Allow', { exact: true }).fill('**.corp.test\n10.7.0.0/16');
        await page.getByText('How long').first().click();
        await page.getByRole('textbox', { name: 'Validity', exact: true }).fill('a month');
        await judge(page, 'the form of a profile');
        await page.getByRole('button', { name: 'Create' }).click();
        // What is wrong is said where it is wrong, and nothing is lost that was typed.
        await page.getByRole('alert').waitFor();
        await page.locator('#name-fault').waitFor();
        await judge(page, 'a form that was refused');
        assert.strictEqual(await page.getByLabel('Description').inputValue(), 'Appliances without an operator');
        await page.getByLabel('Name', { exact: true }).fill('appliances');
        await page.getByRole('button', { name: 'Create' }).click();
        const validity = page.getByRole('textbox', { name: 'Validity', exact: true });
        await validity.and(page.locator('[aria-invalid="true"]')).waitFor();
        await validity.fill('30d');
        await page.getByRole('button', { name: 'Create' }).click();
        await heading(page, 'RA Profile appliances');
        const made = await api('/raProfiles/appliances');
        assert.deepStrictEqual([made.validity, made.allow], [2_592_000, ['**.corp.test', '10.7.0.0/16']]);

        // One way: an ACME Profile whose orders it issues for by default.
        await menu(page, 'ACME Profiles');
        await page.getByRole('link', { name: 'New profile' }).click();
        await page.getByLabel('Name', { exact: true }).fill('corp');
        await page.getByLabel('Default RA Profile').selectOption('appliances');
        await page.getByRole('button', { name: 'Create' }).click();
        await heading(page, 'ACME Profile corp');
        await page.locator('[data-copy="directory-1"]').click();
        await page.locator('.copied').waitFor();
        const directory = await page.evaluate(() => navigator.clipboard.readText());
        assert.strictEqual(directory, `${BASE}/acme/corp/directory`);
        assert((await (await fetch(directory)).json()).newOrder, 'its directory answers');
        for (const client of ['certbot', 'lego', 'acme.sh', 'Caddy', 'cert-manager']) {
            await page.getByRole('heading', { level: 3, name: client }).waitFor();
        }

        // The other way: an ACME Profile that is activated on it.
        await menu(page, 'RA Profiles');
        await page.getByRole('link', { name: 'appliances', exact: true }).click();
        await page.getByRole('button', { name: 'Activate', exact: true }).click();
        await page.locator('#activate-fault').waitFor();
        await page.getByLabel('ACME Profile', { exact: true }).last().selectOption('default');
        await page.getByRole('button', { name: 'Activate', exact: true }).click();
        await page.getByRole('status').getByText('activated').waitFor();
        assert((await (await fetch(`${BASE}/acme/raProfile/appliances/directory`)).json()).newOrder, 'it answers too');

        // What it would issue, and what not.
        const attempt = async (name) => {
            await page.getByLabel('Name or address').fill(name);
            await page.getByRole('button', { name: 'Try' }).click();
            const said = page.locator('.note', { hasText: `for ${name} would be issued` });
            return said.innerText();
        };
        assert((await attempt('www.corp.test')).includes('would be issued'));
        await page.getByRole('heading', { level: 2, name: 'The certificate would say' }).waitFor();
        await judge(page, 'the tester');
        const refused = await attempt('www.elsewhere.test');
        assert(refused.includes('No certificate') && refused.includes('rejectedIdentifier'), refused);

        // What depends on it is shown before it goes, and speaks against that.
        await page.goto(`${BASE}/ui/ra-profiles/appliances/delete`);
        await page.getByText('acmeProfile/corp').waitFor();
        await judge(page, 'the question before a profile is deleted');
        await page.goto(`${BASE}/ui/acme-profiles/corp`);
        await page.getByRole('button', { name: 'Disable' }).click();
        await page.getByRole('status').getByText('It is disabled.').waitFor();
        assert.strictEqual((await fetch(directory)).ok, false);
        await page.getByRole('link', { name: 'Delete…' }).click();
        await page.getByRole('button', { name: 'Delete' }).click();
        await page.getByRole('status').getByText('It was deleted.').waitFor();
        await page.goto(`${BASE}/ui/acme-profiles/corp`);
        await page.getByRole('alert').getByText('there is no ACME Profile "corp"').waitFor();
    },

    // Two people change the same: the second is told, and loses nothing.
    async changes_do_not_overwrite_each_other(stage) {
        const [one, other] = [await stage.operator(), await stage.operator()];
        for (const page of [one, other]) {
            await page.goto(`${BASE}/ui/acme-profiles/default/edit`);
            await page.getByLabel('Description').waitFor();
        }
        await one.getByLabel('Description').fill('the first');
        await one.getByRole('button', { name: 'Save' }).click();
        await one.getByRole('status').getByText('Your changes are saved.').waitFor();
        await other.getByLabel('Description').fill('the second');
        await other.getByRole('button', { name: 'Save' }).click();
        await other.getByRole('alert').getByText('Somebody else changed it').waitFor();
        assert.strictEqual(await other.getByLabel('Description').inputValue(), 'the second');
        assert.strictEqual((await api('/acmeProfiles/default')).description, 'the first');
    },

    // What is shown once, is shown once; and what was made, is in the audit log.
    async secrets_are_shown_once(stage) {
        const page = await stage.operator();
        await menu(page, 'Tokens');
        await page.getByRole('link', { name: 'Make a token' }).click();
        await page.getByLabel('Name').fill('night shift');
        await page.getByLabel('Role').selectOption('operator');
        await page.getByRole('button', { name: 'Make it' }).click();
        await heading(page, 'The token is made');
        const secret = await page.locator('#secret').innerText();
        await judge(page, 'a new token');
        const them = await stage.operator({}, secret);
        await menu(them, 'Tokens');
        await page.goto(`${BASE}/ui/tokens`);
        assert(!(await page.content()).includes(secret), 'the secret is not in the list');
        await menu(page, 'Audit log');
        await page.getByRole('cell', { name: 'create' }).first().waitFor();
        assert(!(await page.content()).includes(secret), 'nor in the log');
        await page.getByRole('link', { name: 'Verify', exact: true }).click();
        await heading(page, 'Verify the audit log');
        await page.getByRole('button', { name: 'Verify' }).click();
        await page.getByRole('status').getByText('The log is intact').waitFor();
        const noted = await page.locator('#digest').innerText();
        await page.getByRole('spinbutton', { name: 'Number' }).fill(await page.locator('#last').innerText());
        await page.getByRole('textbox', { name: 'Digest' }).fill(noted.replace(/^./, (digit) => (digit === '0' ? '1' : '0')));
        await page.getByRole('button', { name: 'Check' }).click();
        await page.getByRole('alert').getByText('The log is not intact').waitFor();
    },

    // certbot waits for the file `watched` between placing the order and proving control.
    async an_order_is_watched(stage) {
        const page = await stage.operator();
        const order = await until('an order', async () => (await api('/orders?status=pending')).items[0]);
        await menu(page, 'Orders');
        await page.getByRole('link', { name: 'watched.test' }).click();
        await heading(page, 'Order for watched.test');
        await page.locator('h2', { hasText: 'Now' }).getByText('pending').waitFor();
        await judge(page, 'a pending order');
        await page.evaluate(() => { globalThis.notReloaded = true; });
        tell(FOLDER, 'watched');
        await page.locator('h2', { hasText: 'Outcome' }).getByText('valid').waitFor();
        for (const said of ['proved control of watched.test', 'ready to be finalized', 'sent its CSR', 'was issued']) {
            await page.locator('.timeline').getByText(said).waitFor();
        }
        assert(await page.evaluate(() => globalThis.notReloaded), 'the page was not loaded anew');
        const way = await page.getByRole('img').getAttribute('aria-label');
        assert.strictEqual(way, 'The order went from pending to ready to processing to valid.');
        await judge(page, 'a valid order');
        assert.strictEqual((await api(`/orders/${order.id}`)).status, 'valid');
    },

    // Browsers open six connections to a host. Pages that follow an order must not take them all.
    async many_pages_follow_an_order(stage) {
        const first = await stage.operator();
        const context = first.context();
        const { items: [order] } = await api('/orders?status=pending');
        const asked = new Set();
        context.on('request', (request) => {
            if (request.url().includes('/live?')) asked.add(request.frame().page());
        });
        const followers = [first];
        while (followers.length < 8) followers.push(await context.newPage());
        for (const page of followers) {
            await page.goto(`${BASE}/ui/orders/${order.id}`, { timeout: 10_000 });
            await now(page, 'pending');
        }
        await until('eight followers', () => asked.size === followers.length);
        const other = await context.newPage();
        await other.goto(`${BASE}/ui/accounts`, { timeout: 10_000 });
        await other.close();

        // Pages that nobody sees hold nothing, and go on when they are seen again.
        const hide = (page, hidden) => page.evaluate((hidden) => {
            Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
            document.dispatchEvent(new Event('visibilitychange'));
        }, hidden);
        await until('a stream', () => streams(first));
        for (const page of followers) await hide(page, true);
        await until('the end of all streams', async () => !(await streams(first)));
        for (const page of followers) await hide(page, false);
        await until('a stream', () => streams(first));

        // What was opened stays open, the keyboard stays where it is, and one sentence is read aloud.
        const met = first.locator('details', { hasText: 'What the attempt met' });
        assert.strictEqual(await met.getAttribute('open'), null);
        await met.locator('summary').press('Enter');
        await met.locator('li').first().waitFor();
        assert.strictEqual(await first.locator('#state[aria-live], #state [aria-live], #state [role="alert"]').count(), 0);
        await first.getByRole('link', { name: 'Cancel…' }).waitFor();
        await api(`/orders/${order.id}/cancel`, {});
        for (const page of followers) await outcome(page, 'invalid');
        await first.getByRole('status').getByText('The order is now invalid.').waitFor({ state: 'attached' });
        await first.locator('.timeline').getByText('An operator canceled the order.').waitFor();
        assert.notStrictEqual(await met.getAttribute('open'), null, 'it is still open');
        assert.strictEqual(await first.evaluate(() => document.activeElement.textContent), 'What the attempt met');
        assert.strictEqual(await first.getByRole('link', { name: 'Cancel…' }).count(), 0, 'there is nothing to cancel');
        await until('the end of all streams', async () => !(await streams(first)));
        await judge(first, 'an order that has ended');

        await first.goto(`${BASE}/ui/orders/${order.id}/cancel`);
        await first.getByRole('alert').getByText('the order is invalid and can no longer be canceled').waitFor();
        assert.strictEqual(await first.getByRole('button', { name: 'Cancel the order' }).count(), 0);
        const answer = await first.goto(`${BASE}/ui/orders/${order.id}?from=18446744073709551615`);
        assert.strictEqual(answer.status(), 200);
        await outcome(first, 'invalid');
    },

    async a_session_ends_while_an_order_is_followed(stage) {
        const { id, secret } = await api('/tokens', { name: 'soon gone', role: 'operator' });
        const { items: [order] } = await api('/orders?status=pending');
        const one = await stage.operator({}, secret);
        const other = await one.context().newPage();
        for (const page of [one, other]) {
            await page.goto(`${BASE}/ui/orders/${order.id}`);
            await now(page, 'pending');
        }
        await until('a stream', () => streams(one));
        await api(`/tokens/${id}/revoke`, {});
        // They have no right to know this.
        await api(`/orders/${order.id}/cancel`, {});
        for (const page of [one, other]) {
            const said = page.getByRole('alert').filter({ hasText: 'Your session is over. Sign in again to follow the order.' });
            await said.waitFor();
            await page.locator('h2', { hasText: 'Last seen' }).getByText('pending').waitFor();
            await judge(page, 'an order that is not followed any more');
        }
        await until('the end of the stream', async () => !(await streams(one)));
        await one.getByRole('alert').getByRole('link', { name: 'Sign in' }).click();
        await one.getByLabel('Token').fill(TOKEN);
        await one.getByRole('button', { name: 'Sign in' }).click();
        await heading(one, 'Order for');
        await outcome(one, 'invalid');
    },

    async the_connection_is_lost_and_comes_back(stage) {
        const page = await stage.operator();
        const line = new Line();
        await line.mend();
        stage.homes.push(line.base());
        const { items: [order] } = await api('/orders?status=pending');
        await page.goto(`${line.base()}/ui/orders/${order.id}`);
        await now(page, 'pending');
        await until('a stream', () => streams(page));
        stage.cut = true;
        line.cut();
        const lost = page.getByRole('alert').getByText(/The connection is lost; the page shows how it was at ..:..:.. UTC/);
        await lost.waitFor();
        await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Orders', exact: true }).click();
        await page.getByRole('alert').getByText('The server cannot be reached. Try again in a moment.').waitFor();
        await judge(page, 'a page without its server');
        await line.mend();
        await lost.waitFor({ state: 'detached' });
        await now(page, 'pending');

        // A line that is dead and open says nothing of it.
        await until('a stream', () => streams(page));
        line.stall();
        await lost.waitFor();
        await page.locator('h2', { hasText: 'Last seen' }).getByText('pending').waitFor();
        line.cut();
        await line.mend();
        await lost.waitFor({ state: 'detached' });
        await now(page, 'pending');
        await api(`/orders/${order.id}/cancel`, {});
        await outcome(page, 'invalid');

        // Something between the browser and the server answers in its stead.
        await page.route('**/ui/accounts', (route) => route.fulfill({ status: 502, body: '' }));
        await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'ACME Accounts', exact: true }).click();
        await page.getByRole('alert').getByText('The server answered with the error 502').waitFor();
        await outcome(page, 'invalid');
        line.cut();
    },

    async a_failing_order_is_understood(stage) {
        const page = await stage.operator();
        await page.getByRole('link', { name: 'Orders that failed' }).click();
        await page.getByRole('link', { name: 'failing.test' }).click();
        await heading(page, 'Order for failing.test');
        const why = page.locator('.note.bad');
        await why.getByText('connection').waitFor();
        await why.getByText(`port ${process.env.CLOSED_PORT}`).waitFor();
        // How it went, without a further click: the resolver's answer, the address, and what was met there.
        const met = page.locator('.timeline');
        await met.getByText('http-01 did not prove control of failing.test').waitFor();
        await met.getByText('answered A of failing.test: 127.0.0.1').waitFor();
        await met.getByText(`could not connect to 127.0.0.1:${process.env.CLOSED_PORT}`).waitFor();
        const way = await page.getByRole('img').getAttribute('aria-label');
        assert.strictEqual(way, 'The order went from pending to invalid.');
        await judge(page, 'an invalid order');
    },

    async an_account_is_revoked(stage) {
        const page = await stage.operator();
        await menu(page, 'ACME Accounts');
        await page.locator('tbody a.mono').first().click();
        await page.getByRole('heading', { level: 2, name: 'Key and URL' }).waitFor();
        const { items: [account] } = await api('/acmeAccounts');
        await heading(page, `Account ${account.id}`);
        await page.locator('#thumbprint', { hasText: account.thumbprint }).waitFor();
        await page.locator('[data-copy="thumbprint"]').click();
        await page.locator('.copied').waitFor();
        assert.strictEqual(await page.evaluate(() => navigator.clipboard.readText()), account.thumbprint);

        await page.getByRole('button', { name: 'Disable' }).click();
        await page.getByRole('status').getByText('It is disabled.').waitFor();
        assert.strictEqual((await api(`/acmeAccounts/${account.id}`)).enabled, false);
        await page.getByRole('button', { name: 'Enable' }).click();
        await page.getByRole('status').getByText('It is enabled.').waitFor();

        await page.getByRole('link', { name: 'Revoke…' }).click();
        await page.getByText(`Revoke account ${account.id}?`).waitFor();
        await judge(page, 'the question before an account is revoked');
        await page.getByRole('link', { name: 'Keep as it is' }).click();
        await heading(page, `Account ${account.id}`);
        await page.getByRole('link', { name: 'Revoke…' }).click();
        await page.getByLabel('Revoke its certificates too').check();
        await page.getByLabel('Reason').selectOption('keyCompromise');
        await page.getByRole('button', { name: 'Revoke' }).click();
        await page.getByRole('status').getByText('It is revoked.').waitFor();
        const revoked = await api(`/acmeAccounts/${account.id}`);
        assert.deepStrictEqual([revoked.status, revoked.certificatesRevoked], ['revoked', 'keyCompromise']);
        assert.strictEqual(await page.getByRole('button', { name: 'Disable' }).count(), 0, 'nothing revives it');
    },

    async an_auditor_looks_only(stage) {
        const { secret } = await api('/tokens', { name: 'somebody from audit', role: 'auditor' });
        const page = await stage.operator({}, secret);
        await page.getByText('somebody from audit').filter({ visible: true }).waitFor();
        const { items: [account] } = await api('/acmeAccounts');
        for (const path of pages) {
            await page.goto(`${BASE}${path}`);
            const forms = await page.locator('main form[method="post"] button:not([type="button"])').count();
            assert.strictEqual(forms, 0, `${path} offers an auditor nothing to do`);
            const changes = !['/ui', '/ui/audit'].includes(path);
            const why = await page.locator('main').getByText(/^Changing anything here needs the role/).count();
            assert.strictEqual(why, changes ? 1 : 0, `${path} says why`);
        }
        await page.goto(`${BASE}/ui/accounts/${account.id}`);
        await page.getByText('Changing anything here needs the role operator; yours is auditor.').waitFor();
        await judge(page, 'an account as an auditor sees it');
        // Nor are questions asked whose answer would be refused.
        const { items: [order] } = await api('/orders');
        for (const path of [
            `/ui/accounts/${account.id}/revoke`, `/ui/orders/${order.id}/cancel`, '/ui/acme-profiles/:new',
            '/ui/ra-profiles/:new', '/ui/acme-profiles/default/edit', '/ui/acme-profiles/default/delete', '/ui/eab/new',
            '/ui/authorities/new', '/ui/tokens/new',
        ]) {
            const answer = await page.goto(`${BASE}${path}`);
            assert.strictEqual(answer.status(), 403, path);
            await page.getByRole('alert').getByText('Ask an administrator for a token with that role.').waitFor();
        }
        await page.goto(`${BASE}/ui/accounts/${account.id}`);
        // The server does not rely on missing buttons.
        const key = await page.locator('input[name="formKey"]').first().inputValue();
        const status = await page.evaluate(async ([place, formKey]) => {
            const answer = await fetch(place, { method: 'POST', body: new URLSearchParams({ formKey }) });
            return answer.status;
        }, [`/ui/accounts/${account.id}/disable`, key]);
        assert.strictEqual(status, 403);
        assert.strictEqual((await api(`/acmeAccounts/${account.id}`)).enabled, true);
    },

    async forms_of_others_are_refused(stage) {
        const page = await stage.operator();
        const { items: [account] } = await api('/acmeAccounts');
        const post = (members) => page.evaluate(async ([place, body]) => {
            const answer = await fetch(place, { method: 'POST', body: new URLSearchParams(body) });
            return [answer.status, await answer.text()];
        }, [`/ui/accounts/${account.id}/disable`, members]);
        for (const members of [{}, { formKey: '' }, { formKey: 'x'.repeat(43) }]) {
            const [status, text] = await post(members);
            assert.strictEqual(status, 400);
            assert(text.includes('does not belong to your session'), text);
        }
        assert.strictEqual((await api(`/acmeAccounts/${account.id}`)).enabled, true);

        // With the key of another session of the same person.
        const other = await stage.operator();
        const key = await other.locator('input[name="formKey"]').first().inputValue();
        assert.strictEqual((await post({ formKey: key }))[0], 400);

        // What a page of another site sends, has no cookie; and if it had, the browser says where it comes from.
        const [cookie] = await page.context().cookies();
        const own = await page.locator('input[name="formKey"]').first().inputValue();
        const answer = await fetch(`${BASE}/ui/accounts/${account.id}/disable`, {
            method: 'POST',
            body: new URLSearchParams({ formKey: own }),
            headers: { Cookie: `${cookie.name}=${cookie.value}`, Origin: 'https://elsewhere.test' },
        });
        assert.strictEqual(answer.status, 400);
        assert((await answer.text()).includes('another site'));
        assert.strictEqual((await api(`/acmeAccounts/${account.id}`)).enabled, true);
    },

    // The server's sessions rest no longer than three seconds.
    async sessions_end(stage) {
        const { id, secret } = await api('/tokens', { name: 'soon gone', role: 'operator' });
        const gone = await stage.operator({}, secret);
        await api(`/tokens/${id}/revoke`, {});
        await gone.goto(`${BASE}/ui/accounts`);
        await gone.getByText('Your session is over').waitFor();

        const page = await stage.operator();
        await until('the end of the session', async () => {
            await new Promise((later) => setTimeout(later, 3_500));
            await page.goto(`${BASE}/ui/orders?status=valid`);
            return page.getByText('Your session is over').isVisible();
        });
        // Signing in again leads back to where it ended.
        await page.getByLabel('Token').fill(TOKEN);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await heading(page, 'Orders');
        assert(page.url().includes('status=valid'), page.url());
    },

    // Found by its name, its serial number and its fingerprint; taken away in four forms; revoked with a reason.
    async a_certificate_is_found_and_revoked(stage) {
        const page = await stage.operator();
        await menu(page, 'Certificates');
        const search = async (text) => {
            await page.getByRole('searchbox').fill(text);
            await page.getByRole('button', { name: 'Search' }).click();
        };
        await search('www.corp.test');
        await page.getByRole('link', { name: 'www.corp.test' }).click();
        await page.getByRole('heading', { level: 2, name: 'Fields' }).waitFor();
        const place = page.url();
        const [serial, fingerprint] = [await page.locator('#serial').innerText(), await page.locator('#fingerprint').innerText()];
        for (const text of [serial, fingerprint]) {
            await menu(page, 'Certificates');
            await search(text);
            await page.getByRole('link', { name: 'www.corp.test' }).click();
            await page.waitForURL(place);
        }
        await menu(page, 'Certificates');
        await search('corp');
        await page.getByText('No certificate passes this filter').waitFor();

        await page.goto(place);
        const pem = (await page.locator('#pem').innerText()).trim();
        const forms = {};
        for (const name of ['PEM', 'PEM with chain', 'DER', 'PKCS #7']) {
            const coming = page.waitForEvent('download');
            await page.getByRole('link', { name, exact: true }).click();
            const download = await coming;
            forms[name] = fs.readFileSync(await download.path());
            assert(download.suggestedFilename().startsWith('www.corp.test'), download.suggestedFilename());
        }
        assert.strictEqual(forms.PEM.toString().trim(), pem);
        assert(forms['PEM with chain'].toString().startsWith(forms.PEM.toString()), 'the certificate stands first');
        assert.strictEqual(new crypto.X509Certificate(forms.DER).fingerprint256.replace(/:/g, '').toLowerCase(), fingerprint);
        assert(forms['PKCS #7'].includes(forms.DER), 'it holds the certificate');

        await page.getByRole('link', { name: 'Revoke…' }).click();
        await page.getByText('Revoke the certificate').first().waitFor();
        await page.getByText('www.corp.test').first().waitFor();
        await page.getByLabel('Reason').selectOption('superseded');
        await page.getByRole('button', { name: 'Revoke' }).click();
        await page.getByRole('status').getByText('It is revoked.').waitFor();
        const revoked = await api(`/certificates/${place.split('/').pop()}`);
        assert.deepStrictEqual([revoked.status, revoked.revoked.reason], ['revoked', 'superseded']);
    },

    // Every page that can be reached by links, in both colour schemes, narrow and wide.
    async every_page_is_sound(stage) {
        for (const view of [
            { colorScheme: 'light', viewport: { width: 1600, height: 1000 } },
            { colorScheme: 'dark', viewport: { width: 380, height: 800 } },
        ]) {
            const page = await stage.operator(view);
            const seen = await crawl(page, (path) => judge(page, `${path} (${view.colorScheme}, ${view.viewport.width})`));
            for (const path of pages) assert(seen.has(path), `${path} is reached by links`);
        }
        for (const view of [
            { colorScheme: 'dark', viewport: { width: 1600, height: 1000 } },
            { colorScheme: 'light', viewport: { width: 380, height: 800 } },
        ]) {
            const page = await stage.operator(view);
            for (const path of pages) {
                await page.goto(`${BASE}${path}`);
                await judge(page, `${path} (${view.colorScheme}, ${view.viewport.width})`);
            }
        }
    },

    // What a browser has to fetch for its first page, as it goes over the line.
    async pages_are_light(stage) {
        const page = await stage.page();
        await signIn(page, TOKEN);
        const client = await page.context().newCDPSession(page);
        await client.send('Network.enable');
        await client.send('Network.setCacheDisabled', { cacheDisabled: true });
        let bytes = 0;
        client.on('Network.loadingFinished', (event) => { bytes += event.encodedDataLength; });
        for (const path of pages) {
            bytes = 0;
            await page.goto(`${BASE}${path}`, { waitUntil: 'networkidle' });
            assert(bytes > 10_000 && bytes < 80_000, `${path} takes ${bytes} bytes`);
        }
    },

    // Nothing but the keyboard: the first press leads past the menu, the menu is in reach, and so is every control.
    async the_keyboard_suffices(stage) {
        const page = await stage.operator();
        await page.goto(`${BASE}/ui/accounts`);
        await page.keyboard.press('Tab');
        assert.strictEqual(await page.evaluate(() => document.activeElement.textContent), 'Skip to content');
        await page.keyboard.press('Enter');
        await page.keyboard.press('Tab');
        assert.strictEqual(await page.evaluate(() => document.activeElement.closest('main') !== null), true);

        const narrow = await stage.operator({ viewport: { width: 380, height: 800 } });
        await narrow.locator('summary', { hasText: 'Menu' }).focus();
        await narrow.keyboard.press('Enter');
        await menu(narrow, 'Orders');
        // Who cannot run scripts loses nothing but smoothness.
        const plain = await stage.operator({ javaScriptEnabled: false });
        await plain.goto(`${BASE}/ui/accounts`);
        await plain.locator('tbody a.mono').first().click();
        await plain.getByRole('button', { name: 'Disable' }).click();
        await plain.getByText('It is disabled.').waitFor();
    },

    // The pictures of docs/WEB.md.
    async pictures(stage) {
        const page = await stage.operator({ viewport: { width: 1280, height: 860 } });
        const dark = await stage.operator({ viewport: { width: 1280, height: 860 }, colorScheme: 'dark' });
        const narrow = await stage.operator({ viewport: { width: 380, height: 780 } });
        const orders = (await api('/orders?limit=100')).items;
        const of = (status) => orders.find((order) => order.status === status).id;
        const { items: [certificate] } = await api('/certificates?name=www.corp.test');
        for (const [who, path, name] of [
            [page, '/ui', 'overview'],
            [page, `/ui/orders/${of('invalid')}`, 'order-that-failed'],
            [dark, `/ui/orders/${of('valid')}`, 'order-dark'],
            [page, '/ui/acme-profiles/corp', 'acme-profile'],
            [page, '/ui/ra-profiles/servers/trial?identifier=www.corp.test', 'tester'],
            [page, `/ui/certificates/${certificate.id}`, 'certificate'],
            [dark, '/ui/accounts', 'accounts-dark'],
            [narrow, '/ui', 'overview-narrow'],
        ]) {
            await who.goto(`${BASE}${path}`);
            await who.screenshot({ path: `${process.env.PICTURES}/${name}.png` });
        }
    },
};

// Waits for an order's page to say that it stands so, and goes on or has ended.
const now = (page, status) => page.locator('h2', { hasText: 'Now' }).getByText(status).waitFor();
const outcome = (page, status) => page.locator('h2', { hasText: 'Outcome' }).getByText(status).waitFor();

// How many pages of this browser hold a stream.
const streams = (page) => page.evaluate(async () => (await navigator.locks.query()).held.length);

// A way to the server that can be cut.
class Line {
    constructor() {
        this.ends = new Set();
        this.port = 0;
    }

    base() {
        const url = new URL(BASE);
        url.port = this.port;
        return url.origin;
    }

    async mend() {
        this.server = net.createServer((near) => {
            const { hostname, port } = new URL(BASE);
            const far = net.connect(port, hostname);
            for (const end of [near, far]) {
                this.ends.add(end);
                end.unref();
                end.on('error', () => {});
                end.on('close', () => { near.destroy(); far.destroy(); });
            }
            near.pipe(far).pipe(near);
        });
        await new Promise((ready) => this.server.listen(this.port, new URL(BASE).hostname, ready));
        this.port = this.server.address().port;
        // A scenario that fails ends all the same.
        this.server.unref();
    }

    // Nothing comes through any more, and nobody is told: as a machine that sleeps.
    stall() {
        for (const end of this.ends) {
            end.unpipe();
            end.pause();
        }
    }

    cut() {
        this.server.close();
        for (const end of this.ends) end.destroy();
        this.ends.clear();
    }
}

// The pages of the menu.
const pages = [
    '/ui', '/ui/acme-profiles', '/ui/ra-profiles', '/ui/accounts', '/ui/orders', '/ui/certificates', '/ui/authorities',
    '/ui/eab', '/ui/tokens', '/ui/audit',
];

// Visits what can be reached by links, two of each kind. Answers the paths.
async function crawl(page, visit) {
    const [waiting, seen, kinds] = [['/ui'], new Set(['/ui']), new Map()];
    while (waiting.length > 0) {
        const path = waiting.shift();
        const answer = await page.goto(`${BASE}${path}`);
        assert.strictEqual(answer.status(), 200, path);
        await visit(path);
        const links = await page.locator('a[href^="/ui"], a[href^="?"]').evaluateAll((all) => all.map((link) => link.href));
        for (const link of links) {
            const { pathname, search } = new URL(link);
            // Names of objects stand in the third place.
            const kind = pathname.split('/').map((part, nth) => (nth === 3 && !/^:?new$/.test(part) ? '*' : part)).join('/');
            const target = pathname + search;
            const download = pathname.includes('/files/') || pathname.endsWith('.pem');
            if (seen.has(target) || download || (kinds.get(kind) ?? 0) >= 2) continue;
            kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
            seen.add(target);
            waiting.push(target);
        }
    }
    return seen;
}

(async () => {
    const stage = await Stage.open();
    try {
        const scenario = scenarios[process.argv[2]];
        assert(scenario, `there is no scenario ${process.argv[2]}`);
        await scenario(stage);
    } finally {
        await stage.close();
    }
})().catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
});
