// Whatever happens to a stream, what is read from it is without holes, and who goes on after it loses and repeats nothing.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';

import { EventStream } from 'libeventsource';

import { serve } from './server.js';

const STREAMS = Number(process.env.EVENTSOURCE_STREAMS ?? 3000);
const AT_ONCE = 50;

let url;
before(async () => {
    url = await serve();
});

/** A generator of numbers that are the same in each run. */
function numbers(seed) {
    let state = BigInt(seed) * 0x9e3779b97f4a7c15n;
    return (below) => {
        state = (state * 6364136223846793005n + 1442695040888963407n) & (2n ** 64n - 1n);
        return Number((state >> 33n) % BigInt(below));
    };
}

/** Each ends a stream somewhere, and what has been read by then. */
const ends = {
    async 'leaves the loop'(random, stream, read) {
        const last = random(40);
        for await (const event of stream) {
            read(event);
            if (last === Number(event.lastEventId) % 40) break;
        }
    },
    async 'closes while it reads'(random, stream, read) {
        const reading = (async () => {
            for await (const event of stream) read(event);
        })();
        for (let turns = random(30); turns > 0; turns -= 1) await turn();
        await stream.close();
        await reading;
    },
    async 'aborts while it reads'(random, stream, read, controller) {
        const reading = (async () => {
            for await (const event of stream) read(event);
        })();
        for (let turns = random(30); turns > 0; turns -= 1) await turn();
        controller.abort();
        await reading.catch((error) => assert.equal(error.name, 'AbortError'));
    },
    async 'closes after many reads at once'(random, stream, read) {
        const reads = Array.from({ length: 1 + random(30) }, () => stream.next());
        for (let turns = random(10); turns > 0; turns -= 1) await turn();
        await stream.close();
        for (const { done, value } of await Promise.all(reads)) if (!done) read(value);
    },
    async 'throws in the loop'(random, stream, read) {
        const last = random(40);
        try {
            for await (const event of stream) {
                read(event);
                if (last === Number(event.lastEventId) % 40) throw new Error('enough');
            }
        } catch (error) {
            assert.equal(error.message, 'enough');
        }
    },
};

test(`${STREAMS} streams that are ended anywhere are contiguous, and resumed without loss`, async () => {
    const ways = Object.entries(ends);
    let checked = 0;
    async function one(number) {
        const random = numbers(number);
        const [way, end] = ways[number % ways.length];
        const [size, retry] = [1 + random(60), '&retry=1'];
        const path = `/events?count=100000&per_connection=${size}${retry}&cut=${['clean', 'abort', 'reset'][random(3)]}`;
        const options = () => ({ bufferSize: random(3) * 1000, reconnect: { delay: 1, maxDelay: 2 } });
        let last = 0;
        // Three times in a row: each goes on where the one before ended.
        for (let part = 0; part < 3; part += 1) {
            const controller = new AbortController();
            const stream = new EventStream(url + path, { ...options(), lastEventId: last ? `${last}` : '', signal: controller.signal });
            await end(random, stream, (event) => {
                assert.equal(Number(event.lastEventId), last + 1, `stream ${number}, which ${way}`);
                last += 1;
                checked += 1;
            }, controller);
            assert.equal(stream.lastEventId, last ? `${last}` : '', `stream ${number}, which ${way}`);
            await stream.close();
        }
    }
    let next = 0;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        while (next < STREAMS / 3) await one(next++);
    }));
    assert.ok(checked > STREAMS, `only ${checked} events were read`);
});
