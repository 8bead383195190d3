// Prints the events of a stream: libeventsource from Node, by koffi.
//
//     node tail.js URL [COUNT]      until the server asks for the end, or COUNT events have come
//
// The library's threads call; koffi hands each call to the event loop, and the thread waits until it has been made there.
// So a slow program holds back its stream, and nothing that waits for the library may be called in the event loop: what
// does (eventsource_wait, eventsource_free) is called asynchronously, on a thread of koffi's.
import { promisify } from 'node:util';

import koffi from 'koffi';

const lib = koffi.load('libeventsource.so.0');
koffi.opaque('eventsource_t');
const EventStruct = koffi.struct('eventsource_event_t', {
    size: 'size_t',
    type: 'void *', type_len: 'size_t',
    data: 'void *', data_len: 'size_t',
    last_event_id: 'void *', last_event_id_len: 'size_t',
});
const ErrorStruct = koffi.struct('eventsource_error_start_t', {
    size: 'size_t',
    code: 'int32_t', http_status: 'int32_t', os_error: 'int32_t', will_retry: 'int32_t',
    attempt: 'int64_t', delay_ms: 'int64_t',
    message: 'void *', message_len: 'size_t',
});
koffi.proto('void eventsource_event_fn(eventsource_t *es, const void *event, void *user)');
koffi.proto('int32_t eventsource_error_fn(eventsource_t *es, const void *error, void *user)');

const statusText = lib.func('const char *eventsource_status_text(int32_t status)');
const make = lib.func('int32_t eventsource_new(const char *url, _Out_ eventsource_t **out)');
const onEvent = lib.func('int32_t eventsource_on_event(eventsource_t *es, eventsource_event_fn *callback)');
const onError = lib.func('int32_t eventsource_on_error(eventsource_t *es, eventsource_error_fn *callback)');
const start = lib.func('int32_t eventsource_start(eventsource_t *es)');
const stop = lib.func('int32_t eventsource_stop(eventsource_t *es)');
const wait = promisify(lib.func('int32_t eventsource_wait(eventsource_t *es, int64_t timeout_ms)').async);
const free = promisify(lib.func('void eventsource_free(eventsource_t *es)').async);

const FOREVER = -1;
const DECIDE_AS_USUAL = 0;

function check(status) {
    if (status !== 0) throw new Error(statusText(status));
}

// Text has a length, and may hold NULs.
function text(pointer, length) {
    return Buffer.from(koffi.decode(pointer, koffi.array('uint8_t', Number(length), 'Typed'))).toString();
}

/** Follows a stream to its end. An event that `each` answers with false is the last. */
async function follow(url, each) {
    const out = [null];
    check(make(url, out));
    const es = out[0];
    let failure = null;
    const callbacks = [
        koffi.register((_, pointer) => {
            const event = koffi.decode(pointer, EventStruct);
            const more = each({
                type: text(event.type, event.type_len),
                data: text(event.data, event.data_len),
                lastEventId: text(event.last_event_id, event.last_event_id_len),
            });
            if (!more) stop(es);
        }, 'eventsource_event_fn *'),
        koffi.register((_, pointer) => {
            const error = koffi.decode(pointer, ErrorStruct);
            failure = error.will_retry ? null : new Error(text(error.message, error.message_len));
            return DECIDE_AS_USUAL;
        }, 'eventsource_error_fn *'),
    ];
    try {
        check(onEvent(es, callbacks[0]));
        check(onError(es, callbacks[1]));
        check(start(es));
        check(await wait(es, FOREVER));
        if (failure) throw failure;
    } finally {
        await free(es);
        callbacks.forEach(koffi.unregister);
    }
}

const [url, count = Infinity] = process.argv.slice(2);
let seen = 0;
await follow(url, (event) => {
    console.log(`${event.type}: ${event.data}`);
    seen += 1;
    return seen < count;
});
