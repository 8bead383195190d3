import { EventSourceError, SettingError, STATUS, StreamError } from './errors.js';
import * as loop from './loop.js';
import * as native from './native.js';
import { apply, bytes, milliseconds, text } from './settings.js';

const STATES = ['idle', 'connecting', 'open', 'waiting', 'closed'];
const CLOSE_REASONS = ['stopped', 'server', 'failed', 'end-of-stream'];
const HTTP_VERSIONS = { 10: '1.0', 11: '1.1', 20: '2' };
const TLS_VERSIONS = { 12: '1.2', 13: '1.3' };
const REDIRECT_DECISION = new Map([
    [undefined, 0], ['follow', 0], ['refuse', 1], ['follow-with-body', 2], ['follow-with-credentials', 3],
]);
const DECISION = { DEFAULT: 0, RETRY: 1, CLOSE: 2 };

// What an event costs beside its text.
const OVERHEAD = 256;
const DEFAULT_BUFFER_SIZE = 256 * 1024;
const OPTIONS = {
    signal: undefined, bufferSize: undefined, onOpen: undefined, onComment: undefined, onError: undefined, onRequest: undefined,
    onRedirect: undefined, onDocument: undefined,
};

/** An option for lib/event-source.js: a function that is called with each StreamError, in order with the events. */
export const IN_ORDER = Symbol('in order');

/** Frees the clients of streams that nobody has iterated over and nobody has closed. */
const forgotten = new FinalizationRegistry((client) => native.free(client));

/**
 * An event stream, kept alive over reconnects: an async iterable of its events. It connects when its first event is asked
 * for, and is one stream: who iterates twice gets each event once.
 *
 * What is not read makes the server wait: when `bufferSize` bytes of events are waiting to be read, the client is paused.
 */
export class EventStream {
    #client;
    #number;
    #key = null;
    #handlers;
    #bufferSize;
    #signal;
    #abort;
    /** What has come and has not been read, in order: each an event, a handler with its value, an error, or the end. [0] to
     * [#next - 1] have been read. */
    #items = [];
    #next = 0;
    #size = 0;
    #paused = false;
    /** Those who wait in next(), first come first. */
    #readers = [];
    #lastEventId = '';
    #lastError = null;
    #closeReason = null;
    /** A handler has returned a promise, which the next event waits for. */
    #awaiting = false;
    /** Nothing more is read: closed by the program, aborted, or read to its end. */
    #done = false;
    #onFreed = [];

    /**
     * @param {string | URL} url an absolute http or https URL
     * @param {object} [options] see index.d.ts, which describes each
     */
    constructor(url, options = {}) {
        const [client, status, reason] = native.newClient(text(url instanceof URL ? url.href : url, 'url', STATUS.URL));
        try {
            if (status !== 0) throw new SettingError('url', status, reason);
            apply(client, options, OPTIONS);
            this.#handlers = handlers(options);
            this.#bufferSize = bufferSize(options.bufferSize ?? DEFAULT_BUFFER_SIZE);
        } catch (error) {
            native.free(client);
            throw error;
        }
        this.#client = client;
        this.#number = native.numberOf(client);
        this.#lastEventId = options.lastEventId ?? '';
        forgotten.register(this, client, this);
        this.#signal = options.signal;
        this.#abort = () => this.#stop([{ error: this.#signal.reason }]);
        if (this.#signal?.aborted) this.#abort();
        else this.#signal?.addEventListener('abort', this.#abort, { once: true });
    }

    /** The stream's number in the library's log, which no other stream of the process has or will have. */
    get number() {
        return this.#number;
    }

    /** The id of the last event that has been read: what goes on after it is asked for with `lastEventId`. */
    get lastEventId() {
        return this.#lastEventId;
    }

    /** What the client is doing: 'idle', 'connecting', 'open', 'waiting' or 'closed'. */
    get state() {
        return this.#client === null ? 'closed' : STATES[native.state(this.#client)];
    }

    /** Why the client closed: 'stopped', 'server', 'failed' or 'end-of-stream'; null until then. */
    get closeReason() {
        return this.#closeReason;
    }

    /** What the client has done; null once it is closed. */
    get stats() {
        return this.#client === null ? null : native.stats(this.#client);
    }

    /** Drops the connection, or the wait for the next attempt, and connects anew at once. */
    reconnectNow() {
        const status = this.#client === null ? STATUS.STATE : native.reconnectNow(this.#client);
        if (status !== 0) throw new EventSourceError(status, this.#client === null ? '' : native.lastError(this.#client));
    }

    [Symbol.asyncIterator]() {
        return this;
    }

    /** The next event. Several may be asked for at once; they are given in the order of the stream. */
    next() {
        return new Promise((resolve, reject) => {
            this.#readers.push({ resolve, reject });
            this.#start();
            this.#give();
        });
    }

    /** Closes the stream, as a loop does that is left. */
    async return(value) {
        await this.close();
        return { done: true, value };
    }

    /** Closes the stream. What has come and has not been read is dropped; `lastEventId` says what has been. */
    close() {
        const freed = this.#client === null ? Promise.resolve() : new Promise((resolve) => this.#onFreed.push(resolve));
        this.#stop();
        return freed;
    }

    async [Symbol.asyncDispose]() {
        await this.close();
    }

    #start() {
        if (this.#done || this.#key !== null) return;
        try {
            const [runtime, key] = loop.add(this);
            this.#key = key;
            const { setters } = native;
            setters.set_user_data(this.#client, key, null);
            setters.set_runtime(this.#client, runtime);
            setters.on_events(this.#client, loop.callbacks.events);
            setters.on_error(this.#client, loop.callbacks.error);
            setters.on_close(this.#client, loop.callbacks.close);
            if (this.#handlers.onOpen) setters.on_open(this.#client, loop.callbacks.open);
            if (this.#handlers.onComment) setters.on_comment(this.#client, loop.callbacks.comment);
            if (this.#handlers.onRequest) setters.on_request(this.#client, loop.callbacks.request);
            if (this.#handlers.onDocument) setters.on_document(this.#client, loop.callbacks.document);
            if (this.#handlers.onRedirect) setters.on_redirect(this.#client, loop.callbacks.redirect);
            const status = native.start(this.#client);
            if (status !== 0) throw new StreamError(status, native.lastError(this.#client));
        } catch (error) {
            this.#put({ error });
            this.#free();
        }
    }

    /** Ends reading, at once; `ending`, an error's item or none, is for who reads next. */
    #stop(ending = []) {
        if (this.#done) return;
        this.#done = true;
        this.#items = ending;
        this.#next = 0;
        if (this.#key === null) this.#free();
        else if (this.#client !== null) native.stop(this.#client);
        this.#give();
    }

    #free() {
        const client = this.#client;
        if (client === null) return;
        this.#client = null;
        forgotten.unregister(this);
        this.#signal?.removeEventListener('abort', this.#abort);
        native.free(client);
        if (this.#key !== null) loop.remove(this.#key);
        for (const resolve of this.#onFreed) resolve();
        // The end, for who still reads.
        if (!this.#done) this.#put({ end: true });
        this.#give();
    }

    #put(item) {
        if (!this.#done) this.#items.push(item);
    }

    /** Gives what has come to those who wait for it. */
    #give() {
        // A handler's promise is waited for, unless reading has ended.
        while (this.#readers.length > 0 && (!this.#awaiting || this.#done)) {
            if (this.#next === this.#items.length) {
                if (!this.#done) return;
                this.#readers.shift().resolve({ done: true, value: undefined });
                continue;
            }
            const item = this.#take();
            if (item.event !== undefined) {
                this.#lastEventId = item.event.lastEventId;
                this.#readers.shift().resolve({ done: false, value: item.event });
            } else if (item.handler !== undefined) {
                this.#call(item);
            } else if ('error' in item) {
                const { reject } = this.#readers.shift();
                this.#stop();
                reject(item.error);
            } else {
                this.#stop();
            }
        }
    }

    /** Calls a handler in its turn among the events. What it throws is for the loop that waits for them. */
    #call({ handler, value }) {
        const fail = (error) => this.#stop([{ error }]);
        try {
            const result = handler(value);
            if (typeof result?.then !== 'function') return;
            this.#awaiting = true;
            Promise.resolve(result).catch(fail).finally(() => {
                this.#awaiting = false;
                this.#give();
            });
        } catch (error) {
            fail(error);
        }
    }

    #take() {
        const item = this.#items[this.#next];
        this.#items[this.#next] = undefined;
        this.#next += 1;
        if (this.#next === this.#items.length || this.#next === 1024) {
            this.#items.splice(0, this.#next);
            this.#next = 0;
        }
        this.#size -= item.size ?? 0;
        if (this.#paused && this.#size <= this.#bufferSize / 2) {
            this.#paused = false;
            if (this.#client !== null) native.unpause(this.#client);
        }
        return item;
    }

    #hold(item, length) {
        item.size = length + OVERHEAD;
        this.#put(item);
        this.#size += item.size;
        if (this.#size > this.#bufferSize && !this.#paused) {
            this.#paused = true;
            native.pause(this.#client);
        }
    }

    // What follows is for the loop, which calls it when the library calls.

    /** @internal */
    takeEvents(events, count) {
        for (const pointer of native.pointersAt(events, count)) {
            const event = native.decode(pointer, native.EventStruct);
            this.#hold({
                event: {
                    type: native.textAt(event.type, event.typeLength),
                    data: native.textAt(event.data, event.dataLength),
                    lastEventId: native.textAt(event.lastEventId, event.lastEventIdLength),
                    origin: native.textAt(event.origin, event.originLength),
                },
            }, event.typeLength + event.dataLength + event.lastEventIdLength);
        }
    }

    /** @internal */
    takeComment(payload) {
        const comment = native.decode(payload, native.CommentStruct);
        this.#hold({
            handler: this.#handlers.onComment,
            value: native.textAt(comment.text, comment.textLength),
        }, comment.textLength);
    }

    /** @internal */
    takeOpen(payload) {
        this.#put({ handler: this.#handlers.onOpen, value: responseAt(payload) });
    }

    /** @internal */
    takeDocument(payload) {
        const document = native.decode(payload, native.DocumentStruct);
        this.#put({
            handler: this.#handlers.onDocument,
            value: { response: responseAt(document.response), body: native.bytesAt(document.body, document.bodyLength) },
        });
    }

    /** @internal */
    takeError(payload) {
        const error = native.decode(payload, native.ErrorStruct);
        this.#lastError = new StreamError(error.code, native.textAt(error.message, error.messageLength), {
            httpStatus: error.httpStatus,
            osError: error.osError,
            willRetry: error.willRetry !== 0,
            attempt: Number(error.attempt),
            delay: Number(error.delay),
            headers: native.headersAt(error.headers, error.headerCount),
            body: native.textAt(error.body, error.bodyLength),
        });
        if (this.#handlers[IN_ORDER]) this.#put({ handler: this.#handlers[IN_ORDER], value: this.#lastError });
        return this.#decide('onError', this.#lastError);
    }

    /** @internal */
    takeRequest(payload) {
        const facts = native.requestFacts(payload);
        const handle = new RequestHandle(payload);
        try {
            return this.#decide('onRequest', new EventRequest(facts, handle));
        } finally {
            handle.end();
        }
    }

    /** @internal */
    takeRedirect(payload) {
        const redirect = native.decode(payload, native.RedirectStruct);
        const decision = this.#handlers.onRedirect({
            status: redirect.status,
            from: native.textAt(redirect.from, redirect.fromLength),
            to: native.textAt(redirect.to, redirect.toLength),
            dropsCredentials: redirect.dropsCredentials !== 0,
            dropsBody: redirect.dropsBody !== 0,
        });
        const number = REDIRECT_DECISION.get(decision);
        if (number === undefined) throw wrongDecision('onRedirect', decision);
        return number;
    }

    /** @internal */
    takeClose(payload) {
        const { reason, code } = native.decode(payload, native.CloseStruct);
        this.#closeReason = CLOSE_REASONS[reason];
        if (code !== 0) this.#put({ error: this.#lastError?.status === code ? this.#lastError : new StreamError(code) });
        this.#put({ end: true });
    }

    /** @internal After what was taken: gives it away. */
    goOn() {
        if (this.#closeReason !== null) this.#free();
        else this.#give();
    }

    /** @internal The worker ends. */
    leave() {
        this.#free();
    }

    /** @internal An exception that a handler let out while the library waited for it. */
    fail(error) {
        this.#put({ error });
        native.stop(this.#client);
    }

    /** What a handler decides: nothing, 'retry', 'close', or, after an error, how many milliseconds to wait. */
    #decide(name, argument) {
        const handler = this.#handlers[name];
        if (handler === undefined) return DECISION.DEFAULT;
        const decision = handler(argument);
        if (decision === undefined) return DECISION.DEFAULT;
        if (decision === 'retry') return DECISION.RETRY;
        if (decision === 'close') return DECISION.CLOSE;
        if (name === 'onError' && typeof decision === 'number') {
            const status = native.setNextDelay(this.#client, milliseconds(decision, name));
            if (status !== 0) throw new SettingError(name, status, native.lastError(this.#client));
            return DECISION.RETRY;
        }
        throw wrongDecision(name, decision);
    }
}

function wrongDecision(name, decision) {
    if (typeof decision?.then === 'function') {
        decision.then(undefined, () => {});
        return new TypeError(`${name} must decide before it returns; it has returned a promise`);
    }
    return new TypeError(`${name} returned ${String(decision)}, which is no decision`);
}

function responseAt(payload) {
    const response = native.decode(payload, native.ResponseStruct);
    return {
        status: response.status,
        httpVersion: HTTP_VERSIONS[response.httpVersion] ?? String(response.httpVersion),
        url: native.textAt(response.url, response.urlLength),
        headers: native.headersAt(response.headers, response.headerCount),
        tlsVersion: TLS_VERSIONS[response.tlsVersion] ?? null,
        isReused: response.isReused !== 0,
        peer: native.textAt(response.peer, response.peerLength),
        resolveTime: time(response.resolveTime),
        connectTime: time(response.connectTime),
        tlsTime: time(response.tlsTime),
        headTime: time(response.headTime),
    };
}

/** Milliseconds of microseconds; null where there was nothing to wait for. */
function time(microseconds) {
    return microseconds < 0 ? null : Number(microseconds) / 1000;
}

/** The way to the library's request, until the handler returns. */
class RequestHandle {
    #request;

    constructor(request) {
        this.#request = request;
    }

    end() {
        this.#request = null;
    }

    /**
     * Makes a change. Of one that is refused here the library hears, too, by arguments that it refuses: then it does not send the
     * request, whatever the handler makes of the exception.
     */
    make(change, values, refused) {
        const call = native.changes[change];
        const request = this.#alive();
        let converted;
        try {
            converted = values();
        } catch (error) {
            call(request, ...refused);
            throw error;
        }
        const status = call(request, ...converted);
        if (status !== 0) throw new SettingError(change, status);
    }

    /** A change by texts. NULL the library takes for none of them. */
    setTexts(change, refusal, ...texts) {
        this.make(change, () => texts.map((one) => text(one, change, refusal)), texts.map(() => null));
    }

    get(what) {
        return native.requestGetters[what](this.#alive());
    }

    #alive() {
        if (this.#request === null) throw new EventSourceError(STATUS.STATE, 'the request is gone: its onRequest has returned');
        return this.#request;
    }
}

/** The request of the attempt about to be made. Changes hold for this attempt and its redirects. */
class EventRequest {
    #handle;

    constructor(facts, handle) {
        this.#handle = handle;
        this.attempt = facts.attempt;
        this.cause = facts.cause === 0 ? null : native.statusName(facts.cause);
        this.causeHttpStatus = facts.causeHttpStatus;
    }

    get url() {
        return this.#handle.get('url');
    }

    get method() {
        return this.#handle.get('method');
    }

    get headers() {
        return this.#handle.get('headers');
    }

    get body() {
        return this.#handle.get('body');
    }

    setHeader(name, value) {
        this.#handle.setTexts('set_header', STATUS.HEADER, name, value);
    }

    addHeader(name, value) {
        this.#handle.setTexts('add_header', STATUS.HEADER, name, value);
    }

    setSensitiveHeader(name, value) {
        this.#handle.setTexts('set_sensitive_header', STATUS.HEADER, name, value);
    }

    removeHeader(name) {
        this.#handle.setTexts('remove_header', STATUS.HEADER, name);
    }

    setBasicAuth(user, password) {
        this.#handle.setTexts('set_basic_auth', STATUS.VALUE, user, password);
    }

    setMethod(method) {
        this.#handle.setTexts('set_method', STATUS.METHOD, method);
    }

    setUrl(url) {
        this.#handle.setTexts('set_url', STATUS.URL, url instanceof URL ? url.href : url);
    }

    setBody(body) {
        this.#handle.make('set_body', () => {
            const content = bytes(body, 'set_body');
            return [content, content.length];
        }, [null, 1]);
    }
}

function handlers(options) {
    const names = ['onOpen', 'onComment', 'onError', 'onRequest', 'onRedirect', 'onDocument'];
    for (const name of names) {
        if (options[name] !== undefined && typeof options[name] !== 'function') {
            throw new TypeError(`${name}: a function is wanted`);
        }
    }
    if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
        throw new TypeError('signal: an AbortSignal is wanted');
    }
    return Object.fromEntries([...names, IN_ORDER].map((name) => [name, options[name]]));
}

function bufferSize(value) {
    if (!Number.isSafeInteger(value) || value < 0) {
        throw new SettingError('bufferSize', STATUS.VALUE, `${value} is no number of bytes`);
    }
    return value;
}
