// What a stream gives to the loop that reads it.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { EventSourceError, EventStream, SettingError, StreamError, hasFeature, metrics, version } from 'libeventsource';

import { PATIENCE, all, serve } from './server.js';

let url;
before(async () => {
    url = await serve();
});

const threads = () => readdirSync('/proc/self/task').length;
const ids = (events) => events.map((event) => Number(event.lastEventId));
const upTo = (count) => Array.from({ length: count }, (_, i) => i + 1);

test('events come in order, over reconnects, until the server asks for the end', async () => {
    const opened = [];
    const target = `${url}/events?count=5&per_connection=2&retry=1&then=204`;
    const stream = new EventStream(target, { onOpen: (response) => opened.push(response) });
    assert.equal(stream.state, 'idle');
    const events = await all(stream);
    assert.deepEqual(ids(events), upTo(5));
    assert.deepEqual([...new Set(events.map(({ origin }) => origin))], [url]);
    assert.deepEqual(opened.map(({ status }) => status), [200, 200, 200]);
    const { httpVersion, tlsVersion, isReused, resolveTime, tlsTime, connectTime, headTime, headers, ...rest } = opened[0];
    assert.deepEqual({ httpVersion, tlsVersion, isReused, resolveTime, tlsTime },
        { httpVersion: '1.1', tlsVersion: null, isReused: false, resolveTime: null, tlsTime: null });
    assert.deepEqual(rest, { status: 200, url: target, peer: url.replace('http://', '') });
    assert.equal(new Map(headers).get('content-type'), 'text/event-stream');
    assert.ok(connectTime > 0 && headTime > 0 && headTime < 10_000);
    assert.equal(stream.state, 'closed');
    assert.equal(stream.closeReason, 'server');
});

test('the library tells what it was built with', () => {
    assert.equal(hasFeature('tls'), true);
    assert.equal(hasFeature('carrier pigeons'), false);
});

test("the version is the library's", () => {
    const [major, minor] = version.match(/^(\d+)\.(\d+)\.\d+$/).slice(1).map(Number);
    assert.ok(major > 0 || minor >= 9);
});

test('each stream has a number of its own, for life', async () => {
    const streams = Array.from({ length: 3 }, () => new EventStream(url));
    const numbers = streams.map((stream) => stream.number);
    assert.equal(new Set(numbers).size, 3);
    assert.ok(numbers.every((number) => Number.isSafeInteger(number) && number > 0));
    for (const stream of streams) await stream.close();
    assert.deepEqual(streams.map((stream) => stream.number), numbers);
});

test('odd events are what the standard makes of them', async () => {
    const expected = await (await fetch(`${url}/odd?as=json`)).json();
    const comments = [];
    const events = await all(new EventStream(`${url}/odd`, { onComment: (text) => comments.push(text) }));
    assert.deepEqual(events.map(({ type, data, lastEventId }) => [type, data, lastEventId]), expected);
    assert.deepEqual(comments, ['a comment']);
});

test('a huge event arrives whole, and one over the limit is an error', async () => {
    const [event] = await all(new EventStream(`${url}/big?bytes=15000000&then=end`, { mode: 'once' }));
    assert.equal(event.data, 'x'.repeat(15_000_000));
    const stream = new EventStream(`${url}/big?bytes=2000&then=end`, { mode: 'once', maxEventSize: 1000 });
    await assert.rejects(all(stream), { code: 'EVENTSOURCE_ERR_EVENT_TOO_LARGE' });
});

test('a final error is thrown once, with what is known of it', async () => {
    const stream = new EventStream(`${url}/status/404?header=X-Why:gone&body=no%20such%20stream`);
    await assert.rejects(stream.next(), (error) => {
        assert.ok(error instanceof StreamError && error instanceof EventSourceError);
        assert.equal(error.code, 'EVENTSOURCE_ERR_HTTP_STATUS');
        assert.equal(error.httpStatus, 404);
        assert.equal(error.message, 'the server answered 404');
        assert.equal(new Map(error.headers).get('x-why'), 'gone');
        assert.equal(error.body, 'no such stream');
        return true;
    });
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
});

test('events that came before an error are read before it', async () => {
    const stream = new EventStream(`${url}/events?count=6&cut=abort&per_connection=3`, { mode: 'once' });
    const events = [];
    await assert.rejects(async () => {
        for await (const event of stream) events.push(event);
    }, { code: 'EVENTSOURCE_ERR_DISCONNECTED' });
    assert.deepEqual(ids(events), upTo(3));
});

test('a server that cannot be reached is an error of the operating system', async () => {
    await assert.rejects(all(new EventStream('http://127.0.0.1:1/')), (error) =>
        error.code === 'EVENTSOURCE_ERR_CONNECT' && error.osError > 0);
});

test('several can ask for an event at once, and are answered in order', async () => {
    const stream = new EventStream(`${url}/events?count=3&then=204&retry=1`);
    const answers = await Promise.all([stream.next(), stream.next(), stream.next(), stream.next(), stream.next()]);
    assert.deepEqual(answers.map(({ value, done }) => (done ? 'end' : value.data)), ['event 1', 'event 2', 'event 3', 'end', 'end']);
});

test('metrics tell what the streams of the thread have done', async () => {
    assert.equal(metrics(), null);
    const held = new EventStream(`${url}/hang-body`);
    await held.next();
    await all(new EventStream(`${url}/events?count=4&per_connection=2&retry=10&then=204`));
    const now = metrics();
    assert.deepEqual([now.open, now.events, now.reconnectsEnd, now.starts], [1, 5, 2, 2]);
    assert.equal(now.latencyCounts.reduce((sum, count) => sum + count), 5);
    assert.ok(now.latencySumNs > 0 && now.threads >= 1);
    await held.return();
    assert.equal(metrics(), null);
});

test('what is not read is not fetched: the client is paused', async () => {
    const stream = new EventStream(`${url}/blast?bytes=200000000&size=1000`, { bufferSize: 100_000 });
    await stream.next();
    let before;
    let now = stream.stats.bytes;
    // Until nothing more comes for a while; the rest of it is 200 MB away.
    do {
        before = now;
        await delay(100);
        now = stream.stats.bytes;
    } while (now !== before);
    assert.ok(now < 1_000_000, `${now} bytes were read`);
    let read = 1;
    for await (const event of stream) {
        assert.equal(event.data.length, 1000);
        read += 1;
        if (read === 5000) break;
    }
    assert.equal(read, 5000);
});

test('unread streams neither delay one that is read nor cost threads', async () => {
    const unread = upTo(500).map(() => new EventStream(`${url}/blast?bytes=100000000`, { bufferSize: 10_000 }));
    await Promise.all(unread.map((stream) => stream.next()));
    const begin = Date.now();
    assert.deepEqual(ids(await all(new EventStream(`${url}/events?count=100&then=204&retry=1`))), upTo(100));
    assert.ok(Date.now() - begin < PATIENCE);
    assert.ok(threads() < 40, `${threads()} threads`);
    await Promise.all(unread.map((stream) => stream.close()));
});

test('a loop that is left closes the stream', async () => {
    const stream = new EventStream(`${url}/events?count=1000000`);
    for await (const event of stream) {
        if (event.data === 'event 10') break;
    }
    assert.equal(stream.state, 'closed');
    assert.equal(stream.closeReason, 'stopped');
    assert.equal(stream.lastEventId, '10');
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
});

test('close ends a read that waits, whatever the client is doing', async () => {
    for (const path of ['/hang', '/hang-body', '/events?count=0', '/status/503']) {
        const stream = new EventStream(url + path, { reconnect: { retryInitial: true, delay: 3_600_000 } });
        const reads = all(stream);
        while (stream.state === 'idle') await delay(1);
        const begin = Date.now();
        await stream.close();
        assert.ok(Date.now() - begin < PATIENCE);
        await reads;
        assert.equal(stream.state, 'closed');
    }
    const never = new EventStream(url);
    await never.close();
    await never.close();
    assert.deepEqual(await never.next(), { done: true, value: undefined });
});

test('a signal aborts a read with its reason, before, during and after', async () => {
    const controller = new AbortController();
    const stream = new EventStream(`${url}/hang-body`, { signal: controller.signal });
    assert.equal((await stream.next()).value.data, 'before the silence');
    const waiting = stream.next();
    controller.abort(new Error('enough'));
    await assert.rejects(waiting, { message: 'enough' });
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
    await assert.rejects(all(new EventStream(url, { signal: controller.signal })), { message: 'enough' });
    await assert.rejects(all(new EventStream(`${url}/hang`, { signal: AbortSignal.timeout(20) })), { name: 'TimeoutError' });
});

test('what a handler throws reaches the loop that reads, after the events before it', async () => {
    const oops = new Error('oops');
    const throws = () => {
        throw oops;
    };
    const failing = {
        onOpen: ['/events?count=1', 0],
        onComment: ['/events?count=3&comment=hello', 0],
        onRequest: ['/events', 0],
        onError: ['/events?count=6&per_connection=3&cut=abort', 3],
    };
    for (const [handler, [path, count]] of Object.entries(failing)) {
        const stream = new EventStream(url + path, { [handler]: throws });
        const events = [];
        await assert.rejects(async () => {
            for await (const event of stream) events.push(event);
        }, oops, handler);
        assert.deepEqual(ids(events), upTo(count), handler);
        await stream.close();
        assert.equal(stream.state, 'closed');
    }
});

// Where each handler is called.
const PATHS = {
    onOpen: '/events', onComment: '/events?comment=x', onDocument: '/type?value=application/json',
    onError: '/status/404', onRequest: '/events', onRedirect: '/redirect?to=/events',
};

test('a handler may throw anything', async () => {
    for (const [handler, path] of Object.entries(PATHS)) {
        for (const thrown of [undefined, null, 0, '']) {
            const stream = new EventStream(url + path, { [handler]: () => { throw thrown; } });
            assert.deepEqual(await stream.next().then(() => 'read', (error) => [error]), [thrown], handler);
            await stream.close();
        }
    }
});

test('the next event waits for the promise of a handler, and what that is rejected with reaches the loop', async () => {
    for (const handler of ['onOpen', 'onComment', 'onDocument']) {
        const oops = new Error('oops');
        const failing = new EventStream(url + PATHS[handler], { [handler]: async () => { await delay(1); throw oops; } });
        await assert.rejects(all(failing), oops, handler);
    }
    const order = [];
    const stream = new EventStream(`${url}/events?count=3&per_connection=1&retry=1&then=204`, {
        onOpen: async () => {
            order.push('opens');
            await delay(5);
            order.push('has opened');
        },
    });
    for await (const { lastEventId } of stream) order.push(lastEventId);
    assert.deepEqual(order, ['1', '2', '3'].flatMap((id) => ['opens', 'has opened', id]));
    // What waits for a promise can be closed.
    const closed = new EventStream(`${url}/events`, { onOpen: () => closed.close() });
    assert.deepEqual(await all(closed), []);
    const waiting = new EventStream(`${url}/events`, { onOpen: () => new Promise(() => setImmediate(() => waiting.close())) });
    assert.deepEqual(await all(waiting), []);
});

test('after a refused change nothing is sent, whatever the handler makes of it', async () => {
    const changes = [
        (request) => request.setHeader('X-Key', 'a\0b'),
        (request) => request.addHeader('X-Key', 5),
        (request) => request.setSensitiveHeader('X-Key', '\ud800'),
        (request) => request.removeHeader('a\0b'),
        (request) => request.setBasicAuth('user', 'a\0b'),
        (request) => request.setMethod('a\0b'),
        (request) => request.setUrl('http://a\0b'),
        (request) => request.setBody('\ud800'),
        (request) => request.setBody(5),
    ];
    for (const change of changes) {
        const onRequest = (request) => assert.throws(() => change(request), (error) =>
            error instanceof SettingError || error instanceof TypeError);
        const stream = new EventStream(`${url}/echo`, { onRequest });
        await assert.rejects(stream.next(), { code: 'EVENTSOURCE_ERR_REQUEST' }, String(change));
    }
});

test('onError decides: close, retry, or when', async () => {
    const errors = [];
    const decide = (decisions) => (error) => {
        errors.push(error.code);
        return decisions.shift();
    };
    assert.deepEqual(await all(new EventStream(`${url}/status/404`, {
        onError: decide(['retry', 1, 0, 'close']),
        reconnect: { delay: 1 },
    })), []);
    assert.deepEqual(errors, Array(4).fill('EVENTSOURCE_ERR_HTTP_STATUS'));
    for (const wrong of ['again', -5, 1.5, Promise.resolve()]) {
        await assert.rejects(all(new EventStream(`${url}/status/404`, { onError: () => wrong })), /onError/);
    }
});

test('onRequest changes the request, or does not make it', async () => {
    let gone;
    const stream = new EventStream(`${url}/nowhere`, {
        method: 'PUT',
        body: 'a\0b',
        headers: { 'X-Set': '1' },
        onRequest: (request) => {
            gone = request;
            assert.equal(request.attempt, 1);
            assert.equal(request.cause, null);
            assert.equal(request.url, `${url}/nowhere`);
            assert.equal(request.method, 'PUT');
            assert.deepEqual(request.body, Buffer.from('a\0b'));
            assert.equal(new Map(request.headers).get('x-set'), '1');
            request.removeHeader('X-Set');
            request.setBasicAuth('user', '');
            request.setUrl(`${url}/echo?x=1`);
            request.setMethod('POST');
            request.setHeader('X-One', '1');
            request.addHeader('X-One', '2');
            request.setSensitiveHeader('X-Secret', 's');
            request.setBody('bödy');
        },
    });
    const echo = JSON.parse((await stream.next()).value.data);
    await stream.close();
    assert.equal(echo.method, 'POST');
    assert.equal(echo.target, '/echo?x=1');
    assert.equal(echo.body, 'bödy');
    assert.deepEqual(echo.headers.filter(([name]) => name.startsWith('x-')), [['x-one', '1'], ['x-one', '2'], ['x-secret', 's']]);
    assert.ok(new Map(echo.headers).has('authorization'));
    assert.throws(() => gone.setHeader('X', '1'), /gone/);
    assert.throws(() => gone.url, /gone/);

    await assert.rejects(all(new EventStream(url, { onRequest: () => 'close' })), { code: 'EVENTSOURCE_ERR_REQUEST' });
    await assert.rejects(all(new EventStream(url, { onRequest: (request) => request.setHeader('X', 'a\0b') })), SettingError);
    await assert.rejects(all(new EventStream(url, { onRequest: (request) => request.setUrl('ftp://x') })), { code: 'EVENTSOURCE_ERR_URL' });
    await assert.rejects(all(new EventStream(url, { onRequest: async () => {} })), /promise/);
});

test('a stream can be closed by its own handlers', async () => {
    for (const [handler, path] of [['onOpen', '/events'], ['onComment', '/events?comment=x'], ['onRequest', '/events'], ['onError', '/status/503']]) {
        const stream = new EventStream(url + path, { [handler]: () => void stream.close(), reconnect: { retryInitial: true } });
        assert.deepEqual(await all(stream), [], handler);
    }
});

test('reconnectNow ends a wait, and is refused where nothing runs', async () => {
    const stream = new EventStream(`${url}/events?count=4&per_connection=2&then=204`, { reconnect: { delay: 3_600_000 } });
    assert.throws(() => stream.reconnectNow(), { code: 'EVENTSOURCE_ERR_STATE' });
    for (const id of ['1', '2']) assert.equal((await stream.next()).value.lastEventId, id);
    const next = stream.next();
    while (stream.state !== 'waiting') await delay(1);
    stream.reconnectNow();
    assert.equal((await next).value.lastEventId, '3');
    await stream.close();
    assert.throws(() => stream.reconnectNow(), { code: 'EVENTSOURCE_ERR_STATE' });
});

test('when the last stream has closed, no thread and no descriptor is left', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    await all(new EventStream(`${url}/events?count=1&then=204&retry=1`));
    const [threadsBefore, descriptorsBefore] = [threads(), descriptors()];
    for (let round = 0; round < 20; round += 1) {
        const streams = upTo(20).map(() => new EventStream(`${url}/events?count=2`));
        await Promise.all(streams.map((stream) => stream.next()));
        await Promise.all(streams.map((stream) => stream.close()));
    }
    while (descriptors() > descriptorsBefore + 1) await delay(5);
    assert.ok(threads() <= threadsBefore, `${threads()} threads, ${threadsBefore} before`);
});
