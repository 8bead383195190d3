// The C functions that the package calls, by koffi. Nothing here knows what a stream is.
//
// A pointer is a BigInt, or null. User data is no pointer but a number: the stream's key in lib/loop.js.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import koffi from 'koffi';

const FILE = { darwin: 'libeventsource.0.dylib', win32: 'eventsource.dll' }[process.platform] ?? 'libeventsource.so.0';

/** Where the package has the library for this system inside, by packaging/bindings of the project. */
function prebuilt() {
    // musl's Node says nothing of glibc.
    const musl = process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime ? '-musl' : '';
    return fileURLToPath(new URL(`../prebuilds/${process.platform}${musl}-${process.arch}/${FILE}`, import.meta.url));
}

/** The library that EVENTSOURCE_LIBRARY names, else the one in the package, else the one that the loader finds. */
function libraryFile() {
    // Whoever starts a program that has more rights than they have does not choose its code.
    const trusted = process.getuid?.() === process.geteuid?.() && process.getgid?.() === process.getegid?.();
    if (trusted && process.env.EVENTSOURCE_LIBRARY) return process.env.EVENTSOURCE_LIBRARY;
    const inside = prebuilt();
    return existsSync(inside) ? inside : FILE;
}

function load() {
    const file = libraryFile();
    try {
        return koffi.load(file);
    } catch (error) {
        throw new Error(
            `libeventsource cannot be loaded from ${file}; EVENTSOURCE_LIBRARY can name its file: ${error.message}`,
            { cause: error },
        );
    }
}

const library = load();

/** The version of the library that is running, such as "0.9.0". */
export const version = library.func('const char *eventsource_version(void)')();
if (library.func('int32_t eventsource_version_number(void)')() < 9000) {
    throw new Error(`libeventsource ${version} is too old for this package; it needs 0.9.0 or later`);
}

const has = library.func('int32_t eventsource_has_feature(const char *name)');
/** Whether that library has a part that a build can leave out, such as "tls". */
export const hasFeature = (name) => has(String(name)) !== 0;

export const EventStruct = koffi.struct({
    size: 'size_t',
    type: 'void *', typeLength: 'size_t',
    data: 'void *', dataLength: 'size_t',
    lastEventId: 'void *', lastEventIdLength: 'size_t',
    origin: 'void *', originLength: 'size_t',
});
export const CommentStruct = koffi.struct({ size: 'size_t', text: 'void *', textLength: 'size_t' });
export const HeaderStruct = koffi.struct({
    name: 'void *', nameLength: 'size_t',
    value: 'void *', valueLength: 'size_t',
});
export const ResponseStruct = koffi.struct({
    size: 'size_t',
    status: 'int32_t', httpVersion: 'int32_t',
    url: 'void *', urlLength: 'size_t',
    headers: 'void *', headerCount: 'size_t',
    tlsVersion: 'int32_t', isReused: 'int32_t',
    peer: 'void *', peerLength: 'size_t',
    resolveTime: 'int64_t', connectTime: 'int64_t', tlsTime: 'int64_t', headTime: 'int64_t',
});
export const ErrorStruct = koffi.struct({
    size: 'size_t',
    code: 'int32_t', httpStatus: 'int32_t', osError: 'int32_t', willRetry: 'int32_t',
    attempt: 'int64_t', delay: 'int64_t',
    message: 'void *', messageLength: 'size_t',
    headers: 'void *', headerCount: 'size_t',
    body: 'void *', bodyLength: 'size_t',
});
export const DocumentStruct = koffi.struct({ size: 'size_t', response: 'void *', body: 'void *', bodyLength: 'size_t' });
export const RedirectStruct = koffi.struct({
    size: 'size_t',
    status: 'int32_t', dropsCredentials: 'int32_t', dropsBody: 'int32_t',
    from: 'void *', fromLength: 'size_t',
    to: 'void *', toLength: 'size_t',
});
export const CloseStruct = koffi.struct({ size: 'size_t', reason: 'int32_t', code: 'int32_t' });
export const ReconnectStruct = koffi.struct('eventsource_reconnect_t', {
    size: 'size_t',
    retryInitial: 'int32_t', reserved: 'int32_t',
    delay: 'int64_t', maxDelay: 'int64_t',
    factor: 'double', jitter: 'double',
    resetAfter: 'int64_t', maxAttempts: 'int64_t', minDelay: 'int64_t', maxServerDelay: 'int64_t',
});
const StatsStruct = koffi.struct('eventsource_stats_t', {
    size: 'size_t',
    events: 'uint64_t', bytes: 'uint64_t', attempts: 'uint64_t', opens: 'uint64_t', errors: 'uint64_t',
    openFor: 'int64_t', idleFor: 'int64_t',
});
const RuntimeOptionsStruct = koffi.struct('eventsource_runtime_options_t', {
    size: 'size_t',
    dispatch: 'int32_t', threads: 'int32_t',
    threadName: 'void *', onThreadStart: 'void *', onThreadStop: 'void *', user: 'void *', destroy: 'void *',
    measureLatency: 'int32_t',
});
const MetricsStruct = koffi.struct('eventsource_metrics_t', {
    size: 'size_t',
    connecting: 'uint64_t', open: 'uint64_t', waiting: 'uint64_t', threads: 'uint64_t', queued: 'uint64_t',
    starts: 'uint64_t', attempts: 'uint64_t', opens: 'uint64_t', errors: 'uint64_t', events: 'uint64_t', bytes: 'uint64_t',
    reconnectsEnd: 'uint64_t', reconnectsConnection: 'uint64_t', reconnectsTimeout: 'uint64_t',
    reconnectsResponse: 'uint64_t', reconnectsProgram: 'uint64_t', reconnectsOther: 'uint64_t',
    latencySumNs: 'uint64_t', latencyCounts: koffi.array('uint64_t', 14, 'Array'),
});
const DISPATCH_MANUAL = 2;
export const NO_LIMIT = -1n;

koffi.opaque('eventsource_t');
koffi.opaque('eventsource_request_t');
koffi.opaque('eventsource_runtime_t');

const prototypes = {
    events: 'void eventsource_events_fn(void *es, void *events, size_t count, uintptr_t user)',
    comment: 'void eventsource_comment_fn(void *es, void *comment, uintptr_t user)',
    open: 'void eventsource_open_fn(void *es, void *response, uintptr_t user)',
    error: 'int32_t eventsource_error_fn(void *es, void *error, uintptr_t user)',
    request: 'int32_t eventsource_request_fn(void *es, void *request, uintptr_t user)',
    document: 'void eventsource_document_fn(void *es, void *document, uintptr_t user)',
    redirect: 'int32_t eventsource_redirect_fn(void *es, void *redirect, uintptr_t user)',
    close: 'void eventsource_close_fn(void *es, void *close, uintptr_t user)',
};
for (const prototype of Object.values(prototypes)) koffi.proto(prototype);

/** Makes a function one that C can call, for as long as the process lives: one of each kind serves all streams. */
export function callback(kind, fn) {
    return koffi.register(fn, `eventsource_${kind}_fn *`);
}

const call = (declaration) => library.func(declaration);
const es = 'eventsource_t *es';
const setter = (name, ...parameters) => [name, call(`int32_t eventsource_${name}(${[es, ...parameters].join(', ')})`)];
const text = 'const char *text';
const bytes = ['const void *bytes', 'size_t length'];
const milliseconds = 'int64_t milliseconds';
const number = 'int32_t number';
const header = ['const char *name', 'const char *value'];

/** What configures a client before it starts, by the C name without `eventsource_`. */
export const setters = Object.fromEntries([
    setter('set_name', text),
    setter('set_method', text),
    setter('set_body', ...bytes),
    setter('set_header', ...header),
    setter('add_header', ...header),
    setter('remove_header', 'const char *name'),
    setter('set_sensitive_header', ...header),
    setter('set_basic_auth', 'const char *user', 'const char *password'),
    setter('set_cookies', number),
    setter('share_cookies', 'eventsource_t *other'),
    setter('add_cookies', text),
    setter('set_compression', number),
    setter('set_reconnect_with_get', number),
    setter('set_last_event_id', text),
    setter('set_mode', number),
    setter('set_reconnect', 'const eventsource_reconnect_t *policy'),
    setter('set_connect_timeout', milliseconds),
    setter('set_response_timeout', milliseconds),
    setter('set_read_timeout', milliseconds),
    setter('set_event_timeout', milliseconds),
    setter('set_max_redirects', number),
    setter('set_max_event_size', 'size_t bytes'),
    setter('set_end_marker', text),
    setter('set_max_error_body', 'size_t bytes'),
    setter('set_check_content_type', number),
    setter('set_proxy', text),
    setter('set_no_proxy', text),
    setter('set_unix_socket', text),
    setter('set_key_log_file', text),
    setter('set_interface', text),
    setter('set_watch_network', number),
    setter('add_resolve', text),
    setter('set_http_version', number),
    setter('set_ca_pem', ...bytes),
    setter('set_ca_file', text),
    setter('set_ca_exclusive', number),
    setter('set_client_cert_pem', ...bytes, 'const void *key', 'size_t key_length'),
    setter('set_client_cert_file', 'const char *cert', 'const char *key'),
    setter('set_pinned_keys', text),
    setter('set_min_tls_version', number),
    setter('set_server_name', text),
    setter('set_insecure_skip_verification', number),
    setter('set_runtime', 'eventsource_runtime_t *runtime'),
    setter('set_user_data', 'uintptr_t user', 'void *destroy'),
    ...Object.keys(prototypes).map((kind) => setter(`on_${kind}`, 'void *callback')),
]);

export const start = call('int32_t eventsource_start(eventsource_t *es)');
export const stop = call('int32_t eventsource_stop(eventsource_t *es)');
export const pause = call('int32_t eventsource_pause(eventsource_t *es)');
export const unpause = call('int32_t eventsource_unpause(eventsource_t *es)');
export const reconnectNow = call('int32_t eventsource_reconnect_now(eventsource_t *es)');
export const setNextDelay = call('int32_t eventsource_set_next_delay(eventsource_t *es, int64_t delay_ms)');
export const free = call('void eventsource_free(eventsource_t *es)');
export const statusName = call('const char *eventsource_status_name(int32_t status)');
export const statusText = call('const char *eventsource_status_text(int32_t status)');

/** What an `onRequest` can change, by the C name without `eventsource_request_`. */
const change = (name, ...parameters) =>
    [name, call(`int32_t eventsource_request_${name}(${['eventsource_request_t *request', ...parameters].join(', ')})`)];
export const changes = Object.fromEntries([
    change('set_header', ...header),
    change('add_header', ...header),
    change('set_sensitive_header', ...header),
    change('remove_header', 'const char *name'),
    change('set_basic_auth', 'const char *user', 'const char *password'),
    change('set_method', text),
    change('set_url', text),
    change('set_body', ...bytes),
]);

const makeClient = call('eventsource_t *eventsource_new(const char *url)');
const checkClient = call('int32_t eventsource_check(eventsource_t *es)');
const getLastError = call(
    'int32_t eventsource_get_last_error(eventsource_t *es, _Out_ uint8_t *buffer, size_t capacity, _Out_ size_t *length)');
const getCookies = call(
    'int32_t eventsource_get_cookies(eventsource_t *es, _Out_ uint8_t *buffer, size_t capacity, _Out_ size_t *length)');
const getState = call('int32_t eventsource_get_state(eventsource_t *es, _Out_ int32_t *state)');
const getNumber = call('int32_t eventsource_get_number(eventsource_t *es, _Out_ uint64_t *number)');
const getStats = call('int32_t eventsource_get_stats(eventsource_t *es, _Out_ eventsource_stats_t *stats, size_t size)');
const getReconnect = call('int32_t eventsource_get_reconnect(eventsource_t *es, _Out_ eventsource_reconnect_t *policy, size_t size)');
const requestUrl = call(
    'int32_t eventsource_request_get_url(eventsource_request_t *request, _Out_ uint8_t *buffer, size_t capacity, _Out_ size_t *length)');
const requestMethod = call(
    'int32_t eventsource_request_get_method(eventsource_request_t *request, _Out_ uint8_t *buffer, size_t capacity, _Out_ size_t *length)');
const requestHeadersOf = call(
    'int32_t eventsource_request_get_headers(eventsource_request_t *request, _Out_ void **headers, _Out_ size_t *count)');
const requestBodyOf = call(
    'int32_t eventsource_request_get_body(eventsource_request_t *request, _Out_ void **body, _Out_ size_t *length)');
const requestAttempt = call('int32_t eventsource_request_get_attempt(eventsource_request_t *request, _Out_ int64_t *number)');
const requestCause = call(
    'int32_t eventsource_request_get_cause(eventsource_request_t *request, _Out_ int32_t *code, _Out_ int32_t *http_status)');
const runtimeOptionsInit = call(
    'int32_t eventsource_runtime_options_init(_Out_ eventsource_runtime_options_t *options, size_t size)');
const makeRuntime = call('eventsource_runtime_t *eventsource_runtime_new(const eventsource_runtime_options_t *options)');
const checkRuntime = call('int32_t eventsource_runtime_check(eventsource_runtime_t *runtime)');
const runtimeLastError = call(
    'int32_t eventsource_runtime_get_last_error(eventsource_runtime_t *runtime, _Out_ uint8_t *buffer, size_t capacity, _Out_ size_t *length)');
// A SOCKET on Windows.
const FD = process.platform === 'win32' ? 'uintptr_t' : 'int';
const runtimeFd = call(`int32_t eventsource_runtime_get_fd(eventsource_runtime_t *runtime, _Out_ ${FD} *fd)`);
const runtimeDispatch = call(
    'int32_t eventsource_runtime_dispatch(eventsource_runtime_t *runtime, int64_t timeout_ms, int64_t max, _Out_ size_t *ran)');
const runtimeMetrics = call(
    'int32_t eventsource_runtime_get_metrics(eventsource_runtime_t *runtime, _Out_ eventsource_metrics_t *metrics, size_t size)');
export const freeRuntime = call('void eventsource_runtime_free(eventsource_runtime_t *runtime)');

/**
 * A client or a runtime is made also if what it was given is refused, and then tells that.
 * @returns {[handle: bigint, status: number, text: string]} 0 and no text if it was taken
 */
function made(handle, check, getter) {
    if (handle === null) throw new Error('there is no memory for a stream');
    const status = check(handle);
    return [handle, status, status === 0 ? '' : ask(getter, handle)];
}

export function newClient(url) {
    return made(makeClient(url), checkClient, getLastError);
}

/** A runtime whose callbacks run in `dispatch` alone. */
export function newRuntime() {
    const options = {};
    runtimeOptionsInit(options, koffi.sizeof(RuntimeOptionsStruct));
    options.dispatch = DISPATCH_MANUAL;
    // A look at the clock is little beside what JavaScript costs.
    options.measureLatency = 1;
    return made(makeRuntime(options), checkRuntime, runtimeLastError);
}

export function metrics(runtime) {
    const metrics = {};
    runtimeMetrics(runtime, metrics, koffi.sizeof(MetricsStruct));
    delete metrics.size;
    return metrics;
}

export function runtimeDescriptor(runtime) {
    const fd = [0];
    runtimeFd(runtime, fd);
    return Number(fd[0]);
}

/** Runs the callbacks that are due, at most `max` turns. @returns how many turns it has run */
export function dispatch(runtime, max) {
    const ran = [0];
    runtimeDispatch(runtime, 0, max, ran);
    return Number(ran[0]);
}

export function state(client) {
    const out = [0];
    getState(client, out);
    return out[0];
}

export function numberOf(client) {
    const out = [0];
    getNumber(client, out);
    return Number(out[0]);
}

export function stats(client) {
    const stats = {};
    getStats(client, stats, koffi.sizeof(StatsStruct));
    delete stats.size;
    return stats;
}

/** The client's policy, to be changed and given to `set_reconnect`. */
export function reconnectPolicy(client) {
    const policy = {};
    getReconnect(client, policy, koffi.sizeof(ReconnectStruct));
    return policy;
}

/** What a getter of a text tells, however long it is. */
function ask(getter, object) {
    const length = [0];
    getter(object, null, 0, length);
    // It may have become longer meanwhile: then it is cut, or not there, and is asked for again.
    for (;;) {
        const buffer = Buffer.alloc(Number(length[0]) + 1);
        getter(object, buffer, buffer.length, length);
        if (Number(length[0]) < buffer.length) return buffer.toString('utf8', 0, Number(length[0]));
    }
}

export const lastError = (client) => ask(getLastError, client);
export const cookies = (client) => ask(getCookies, client);

export function requestFacts(request) {
    const [attempt, code, httpStatus] = [[0], [0], [0]];
    requestAttempt(request, attempt);
    requestCause(request, code, httpStatus);
    return { attempt: Number(attempt[0]), cause: code[0], causeHttpStatus: httpStatus[0] };
}

/** What a request has now, by the names of the properties that tell it. */
export const requestGetters = {
    url: (request) => ask(requestUrl, request),
    method: (request) => ask(requestMethod, request),
    headers(request) {
        const [headers, count] = [[null], [0]];
        requestHeadersOf(request, headers, count);
        return headersAt(headers[0], count[0]);
    },
    body(request) {
        const [body, length] = [[null], [0]];
        requestBodyOf(request, body, length);
        return bytesAt(body[0], length[0]);
    },
};

export const decode = koffi.decode;

/** Text that C lends, which may be empty or hold NULs. */
export function textAt(pointer, length) {
    return koffi.decode.string(pointer, Number(length));
}

/** A copy of bytes that C lends. */
export function bytesAt(pointer, length) {
    return pointer === null ? Buffer.alloc(0) : Buffer.from(koffi.decode(pointer, koffi.array('uint8_t', Number(length), 'Typed')));
}

/** The pointers of an array of `count`. */
export function pointersAt(pointer, count) {
    return Array.from({ length: Number(count) }, (_, i) => koffi.decode(pointer, i * koffi.sizeof('void *'), 'void *'));
}

/** Response headers as pairs of name and value, in the order in which they came. */
export function headersAt(pointer, count) {
    return Array.from({ length: Number(count) }, (_, i) => {
        const header = koffi.decode(pointer, i * koffi.sizeof(HeaderStruct), HeaderStruct);
        return [textAt(header.name, header.nameLength), textAt(header.value, header.valueLength)];
    });
}

/** @returns a handle that calls back, in the event loop, while the descriptor is readable */
export function watch(fd, readable) {
    return koffi.node.poll(fd, { readable: true }, readable);
}
