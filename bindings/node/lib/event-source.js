// The interface EventSource of the HTML standard, on a stream of this package: https://html.spec.whatwg.org/multipage/server-sent-events.html
import { EventStream, IN_ORDER } from './stream.js';

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 2;

/** What EventSource's error events are: `error` is the StreamError, or null if the server asked for the end. */
export class ErrorEvent extends Event {
    constructor(error) {
        super('error');
        this.error = error;
        this.message = error?.message ?? 'the server asked for the end';
    }
}

/** @see index.d.ts */
export class EventSource extends EventTarget {
    static CONNECTING = CONNECTING;
    static OPEN = OPEN;
    static CLOSED = CLOSED;

    #stream;
    #url;
    #withCredentials;
    #readyState = CONNECTING;
    /** The handlers that are properties, each with the listener that calls it. */
    #handlers = new Map();

    constructor(url, { withCredentials = false, reconnect, ...options } = {}) {
        super();
        try {
            this.#url = new URL(url).href;
        } catch (cause) {
            throw new DOMException(`${url} is no absolute URL`, { name: 'SyntaxError', cause });
        }
        this.#withCredentials = Boolean(withCredentials);
        if (options.onOpen !== undefined) throw new TypeError('onOpen: an EventSource has the event open');
        this.#stream = new EventStream(this.#url, {
            ...options,
            // As the standard has it: also the first attempt is repeated.
            reconnect: { retryInitial: true, ...reconnect },
            onOpen: () => this.#opened(),
            [IN_ORDER]: (error) => this.#lost(error),
        });
        this.#read();
    }

    get url() {
        return this.#url;
    }

    get withCredentials() {
        return this.#withCredentials;
    }

    get readyState() {
        return this.#readyState;
    }

    close() {
        this.#readyState = CLOSED;
        this.#stream.close();
    }

    async #read() {
        let failure = null;
        try {
            for await (const { type, data, origin, lastEventId } of this.#stream) {
                // Closed by a listener of the event before: what has come is dropped.
                if (this.#readyState === CLOSED) return;
                this.dispatchEvent(new MessageEvent(type, { data, origin, lastEventId }));
            }
        } catch (error) {
            failure = error;
        }
        if (this.#readyState === CLOSED) return;
        this.#readyState = CLOSED;
        this.dispatchEvent(new ErrorEvent(failure));
    }

    #opened() {
        if (this.#readyState === CLOSED) return;
        this.#readyState = OPEN;
        this.dispatchEvent(new Event('open'));
    }

    #lost(error) {
        // The last one ends the loop that reads.
        if (this.#readyState === CLOSED || !error.willRetry) return;
        this.#readyState = CONNECTING;
        this.dispatchEvent(new ErrorEvent(error));
    }

    #handler(type) {
        return this.#handlers.get(type)?.handler ?? null;
    }

    // A handler keeps its place among the listeners when it is replaced by another.
    #setHandler(type, handler) {
        const callable = typeof handler === 'function' ? handler : null;
        const known = this.#handlers.get(type);
        if (callable === null) {
            if (known) this.removeEventListener(type, known.listener);
            this.#handlers.delete(type);
        } else if (known) {
            known.handler = callable;
        } else {
            const entry = { handler: callable, listener: (event) => entry.handler.call(this, event) };
            this.#handlers.set(type, entry);
            this.addEventListener(type, entry.listener);
        }
    }

    static {
        for (const type of ['open', 'message', 'error']) {
            Object.defineProperty(this.prototype, `on${type}`, {
                configurable: true,
                enumerable: true,
                get() {
                    return this.#handler(type);
                },
                set(handler) {
                    this.#setHandler(type, handler);
                },
            });
        }
        for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSED })) {
            Object.defineProperty(this.prototype, name, { enumerable: true, value });
        }
    }
}
