// EventSource, as the HTML standard has it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import test from 'node:test';

import { EventSource, SettingError } from 'libeventsource';

import { PATIENCE, run, serve } from './server.js';

const url = await serve();

/** All that an EventSource dispatches until it is closed, as lines. */
async function history(source, ...types) {
    const lines = [];
    await new Promise((resolve) => {
        for (const type of ['open', 'message', ...types]) {
            source.addEventListener(type, (event) => lines.push(`${type} ${event.data ?? ''} ${source.readyState}`));
        }
        source.addEventListener('error', (event) => {
            lines.push(`error ${event.error?.code ?? event.error} ${source.readyState}`);
            if (source.readyState === EventSource.CLOSED) resolve();
        });
    });
    return lines;
}

test('events come between open and error, over reconnects, until the server asks for the end', { timeout: PATIENCE }, async () => {
    const source = new EventSource(`${url}/events?count=3&per_connection=2&retry=1&then=204`);
    assert.equal(source.readyState, EventSource.CONNECTING);
    assert.deepEqual(await history(source), [
        'open  1', 'message event 1 1', 'message event 2 1', 'error EVENTSOURCE_ERR_END_OF_STREAM 0',
        'open  1', 'message event 3 1', 'error EVENTSOURCE_ERR_END_OF_STREAM 0',
        'error null 2',
    ]);
});

test('a message has its type, data, origin and last event id', { timeout: PATIENCE }, async () => {
    const source = new EventSource(`${url}/odd`);
    const [event] = await once(source, 'message');
    assert.ok(event instanceof MessageEvent);
    assert.deepEqual([event.type, event.origin, event.target], ['message', url, source]);
    source.close();
});

test('a final error closes it; the first attempt is repeated if nobody answers', { timeout: PATIENCE }, async () => {
    assert.deepEqual(await history(new EventSource(`${url}/status/404`)), ['error EVENTSOURCE_ERR_HTTP_STATUS 2']);
    const source = new EventSource('http://127.0.0.1:1/', { reconnect: { delay: 1, maxAttempts: 2 } });
    assert.deepEqual(await history(source), ['error EVENTSOURCE_ERR_CONNECT 0', 'error EVENTSOURCE_ERR_CONNECT 2']);
});

test('after close nothing is dispatched', { timeout: PATIENCE }, async () => {
    const source = new EventSource(`${url}/events?count=1000`);
    let seen = 0;
    source.onmessage = () => {
        seen += 1;
        source.close();
    };
    source.onerror = () => assert.fail('an error after close');
    await once(source, 'message');
    assert.equal(source.readyState, EventSource.CLOSED);
    const [end] = await history(new EventSource(`${url}/status/404`));
    assert.match(end, /404|HTTP_STATUS/);
    assert.equal(seen, 1);
});

test('handlers are properties: the last one that was set is called, in the place of the first, and null is none', () => {
    const source = new EventSource(`${url}/events?count=0`);
    const called = [];
    source.onmessage = () => called.push('replaced');
    source.addEventListener('message', { handleEvent: () => called.push('listener') });
    source.onmessage = function () {
        called.push(this === source);
    };
    source.dispatchEvent(new MessageEvent('message'));
    source.onmessage = 'no function';
    assert.equal(source.onmessage, null);
    source.dispatchEvent(new MessageEvent('message'));
    assert.deepEqual(called, [true, 'listener', 'listener']);
    assert.deepEqual([source.onopen, source.onerror], [null, null]);
    source.close();
});

test('its members are the standard\'s', () => {
    const source = new EventSource(new URL(`${url}/events?a=ä`), { withCredentials: true, headers: { 'X-A': '1' } });
    assert.deepEqual([source.url, source.withCredentials], [`${url}/events?a=%C3%A4`, true]);
    source.close();
    for (const there of [EventSource, source]) assert.deepEqual([there.CONNECTING, there.OPEN, there.CLOSED], [0, 1, 2]);
    assert.ok(source instanceof EventTarget);
    assert.throws(() => new EventSource('/relative'), { name: 'SyntaxError' });
    assert.throws(() => new EventSource(url, { headers: { 'a b': '' } }), SettingError);
    assert.throws(() => new EventSource(url, { header: {} }), TypeError);
    assert.throws(() => new EventSource(url, { onOpen() {} }), TypeError);
});

test('a listener that throws does not end it', { timeout: PATIENCE }, async () => {
    const program = `
        import { EventSource } from 'libeventsource';
        process.on('uncaughtException', (error) => console.log('uncaught', error.message));
        const source = new EventSource(url);
        source.onmessage = ({ data }) => { console.log(data); throw new Error(data); };
        source.onerror = () => { if (source.readyState === EventSource.CLOSED) console.log('closed'); };`;
    const { code, out, err } = await run(`${url}/events?count=2&retry=1&then=204`, program);
    assert.equal(code, 0, err);
    assert.deepEqual(out.trim().split('\n').sort(), ['closed', 'event 1', 'event 2', 'uncaught event 1', 'uncaught event 2']);
});

test('require gives what import does', () => {
    assert.equal(createRequire(import.meta.url)('libeventsource').EventSource, EventSource);
});
