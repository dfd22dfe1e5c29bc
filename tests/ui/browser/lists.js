// What is done from lists: filters, pages, and many at once.

const assert = require('node:assert');

const { api, judge, menu } = require('./stage.js');

const { BASE } = process.env;

module.exports = {
    async bulk_actions(stage) {
        const page = await stage.operator();
        await menu(page, 'ACME Accounts');
        const all = (await api('/acmeAccounts')).items;
        assert(all.length >= 3, 'there are accounts to tick');
        await page.getByLabel('Tick all').check();
        await page.getByRole('button', { name: 'Disable' }).click();
        await page.getByRole('status').getByText(`${all.length} accounts are disabled.`).waitFor();
        for (const { enabled } of (await api('/acmeAccounts')).items) assert.strictEqual(enabled, false);

        // One of them cannot be done: what was done and what not is told apart.
        await api(`/acmeAccounts/${all[0].id}/revoke`, {});
        await page.getByLabel('Tick all').check();
        await page.getByRole('button', { name: 'Enable' }).click();
        await page.getByText(`Done to ${all.length - 1}; not done to 1.`).waitFor();
        await page.getByRole('cell', { name: all[0].id }).waitFor();
        await judge(page, 'the outcome of a bulk action');

        await page.getByRole('link', { name: 'Back to the list' }).click();
        await page.getByLabel(`Tick account ${all[1].id}`).check();
        await page.getByLabel(`Tick account ${all[2].id}`).check();
        await page.getByRole('button', { name: 'Revoke…' }).click();
        await page.getByText('Revoke these 2 accounts?').waitFor();
        await page.getByText(all[1].id).waitFor();
        await page.getByRole('button', { name: 'Revoke' }).click();
        await page.getByRole('status').getByText('2 accounts are revoked.').waitFor();
        for (const { id } of all.slice(1, 3)) assert.strictEqual((await api(`/acmeAccounts/${id}`)).status, 'revoked');
        // Nothing was ticked.
        await page.getByRole('button', { name: 'Enable' }).click();
        await page.getByRole('alert').getByText('no account was ticked').waitFor();
    },

    // Whatever is done from a page of a list, it leads back to that page.
    async lists_keep_their_filter_and_page(stage) {
        const page = await stage.operator();
        const first = `${BASE}/ui/accounts?status=valid&acmeProfile=default`;
        await page.goto(first);
        assert.strictEqual(await page.locator('tbody tr').count(), 50);
        await page.getByRole('link', { name: 'Next page' }).click();
        await page.waitForURL(/cursor=/);
        const second = page.url();
        await page.getByText('ops-0@corp.test').waitFor();
        const rows = await page.locator('tbody tr').count();
        assert(second.startsWith(first) && rows < 50, `${second} shows ${rows}`);
        const accounts = (await api('/acmeAccounts?limit=100')).items;
        const { id } = accounts.find(({ contacts }) => contacts[0] === 'mailto:ops-0@corp.test');
        const back = async () => {
            await page.waitForURL((url) => url.pathname === '/ui/accounts');
            assert.strictEqual(page.url().replace(/&done=.*/, ''), second);
            await page.getByText('ops-0@corp.test').waitFor();
            assert.strictEqual(await page.locator('tbody tr').count(), rows);
        };

        // Nothing is ticked: the same page says so, and leads on as the list does.
        await page.getByRole('button', { name: 'Disable' }).click();
        await page.getByRole('alert').getByText('no account was ticked').waitFor();
        await judge(page, 'a list after nothing was ticked');
        assert.strictEqual(await page.locator('tbody tr').count(), rows);
        await page.getByRole('link', { name: 'Show it as it is now' }).click();
        await back();
        await page.goto(first);
        await page.getByRole('button', { name: 'Disable' }).click();
        await page.getByRole('alert').getByText('no account was ticked').waitFor();
        await page.getByRole('link', { name: 'Next page' }).click();
        await page.getByText('ops-0@corp.test').waitFor();
        await back();

        await page.getByLabel(`Tick account ${id}`).check();
        await page.getByRole('button', { name: 'Revoke…' }).click();
        await page.getByText('Revoke this account?').waitFor();
        await page.getByText(`${id} of mailto:ops-0@corp.test`).waitFor();
        await page.getByRole('link', { name: 'Keep as it is' }).click();
        await back();
        await page.getByLabel('Tick all').check();
        await page.getByRole('button', { name: 'Disable' }).click();
        await page.getByRole('status').getByText(`${rows} accounts are disabled.`).waitFor();
        await back();
        await api(`/acmeAccounts/${id}/revoke`, {});
        await page.goto(second);
        await page.getByLabel('Tick all').check();
        await page.getByRole('button', { name: 'Enable' }).click();
        await page.getByRole('status').getByText(`${rows - 1} accounts are enabled.`).waitFor();

        // More than a question names.
        await page.goto(`${BASE}/ui/accounts`);
        const key = await page.locator('input[name="formKey"]').first().inputValue();
        const asked = await page.evaluate(async ([formKey, ids]) => {
            const body = new URLSearchParams({ formKey, action: 'revoke' });
            for (const one of ids) body.append('item', one);
            return (await fetch('/ui/accounts/bulk', { method: 'POST', body })).text();
        }, [key, accounts.map((account) => account.id)]);
        assert(asked.includes(`Revoke these ${accounts.length} accounts?`), asked);
        assert(asked.includes(`and ${accounts.length - 50} more`), asked);

        // A form that was made up leads nowhere else.
        const made = await page.evaluate(async (formKey) => {
            const body = new URLSearchParams({ formKey, action: 'enable', back: '//elsewhere.test/?status=valid' });
            return (await fetch('/ui/accounts/bulk', { method: 'POST', body })).text();
        }, key);
        assert(!made.includes('href="//elsewhere'), made);

        // What is over cannot be canceled, and is not offered.
        await page.goto(`${BASE}/ui/orders`);
        assert.strictEqual(await page.getByLabel('Tick the order for over.corp.test').count(), 0);
        await judge(page, 'orders, some of them over');
        await page.getByLabel('Tick the order for waits.corp.test').check();
        await page.getByRole('button', { name: 'Cancel…' }).click();
        await page.getByText('Cancel this order?').waitFor();
        await page.getByText('waits.corp.test, placed').waitFor();
        await page.getByRole('button', { name: 'Cancel the order' }).click();
        await page.getByRole('status').getByText('1 order was canceled.').waitFor();
    },

    // No page is a dead end: what was refused leads to what can be read, and so do URLs that only take forms.
    async refusals_lead_on(stage) {
        const page = await stage.operator();
        const { items: [account] } = await api('/acmeAccounts?enabled=true&status=valid');
        const here = `${BASE}/ui/accounts/${account.id}`;
        await page.goto(here);
        await api(`/acmeAccounts/${account.id}/disable`, {});
        await page.getByRole('button', { name: 'Disable' }).click();
        await page.getByRole('alert').getByText('Look at how it is now').waitFor();
        await judge(page, 'a page after a refusal');
        await page.getByRole('link', { name: 'Show it as it is now' }).click();
        await page.waitForURL(here);
        await page.getByRole('button', { name: 'Enable' }).waitFor();
        for (const [path, page_] of [
            [`/ui/accounts/${account.id}/disable`, `/ui/accounts/${account.id}`],
            ['/ui/accounts/bulk', '/ui/accounts'],
            ['/ui/acme-profiles/:bulk', '/ui/acme-profiles'],
            ['/ui/ra-profiles/default/activate', '/ui/ra-profiles/default'],
            ['/ui/sign-out', '/ui'],
        ]) {
            await page.goto(`${BASE}${path}`);
            assert.strictEqual(page.url(), `${BASE}${page_}`);
        }
        await page.goto(`${BASE}/ui/accounts/gone/revoke`);
        await page.getByRole('link', { name: 'Show the list' }).click();
        await page.waitForURL(`${BASE}/ui/accounts`);
    },

    async filters_are_refused_at_their_fields(stage) {
        const page = await stage.operator();
        for (const [query, label, said] of [
            ['accounts?status=foo', 'Status', 'there is no status "foo"'],
            ['accounts?enabled=foo', 'Enabled', '"foo" is neither true nor false'],
            ['orders?status=foo', 'Status', 'there is no status "foo"'],
            ['orders?createdFrom=soon', 'Placed from (UTC)', ''],
            ['orders?name=a.test&name=b.test', 'Name', 'asked for twice'],
            ['certificates?sort=foo', 'Sorted', 'there is no sort "foo"'],
            ['eab?status=foo', 'Status', 'there is no status "foo"'],
            ['acme-profiles?enabled=foo', 'Enabled', '"foo" is neither true nor false'],
            ['audit?to=soon', 'Before (UTC)', ''],
        ]) {
            const answer = await page.goto(`${BASE}/ui/${query}`);
            assert(answer.status() >= 400 && answer.status() < 500, `${query}: ${answer.status()}`);
            const field = page.getByRole('search').getByLabel(label, { exact: true });
            assert.strictEqual(await field.getAttribute('aria-invalid'), 'true', query);
            const fault = await page.locator(`#${await field.getAttribute('aria-describedby')}`).innerText();
            assert(fault.includes(said) && !fault.includes('`'), `${query}: ${fault}`);
            assert.strictEqual(await page.getByText('passes this filter').count(), 0, query);
            await judge(page, query);
        }
        await page.goto(`${BASE}/ui/accounts?cursor=AAAA`);
        await page.getByRole('alert').waitFor();
        await page.getByRole('link', { name: 'First page' }).click();
        await page.waitForURL(`${BASE}/ui/accounts`);
    },
};
