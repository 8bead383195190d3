// A program with a stream can end at any moment, as any program can.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { run, serve } from './server.js';

let url;
before(async () => {
    url = await serve();
});

const RUNNING = `
const streams = ['/hang', '/hang-body', '/events?count=0', '/blast?bytes=100000000', '/status/503'].map((path) =>
    new EventStream(url + path, { reconnect: { retryInitial: true, delay: 60_000 }, onError: () => {}, onRequest: () => {} }));
for (const stream of streams) stream.next().catch(() => {});
`;
const FIRST = "for await (const event of new EventStream(url + '/events?count=100000'))";

/** A program with a worker that runs another, and what the program does with it. */
const worker = (program, use) => `
import { Worker } from 'node:worker_threads';
const program = \`(async () => {
    const { parentPort } = await import('node:worker_threads');
    const { EventStream } = await import('libeventsource');
    const url = \${JSON.stringify(url)};
    ${program}
})()\`;
const worker = new Worker(program, { eval: true });
${use}`;

const ways = {
    'process.exit in a loop': [`${FIRST} process.exit(7);`, 7],
    'process.exit in a timer, while streams wait in every state': [`${RUNNING} setTimeout(() => process.exit(7), 50);`, 7],
    'process.exit at once': [`${RUNNING} process.exit(7);`, 7],
    'process.exit in onOpen': ["for await (const _ of new EventStream(url + '/events', { onOpen: () => process.exit(7) }));", 7],
    'process.exit in onRequest, which the library waits for':
        ["for await (const _ of new EventStream(url + '/events', { onRequest: () => process.exit(7) }));", 7],
    'process.exit in onError, which the library waits for':
        ["for await (const _ of new EventStream(url + '/status/404', { onError: () => process.exit(7) }));", 7],
    'an exception in a loop': [`${FIRST} throw new Error('mine');`, 1, /Error: mine/],
    'an exception in a timer': [`${RUNNING} setTimeout(() => { throw new Error('mine'); }, 50);`, 1, /Error: mine/],
    'an exception in onRequest':
        ["for await (const _ of new EventStream(url, { onRequest: () => { throw new Error('mine'); } }));", 1, /Error: mine/],
    'a rejected promise': [`${RUNNING} Promise.reject(new Error('mine'));`, 1, /Error: mine/],
    'a signal': [`${RUNNING} setTimeout(() => process.kill(process.pid, 'SIGTERM'), 50);`, 'SIGTERM'],
    'the end of the program, with its streams closed': [`${FIRST} break;`, 0],
    'the end of the program, with a stream that never ran': ['new EventStream(url);', 0],
    'the end of a worker with streams': [worker(`
        new EventStream(url + '/hang').next();
        setTimeout(() => process.exit(), 50);`, "worker.on('exit', () => process.exit(7));"), 7],
    'the termination of a worker that reads': [worker(`
        for await (const _ of new EventStream(url + '/events?count=1000000')) parentPort.postMessage('read');`,
    "worker.once('message', async () => { await worker.terminate(); process.exit(7); });"), 7],
    'process.exit while a worker reads': [worker(`
        for await (const _ of new EventStream(url + '/events?count=1000000')) parentPort.postMessage('read');`,
    "worker.once('message', () => process.exit(7));"), 7],
};

for (const [way, [program, expected, said]] of Object.entries(ways)) {
    test(`a program ends by ${way}`, async () => {
        const { code, signal, out, err } = await run(url, program);
        assert.equal(signal ?? code, expected, out + err);
        if (said) assert.match(err, said);
        else assert.equal(err, '');
    });
}

test('a worker that ends by itself leaves no thread and no descriptor behind', async () => {
    const { code, out, err } = await run(url, `
        import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
        import { Worker } from 'node:worker_threads';
        const ours = () => [readdirSync('/proc/self/task').map((id) => readFileSync('/proc/self/task/' + id + '/comm', 'utf8')),
            readdirSync('/proc/self/fd').map((fd) => { try { return readlinkSync('/proc/self/fd/' + fd); } catch { return ''; } })]
            .map((names) => names.filter((name) => name.startsWith('eventsource') || name.startsWith('socket:')).length);
        const before = ours();
        for (const end of ['process.exit(0)', 'throw new Error()', 'parentPort.close()']) {
            const worker = new Worker(\`(async () => {
                const { parentPort } = await import('node:worker_threads');
                const { EventStream } = await import('libeventsource');
                const url = \${JSON.stringify(url)};
                const streams = ['/events', '/hang', '/blast?bytes=100000000'].map((path) => new EventStream(url + path));
                for (const stream of streams) stream.next().catch(() => {});
                await streams[0].next();
                \${end === 'parentPort.close()' ? 'await Promise.all(streams.map((stream) => stream.close()));' : ''}
                setTimeout(() => { \${end}; });
            })()\`, { eval: true });
            worker.on('error', () => {});
            await new Promise((resolve) => worker.once('exit', resolve));
        }
        console.log(before.join(), ours().join());`);
    assert.equal(code, 0, err);
    const [before, after] = out.trim().split(' ');
    assert.equal(after, before);
});

test('an exception that the program catches leaves other streams alone', async () => {
    const { code, out, err } = await run(url, `
        const other = new EventStream(url + '/events?count=3&then=204&retry=1');
        const read = (async () => { for await (const event of other) console.log(event.data); })();
        try {
            ${FIRST} throw new Error('mine');
        } catch (error) {
            console.log(error.message);
        }
        await read;`);
    assert.equal(code, 0, err);
    assert.match(out, /mine/);
    assert.match(out, /event 3/);
});
