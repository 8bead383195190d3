// The library's callbacks in the event loop. All streams of a JavaScript thread share one runtime with manual dispatch: its
// thread reads, and callbacks run in `dispatch` alone, which this thread calls when the runtime's descriptor is readable.
// So the library never calls JavaScript from another thread, and never waits for one: a program can end at any moment.
import { isMainThread } from 'node:worker_threads';

import { EventSourceError } from './errors.js';
import * as native from './native.js';

// How often a worker looks, in milliseconds.
const INTERVAL = 10;
// Turns before other events of the loop get theirs; one can be 64 KiB of events.
const TURNS = 8;

/** The streams that run, by their keys, which are the clients' user data. */
const streams = new Map();
let runtime = null;
let poll = null;
let due = false;
let lastKey = 0;
/** The streams that the library has called since they were last asked to go on. */
let called = new Set();

/** Puts a stream on the runtime, and lets the process live until it is removed. @returns the runtime and the key */
export function add(stream) {
    if (runtime === null) {
        const [made, status, reason] = native.newRuntime();
        if (status !== 0) {
            native.freeRuntime(made);
            throw new EventSourceError(status, reason);
        }
        runtime = made;
        if (!isMainThread) process.once('exit', leave);
        poll = isMainThread ? native.watch(native.runtimeDescriptor(runtime), readable) : look();
    }
    const key = ++lastKey;
    streams.set(key, stream);
    return [runtime, key];
}

/** What the runtime of this JavaScript thread does, and what its streams have done; `null` while it has no stream. */
export function metrics() {
    return runtime === null ? null : native.metrics(runtime);
}

/** Takes a stream away whose client has been freed. With the last one, the runtime and its threads end. */
export function remove(key) {
    streams.delete(key);
    if (streams.size > 0) return;
    poll.close();
    process.removeListener('exit', leave);
    native.freeRuntime(runtime);
    poll = runtime = null;
}

// A worker ends, and its process goes on, which would keep the connections.
function leave() {
    for (const stream of [...streams.values()]) stream.leave();
}

// The poll calls from outside of JavaScript, where neither promises nor exceptions are looked after.
function readable() {
    if (due) return;
    due = true;
    setImmediate(run);
}

// A worker can be terminated between any two lines. koffi's poll would then call a JavaScript that cannot be called any more,
// and end the process. So a worker looks at times, and at once while there is something to do.
function look() {
    let timer;
    let closed = false;
    const after = (milliseconds) => {
        timer = setTimeout(() => {
            const ran = run();
            if (!closed) after(ran > 0 ? 0 : INTERVAL);
        }, milliseconds);
    };
    after(0);
    return {
        close() {
            closed = true;
            clearTimeout(timer);
        },
    };
}

function run() {
    due = false;
    if (runtime === null) return 0;
    const ran = native.dispatch(runtime, TURNS);
    const now = called;
    called = new Set();
    for (const stream of now) stream.goOn();
    return ran;
}

/** Calls a stream's method for the library. What it throws stops the stream, and is for whoever reads it. */
const method = (name, otherwise) => (_, payload, ...rest) => {
    const stream = streams.get(Number(rest.at(-1)));
    if (stream === undefined) return otherwise;
    called.add(stream);
    try {
        return stream[name](payload, rest[0]);
    } catch (error) {
        stream.fail(error);
        return otherwise;
    }
};

const DECISION_CLOSE = 2;
const REDIRECT_REFUSE = 1;

export const callbacks = {
    events: native.callback('events', method('takeEvents')),
    comment: native.callback('comment', method('takeComment')),
    open: native.callback('open', method('takeOpen')),
    error: native.callback('error', method('takeError', DECISION_CLOSE)),
    request: native.callback('request', method('takeRequest', DECISION_CLOSE)),
    document: native.callback('document', method('takeDocument')),
    redirect: native.callback('redirect', method('takeRedirect', REDIRECT_REFUSE)),
    close: native.callback('close', method('takeClose')),
};
