// Every option does what it says, or is refused with the reason.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';

import { Cookies, EventSourceError, EventStream, SettingError } from 'libeventsource';

import { all, serve } from './server.js';

// Of the package as it is installed: what it exports has no place for this.
const { settingNames } = await import(new URL('lib/settings.js', import.meta.resolve('libeventsource')));

let url;
before(async () => {
    url = await serve();
});

async function echo(options, path = '/echo') {
    const stream = new EventStream(url + path, options);
    const { value } = await stream.next();
    await stream.close();
    return JSON.parse(value.data);
}

const header = ({ headers }, name) => headers.filter(([key]) => key === name).map(([, value]) => value);

/** For each option: a value that is taken, and values that are refused, each with what the reason says. */
const PEM = /certificate|PEM|key/i;
const values = {
    name: ['prices', { '': /./, 'a\nb': /./, ['x'.repeat(129)]: /128/, 'a\0b': /NUL/, '\ud800': /surrogate/ }],
    method: ['POST', { 'GE T': /method/i, CONNECT: /CONNECT/, 'A\0B': /NUL/ }],
    body: ['text'],
    headers: [{ 'X-A': ['1', '2'] }],
    sensitiveHeaders: [[['X-A', '1']]],
    basicAuth: [{ user: 'u', password: 'p' }],
    cookies: [new Cookies()],
    compression: [true],
    reconnectWithGet: [true],
    lastEventId: ['7', { 'a\nb': /./, 'a\0b': /NUL/, '\ud800': /surrogate/ }],
    mode: ['once', { twice: /none of auto, keep-alive, once, until-end/ }],
    reconnect: [{ delay: 5, maxAttempts: Infinity }],
    connectTimeout: [Infinity],
    responseTimeout: [1000],
    readTimeout: [1000],
    eventTimeout: [1000],
    maxRedirects: [0],
    maxEventSize: [1000],
    endMarker: ['[DONE]', { '': /empty/, 'a\r': /CR/, 'a\0b': /NUL/ }],
    maxErrorBody: [1000],
    checkContentType: [false],
    watchNetwork: [false],
    interface: ['lo', { 'a b': /interface/, 'a\0b': /NUL/ }],
    proxy: ['http://127.0.0.1:1', { 'htp://x': /./, 'http://a\0b': /NUL/ }],
    noProxy: ['*', { 'a\0b': /NUL/ }],
    keyLogFile: [undefined, { '/nowhere/file': /nowhere/, 'a\0b': /NUL/ }],
    unixSocket: ['/tmp/socket', { [`/${'x'.repeat(300)}`]: /./, 'a\0b': /NUL/ }],
    resolve: [['a:1:127.0.0.1', 'b:1:127.0.0.1'], { nonsense: /./, 'a\0b': /NUL/ }],
    httpVersion: ['1.1', { 3: /none of/ }],
    caPem: [undefined, { nonsense: PEM }],
    caFile: [undefined, { '/nowhere': /nowhere/, 'a\0b': /NUL/ }],
    caExclusive: [true],
    clientCertPem: [undefined],
    clientCertFile: [undefined],
    pinnedKeys: ['sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=', { 'sha256/abc': /./, 'a\0b': /NUL/ }],
    minTlsVersion: ['1.3', { '1.1': /none of/ }],
    serverName: ['example.com', { 'a b': /./, 'a\0b': /NUL/ }],
    insecureSkipVerification: [false],
};

for (const name of settingNames) {
    test(`${name} is taken, or refused with the reason`, async () => {
        const [good, bad = {}] = values[name];
        await new EventStream(url, { [name]: good }).close();
        for (const [value, reason] of Object.entries(bad)) {
            assert.throws(() => new EventStream(url, { [name]: value }), (error) => {
                assert.ok(error instanceof SettingError && error instanceof EventSourceError);
                assert.equal(error.setting, name);
                assert.match(error.code, /^EVENTSOURCE_ERR_/);
                assert.match(error.message, reason);
                assert.ok(error.message.startsWith(`${name}: `));
                return true;
            }, `${name}: ${JSON.stringify(value)}`);
        }
    });
}

test('numbers that do not fit, or that would mean something else, are refused', () => {
    const wrong = {
        connectTimeout: [-1, -5, 1.5, NaN, -Infinity, 2 ** 63, 2n ** 63n],
        readTimeout: [-1, 2 ** 70],
        eventTimeout: [-1, 2 ** 70],
        responseTimeout: [-1],
        maxRedirects: [-1, 2 ** 32, 2 ** 31, 0.5, NaN, Infinity],
        maxEventSize: [-1, 0.5, 2 ** 64, NaN, Infinity],
        maxErrorBody: [-1, 0.5, 2 ** 64, NaN],
        bufferSize: [-1, 0.5, NaN, Infinity],
    };
    for (const [name, list] of Object.entries(wrong)) {
        for (const value of list) {
            assert.throws(() => new EventStream(url, { [name]: value }), SettingError, `${name}: ${value}`);
        }
    }
    for (const [member, value] of Object.entries({
        delay: 0, maxDelay: -1, factor: 0.5, jitter: NaN, resetAfter: -1, maxAttempts: -1, minDelay: 0, maxServerDelay: 2 ** 64,
    })) {
        assert.throws(() => new EventStream(url, { reconnect: { [member]: value } }), SettingError, member);
    }
});

test('cookies are those of the jar', async () => {
    const cookie = '127.0.0.1\tFALSE\t/\tFALSE\t0\tkept\tbefore\n';
    const jar = new Cookies(cookie);
    assert.ok(jar.text.includes(cookie), jar.text);
    assert.deepEqual(header(await echo({ cookies: jar }), 'cookie'), ['kept=before']);
    assert.deepEqual(header(await echo({}), 'cookie'), []);
    for (const bad of ['nonsense', 'a\0b', '\ud800']) assert.throws(() => jar.add(bad), SettingError);
});

test('what has the wrong type, or no such name, is a TypeError', () => {
    const wrong = {
        name: 1, method: 1, body: 1, headers: 'X: 1', sensitiveHeaders: [['X', 1]], basicAuth: 'u:p', cookies: 'a=b', compression: 1, lastEventId: null,
        connectTimeout: '10', mode: 1, checkContentType: 'no', caPem: {}, clientCertPem: { key: 'x' }, clientCertFile: 'x', reconnect: { dealy: 1 },
        onOpen: 'x', signal: {}, header: {}, maxRedirects: '3', resolve: [1],
    };
    for (const [name, value] of Object.entries(wrong)) {
        assert.throws(() => new EventStream(url, { [name]: value }), (error) =>
            error instanceof TypeError || error instanceof SettingError, name);
    }
    assert.throws(() => new EventStream(url, null), TypeError);
    assert.throws(() => new EventStream(7), TypeError);
    // What has no members of an option's name, or looks like a word or a pair, is not taken for one.
    for (const options of [[], new Map([['mode', 'once']]), { reconnect: [] }, { headers: ['ab'] }, { headers: [['a']] },
        { headers: [['a', 'b', 'c']] }, { headers: [5] }]) {
        assert.throws(() => new EventStream(url, options), TypeError);
    }
    for (const mode of [['once'], { toString: () => 'once' }, Object.create(null)]) {
        assert.throws(() => new EventStream(url, { mode }), SettingError);
    }
});

test('a URL that is none is refused with the reason', () => {
    for (const [wrong, reason] of Object.entries({
        'ht tp://x': /./, 'localhost:8080/x': /./, 'http://x:99999/': /./, '/x': /./, '': /./, [`${url}/e\0?x`]: /NUL/, 'http://\ud800/': /surrogate/,
    })) {
        assert.throws(() => new EventStream(wrong), (error) => {
            assert.ok(error instanceof SettingError, wrong);
            assert.equal(error.setting, 'url');
            assert.match(error.message, reason);
            return true;
        });
    }
});

test('a NUL in any text is refused', () => {
    const nul = 'a\0b';
    const options = [
        { headers: { [nul]: 'x' } }, { headers: { x: nul } }, { sensitiveHeaders: { x: nul } },
        { basicAuth: { user: nul, password: '' } }, { basicAuth: { user: '', password: nul } },
    ];
    for (const option of options) {
        assert.throws(() => new EventStream(url, option), { message: /NUL/ }, JSON.stringify(option));
    }
});

test('the request is as the options say', async () => {
    assert.deepEqual(header(await echo({ headers: { Accept: null, 'X-None': [] } }), 'accept'), []);
    const request = await echo({
        method: 'POST',
        body: Buffer.from([0, 1, 65]),
        headers: { 'X-One': ['1', '2'], 'User-Agent': 'mine', 'X-Word': 'é' },
        sensitiveHeaders: new Headers({ 'x-secret': 's' }),
        basicAuth: { user: 'user', password: 'päss' },
        lastEventId: '17',
        compression: true,
    });
    assert.equal(request.method, 'POST');
    assert.equal(request.body, '\0\x01A');
    assert.deepEqual(header(request, 'x-one'), ['1', '2']);
    assert.deepEqual(header(request, 'user-agent'), ['mine']);
    assert.deepEqual(header(request, 'x-word'), ['é']);
    assert.deepEqual(header(request, 'x-secret'), ['s']);
    assert.deepEqual(header(request, 'authorization'), [`Basic ${Buffer.from('user:päss').toString('base64')}`]);
    assert.deepEqual(header(request, 'last-event-id'), ['17']);
    assert.match(header(request, 'accept-encoding')[0], /gzip/);
});

test('a secret stays at its origin, and out of errors', async () => {
    const other = await serve();
    const request = await echo({
        headers: { 'X-Open': '1' }, sensitiveHeaders: { 'X-Secret': 's' }, basicAuth: { user: 'user', password: 'password' },
    }, `/redirect?to=${other}/echo`);
    assert.deepEqual(header(request, 'x-open'), ['1']);
    assert.deepEqual([...header(request, 'x-secret'), ...header(request, 'authorization')], []);
    for (const options of [{ headers: { X: 'hunter2\n' } }, { basicAuth: { user: 'user', password: 'hunter2\0' } }]) {
        assert.throws(() => new EventStream(url, options), (error) => error instanceof SettingError && !error.message.includes('hunter2'));
    }
});

test('a document is a result, and the body of an error as long as is set', async () => {
    const documents = [];
    const stream = new EventStream(`${url}/status/200?body={}&header=Content-Type:application/json`, {
        onDocument: (document) => documents.push(document),
    });
    assert.deepEqual(await all(stream), []);
    assert.equal(stream.closeReason, 'end-of-stream');
    assert.deepEqual(documents.map(({ response, body }) => [response.status, body.toString()]), [[200, '{}']]);
    await assert.rejects(all(new EventStream(`${url}/status/400?body=abcdef`, { maxErrorBody: 3 })), { body: 'abc' });
});

test('an end marker tells a complete stream from one that was cut', async () => {
    const complete = new EventStream(`${url}/events?count=3`, { endMarker: 'event 2' });
    assert.deepEqual((await all(complete)).map((event) => event.data), ['event 1']);
    assert.equal(complete.closeReason, 'end-of-stream');
    await assert.rejects(all(new EventStream(`${url}/events?count=3&per_connection=1`, { mode: 'once', endMarker: 'event 2' })),
        { code: 'EVENTSOURCE_ERR_END_OF_STREAM' });
});

test('onRedirect decides what another origin gets', async () => {
    const to = `${url.replace('127.0.0.1', 'localhost')}/echo`;
    for (const [decision, gets] of [[undefined, false], ['follow', false], ['follow-with-credentials', true]]) {
        const seen = [];
        const stream = new EventStream(`${url}/redirect?to=${to}`, {
            sensitiveHeaders: { 'X-Key': 'hidden' },
            onRedirect: (redirect) => {
                seen.push(redirect);
                return decision;
            },
        });
        assert.equal((await stream.next()).value.data.includes('hidden'), gets, String(decision));
        await stream.close();
        assert.deepEqual(seen, [{ status: 302, from: `${url}/redirect?to=${to}`, to, dropsCredentials: true, dropsBody: false }]);
    }
    const here = `${url}/redirect?to=/echo`;
    await assert.rejects(all(new EventStream(here, { onRedirect: () => 'refuse' })), { code: 'EVENTSOURCE_ERR_REDIRECT' });
    for (const wrong of [1, 'maybe', Promise.resolve('follow')]) {
        await assert.rejects(all(new EventStream(here, { onRedirect: () => wrong })), TypeError);
    }
});

test('limits, modes and ways do what they say', async () => {
    await assert.rejects(all(new EventStream(`${url}/hang-body`, { readTimeout: 30, mode: 'once' })), { code: 'EVENTSOURCE_ERR_READ_TIMEOUT' });
    await assert.rejects(all(new EventStream(`${url}/hang-body`, { eventTimeout: 30, mode: 'once' })), { code: 'EVENTSOURCE_ERR_EVENT_TIMEOUT' });
    await assert.rejects(all(new EventStream(`${url}/hang`, { responseTimeout: 30 })), { code: 'EVENTSOURCE_ERR_RESPONSE_TIMEOUT' });
    await assert.rejects(all(new EventStream(`${url}/redirect?to=/events`, { maxRedirects: 0 })), { code: 'EVENTSOURCE_ERR_TOO_MANY_REDIRECTS' });
    await assert.rejects(all(new EventStream(`${url}/type`, { mode: 'once' })), { code: 'EVENTSOURCE_ERR_CONTENT_TYPE' });
    assert.equal((await all(new EventStream(`${url}/type`, { mode: 'once', checkContentType: false }))).length, 1);
    const once = new EventStream(`${url}/events?count=4&per_connection=2`, { mode: 'until-end' });
    assert.equal((await all(once)).length, 2);
    assert.equal(once.closeReason, 'end-of-stream');
    const elsewhere = new EventStream(`http://nowhere.invalid:${new URL(url).port}/events?count=1`, {
        resolve: `nowhere.invalid:${new URL(url).port}:127.0.0.1`, proxy: '',
    });
    assert.equal((await elsewhere.next()).value.data, 'event 1');
    await elsewhere.close();
    await assert.rejects(all(new EventStream(url, { proxy: 'http://127.0.0.1:1' })), { code: 'EVENTSOURCE_ERR_PROXY' });
    await assert.rejects(all(new EventStream(url, { unixSocket: '/nowhere/socket' })), { code: 'EVENTSOURCE_ERR_CONNECT' });
    await assert.rejects(all(new EventStream(`${url}/status/503`, { reconnect: { retryInitial: true, delay: 1, maxAttempts: 3 } })),
        (error) => error.attempt === 3 && error.httpStatus === 503);
});

test('TLS trusts whom the options say', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'eventsource-node-'));
    const file = join(folder, 'ca.pem');
    const secure = await serve('--tls', '--ca-file', file);
    const events = `${secure}/events?count=1&then=204&retry=1`;
    await assert.rejects(all(new EventStream(events, { caPem: '' })), { code: 'EVENTSOURCE_ERR_CERTIFICATE' });
    assert.equal((await all(new EventStream(events, { caFile: file, caExclusive: true }))).length, 1);
    assert.equal((await all(new EventStream(events, { insecureSkipVerification: true }))).length, 1);
    const keyLogFile = join(folder, 'keys');
    assert.equal((await all(new EventStream(events, { caFile: file, keyLogFile }))).length, 1);
    assert.match(readFileSync(keyLogFile, 'utf8'), /^CLIENT_TRAFFIC_SECRET_0 /m);
    writeFileSync(join(folder, 'bad.pem'), 'nonsense');
    assert.throws(() => new EventStream(events, { caFile: join(folder, 'bad.pem') }), { code: 'EVENTSOURCE_ERR_PEM' });
    assert.throws(() => new EventStream(events, { clientCertFile: { cert: file } }), { code: 'EVENTSOURCE_ERR_PEM' });
    assert.throws(() => new EventStream(events, { clientCertFile: { cert: file, key: 'a\0b' } }), { message: /NUL/ });
    assert.throws(() => new EventStream(events, { clientCertPem: { cert: 'nonsense' } }), { code: 'EVENTSOURCE_ERR_PEM' });
});
