// The browser of a scenario: pages that note whatever should not be, and what every page is judged by.

const assert = require('node:assert');
const fs = require('node:fs');

const axe = require('axe-core');
const { chromium } = require('playwright-core');

const { BASE, TOKEN, CHROMIUM } = process.env;

const ARGS = [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
];

class Stage {
    static async open() {
        const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
        return new Stage(browser);
    }

    constructor(browser) {
        this.browser = browser;
        // What pages complained about: of scripts and styles that the policy forbids, above all.
        this.complaints = [];
        // Where pages went beside our server.
        this.strangers = [];
        // Other addresses of our server.
        this.homes = [BASE];
        // Whether connections fail on purpose.
        this.cut = false;
    }

    async close() {
        await this.browser.close();
        assert.deepStrictEqual(this.complaints, [], 'the browser complained');
        assert.deepStrictEqual(this.strangers, [], 'pages asked somebody else');
    }

    // A page of somebody who has not signed in.
    async page(options = {}) {
        const context = await this.browser.newContext({ ignoreHTTPSErrors: true, ...options });
        context.setDefaultTimeout(30_000);
        await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: BASE });
        context.on('request', (request) => {
            if (!this.homes.some((home) => request.url().startsWith(`${home}/`)) && !request.url().startsWith('data:')) {
                this.strangers.push(request.url());
            }
        });
        const page = await context.newPage();
        page.on('pageerror', (error) => this.complaints.push(error.message));
        page.on('console', (message) => {
            const text = message.text();
            // Answers that say no are part of the play, and a token is no password that has a user's name.
            const played = (this.cut && /net::ERR_|^htmx:/.test(text)) || text.includes('the server responded with a status of') || text.includes('Password forms');
            if (['error', 'warning'].includes(message.type()) && !played) {
                this.complaints.push(`${page.url()}: ${text}`);
            }
        });
        return page;
    }

    // A page of somebody who has.
    async operator(options = {}, token = TOKEN) {
        const page = await this.page(options);
        await signIn(page, token);
        return page;
    }
}

async function signIn(page, token) {
    await page.goto(`${BASE}/ui`);
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await heading(page, 'Overview');
}

// Waits for the page with this heading.
async function heading(page, name) {
    await page.getByRole('heading', { level: 1, name }).waitFor();
}

// Opens a place by its entry of the menu.
async function menu(page, name) {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name, exact: true }).click();
    await heading(page, name);
}

// What a page is judged by: nothing that axe-core finds, nothing wider than the window, one heading, landmarks.
async function judge(page, where) {
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    const found = violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((node) => node.html) }));
    assert.deepStrictEqual(found, [], `axe-core at ${where}`);
    const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert(wide <= window, `${where} is ${wide} wide in a window of ${window}`);
    assert.strictEqual(await page.locator('h1').count(), 1, `${where} has one heading`);
    assert.strictEqual(await page.locator('main').count(), 1, `${where} has a main part`);
}

// What the API says, as the administrator.
async function api(path, body, method = body ? 'POST' : 'GET') {
    const headers = { Authorization: `Bearer ${TOKEN}` };
    const options = { method, headers };
    if (body) {
        headers['Content-Type'] = 'application/json';
        headers['If-Match'] = '*';
        options.body = JSON.stringify(body);
    }
    const answer = await fetch(`${BASE}/api/v1${path}`, options);
    assert(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
    return answer.json();
}

// Waits until it is so.
async function until(what, attempt) {
    const end = Date.now() + 60_000;
    for (;;) {
        const found = await attempt();
        if (found) return found;
        assert(Date.now() < end, `${what} did not come`);
        await new Promise((later) => setTimeout(later, 50));
    }
}

// Tells the test that this far is come.
function tell(folder, what) {
    fs.writeFileSync(`${folder}/${what}`, '');
}

module.exports = { Stage, api, heading, judge, menu, signIn, tell, until };
