/** The version of libeventsource that is running, such as "0.9.0". */
export const version: string;

/**
 * Whether that libeventsource has a part that a build can leave out, such as "tls". A setting that needs one that it has not is
 * refused with "EVENTSOURCE_ERR_UNSUPPORTED".
 */
export function hasFeature(name: string): boolean;

/** One event. */
export interface StreamEvent {
    /** The event type; "message" when the stream names none. */
    readonly type: string;
    /** The data; its lines are separated by "\n". Bytes that are not UTF-8 appear as U+FFFD. */
    readonly data: string;
    /** The last event id as of this event; empty when there is none. */
    readonly lastEventId: string;
    /** The origin of the URL that the stream came from, after redirects. */
    readonly origin: string;
}

/** The response that opened the stream. */
export interface StreamResponse {
    readonly status: number;
    readonly httpVersion: '1.0' | '1.1' | '2';
    /** After redirects, without user information and fragment. */
    readonly url: string;
    /** Pairs of name, in lower case, and value, in the order of their first appearance. */
    readonly headers: [name: string, value: string][];
    /** null without TLS with the server. */
    readonly tlsVersion: '1.2' | '1.3' | null;
    /** Whether the stream came over a connection that was there already. */
    readonly isReused: boolean;
    /** The connection's other end: the server, or a proxy. */
    readonly peer: string;
    /** Milliseconds; null where there was nothing to wait for. */
    readonly resolveTime: number | null;
    readonly connectTime: number | null;
    readonly tlsTime: number | null;
    readonly headTime: number | null;
}

/** The request of the attempt about to be made. It lives until `onRequest` returns; changes hold for this attempt. */
export interface EventRequest {
    /** Without user information and fragment. */
    readonly url: string;
    readonly method: string;
    /** The headers that the request has now. */
    readonly headers: [name: string, value: string][];
    /** Empty for no body. */
    readonly body: Buffer;
    /** 1 for the first attempt since the stream was last open, then 2, 3, … */
    readonly attempt: number;
    /** What went wrong before, such as "EVENTSOURCE_ERR_CONNECT"; null when nothing did. */
    readonly cause: string | null;
    /** The HTTP status that went with it; 0 if there was none. */
    readonly causeHttpStatus: number;
    /** Sets a header in place of any of that name. */
    setHeader(name: string, value: string): void;
    /** Adds a header beside those of the same name. */
    addHeader(name: string, value: string): void;
    /** Sets a header that is not sent to another origin. */
    setSensitiveHeader(name: string, value: string): void;
    removeHeader(name: string): void;
    setBasicAuth(user: string, password: string): void;
    setMethod(method: string): void;
    /** Another origin drops credentials: set the URL first, then the headers that are meant for it. */
    setUrl(url: string | URL): void;
    setBody(body: Content): void;
}

/** Text, sent as UTF-8, or bytes. */
export type Content = string | ArrayBuffer | ArrayBufferView;
/** A name with a value or several, or pairs of name and value. */
export type HeaderList<Value = string> = Record<string, Value | readonly Value[]> | Iterable<readonly [string, Value | readonly Value[]]>;
/** 'retry': try again, also where the error would be final. 'close': do not. Nothing: as the error says. */
export type Decision = 'retry' | 'close' | void;

/** A whole response that is not an event stream. */
export interface StreamDocument {
    readonly response: StreamResponse;
    /** Decoded if its content coding is known. */
    readonly body: Buffer;
}
/** A redirect that can be followed. */
export interface Redirect {
    readonly status: number;
    /** URLs without user information and fragment. */
    readonly from: string;
    readonly to: string;
    /** Whether it leads to another origin, and 'follow' does not send credentials or a client certificate there. */
    readonly dropsCredentials: boolean;
    /** Whether it leads to another origin, and 'follow' does not send the request's body there. */
    readonly dropsBody: boolean;
}
/**
 * 'follow': without credentials to another origin; if the body would go there, the redirect is refused. 'follow-with-body':
 * without credentials. 'follow-with-credentials': with all, for this redirect alone.
 */
export type RedirectDecision = 'follow' | 'refuse' | 'follow-with-body' | 'follow-with-credentials' | void;

/** When a stream reconnects. Times are milliseconds. */
export interface ReconnectPolicy {
    /** Retry even if the very first attempt fails. Default: false. */
    retryInitial?: boolean;
    /** The base delay; the server's `retry` replaces it. Default: 1000. */
    delay?: number;
    /** The largest delay. Default: 60000. */
    maxDelay?: number;
    /** How the delay grows, 1 to 100. Default: 2. */
    factor?: number;
    /** The largest random share of a delay, 0 to 1. Default: 0.5. */
    jitter?: number;
    /** A stream that stays open for this long ends the growth. Default: 60000. */
    resetAfter?: number;
    /** Give up after this many failed attempts in a row; Infinity, the default, for no limit. */
    maxAttempts?: number;
    /** The shortest delay that a server can bring about. Default: 100. */
    minDelay?: number;
    /** The largest delay that a server can ask for. Default: 3600000. */
    maxServerDelay?: number;
}

/** Times are milliseconds, sizes bytes. What is left out or undefined has its default. */
export interface StreamOptions {
    /** Aborting it ends the stream: who reads gets its reason. */
    signal?: AbortSignal;
    /** How many bytes of events may wait to be read before the client is paused. Default: 262144. */
    bufferSize?: number;

    /** The stream's name in the library's log. */
    name?: string;
    /** The request method. Default: GET. Other requests are made once unless `mode` says otherwise. */
    method?: string;
    /** The request body, sent with every attempt. */
    body?: Content;
    /** Request headers, in place of the library's own of the same name. null: no such header. */
    headers?: HeaderList<string | null>;
    /** Headers that hold a secret: not sent to another origin. */
    sensitiveHeaders?: HeaderList;
    /** Sets Authorization to basic authentication. */
    basicAuth?: { user: string; password: string };
    /** Where cookies are kept. Default: nowhere. */
    cookies?: Cookies;
    /** Ask for a compressed stream. Default: false. */
    compression?: boolean;
    /** After the stream has been open, ask with a GET for what follows. Default: false. */
    reconnectWithGet?: boolean;
    /** Go on after this event, as where an earlier process ended. */
    lastEventId?: string;
    /** Which failures and ends are followed by another attempt. Default: 'auto', which keeps GET alive and makes others once. */
    mode?: 'auto' | 'keep-alive' | 'once' | 'until-end';
    /** When the stream reconnects. */
    reconnect?: ReconnectPolicy;
    /** For name resolution, TCP, the proxy and TLS together; Infinity for no limit. Default: 10000. */
    connectTimeout?: number;
    /** From a connection to the head of the response; Infinity for no limit. Default: 300000. */
    responseTimeout?: number;
    /** The longest silence of the stream. Default: Infinity, no limit. */
    readTimeout?: number;
    /** How long the stream may go without an event, whatever else comes. Default: Infinity, no limit. */
    eventTimeout?: number;
    /** How many redirects an attempt follows. Default: 16. */
    maxRedirects?: number;
    /** How much one event may hold. Default: 16777216. */
    maxEventSize?: number;
    /** The event that ends the stream, by its data, such as '[DONE]'. It is not delivered; an end without it is an error. */
    endMarker?: string;
    /** How much of an error's body `StreamError.body` has. Default: 4096. */
    maxErrorBody?: number;
    /** Whether the response must be text/event-stream. Default: true. */
    checkContentType?: boolean;
    /** The proxy's URL; '' for none. Default: what the environment says. */
    proxy?: string;
    /** Which hosts are reached without it, separated by commas; '' for none. Default: what the environment says. */
    noProxy?: string;
    /** Connect to this Unix domain socket. */
    unixSocket?: string;
    /** A file for the secrets of TLS connections, to decrypt what was captured of them: for debugging only. Others must not be able to read it. */
    keyLogFile?: string;
    /** The network interface ('eth0') or the address of this machine that every connection is made through or from. */
    interface?: string;
    /** Whether changes of the network and the end of a suspension cut waits short and have open streams verified. Default: true. */
    watchNetwork?: boolean;
    /** Where hosts are: 'host:port:address'. */
    resolve?: string | readonly string[];
    /** Default: 'default', HTTP/2 where an https server offers it. '2': without asking. */
    httpVersion?: 'default' | '1.1' | '2';
    /** Certificate authorities in PEM form, beside the system's. */
    caPem?: Content;
    /** The same, from a file. */
    caFile?: string;
    /** Trust these alone. Default: false. */
    caExclusive?: boolean;
    /** The client's certificate in PEM form, and its key, unless that is in the same text. */
    clientCertPem?: { cert: Content; key?: Content };
    /** The same, from files. */
    clientCertFile?: { cert: string; key?: string };
    /** Accept only servers with one of these public keys: 'sha256//…', separated by ';'. */
    pinnedKeys?: string;
    /** Default: '1.2'. */
    minTlsVersion?: '1.2' | '1.3';
    /** The name that the server's certificate must have, in place of the URL's host. */
    serverName?: string;
    /** INSECURE: accept any certificate. For tests only. Default: false. */
    insecureSkipVerification?: boolean;

    /**
     * A stream has opened. Called when the loop reads on, in order with the events. If it returns a promise, the next event waits
     * for that: it must not wait for an event of this stream. What it throws, or the promise is rejected with, the loop gets.
     */
    onOpen?: (response: StreamResponse) => void | PromiseLike<void>;
    /** A comment. Called as `onOpen`. */
    onComment?: (text: string) => void | PromiseLike<void>;
    /**
     * An attempt has failed, or a stream was lost. The library waits for the decision; a number retries after so many
     * milliseconds. What it throws ends the stream, and the loop gets it.
     */
    onError?: (error: StreamError) => Decision | number;
    /** Asked before each attempt. 'retry' or 'close': this request is not made. The library waits for it, as for `onError`. */
    onRequest?: (request: EventRequest) => Decision;
    /**
     * A whole response that is not an event stream, such as JSON, is a result: the stream then ends. Without this handler it is an
     * error. Called as `onOpen`.
     */
    onDocument?: (document: StreamDocument) => void | PromiseLike<void>;
    /** Asked about each redirect. Nothing means 'follow'. The library waits for it, as for `onError`. */
    onRedirect?: (redirect: Redirect) => RedirectDecision;
}

/** What a stream has done. Times are milliseconds; -1 where there is none. */
export interface StreamStats {
    readonly events: number;
    readonly bytes: number;
    readonly attempts: number;
    readonly opens: number;
    readonly errors: number;
    readonly openFor: number;
    readonly idleFor: number;
}

/**
 * What the runtime of this JavaScript thread does, and what its streams have done. `reconnects*` count attempts that were not the
 * first of their streams, by reason. `latencyCounts[i]` counts events by the time from the read to their callback: those of at
 * most 4 to the power of i microseconds that are in no bucket before, the last one all others.
 */
export interface Metrics {
    readonly connecting: number;
    readonly open: number;
    readonly waiting: number;
    readonly threads: number;
    readonly queued: number;
    readonly starts: number;
    readonly attempts: number;
    readonly opens: number;
    readonly errors: number;
    readonly events: number;
    readonly bytes: number;
    readonly reconnectsEnd: number;
    readonly reconnectsConnection: number;
    readonly reconnectsTimeout: number;
    readonly reconnectsResponse: number;
    readonly reconnectsProgram: number;
    readonly reconnectsOther: number;
    readonly latencySumNs: number;
    readonly latencyCounts: readonly number[];
}

/** All counts begin at 0 when a stream is the only one; `null` while there is none. */
export function metrics(): Metrics | null;

/**
 * An event stream, kept alive over reconnects: an async iterable of its events. It connects when its first event is asked
 * for, and is one stream: who iterates twice gets each event once.
 */
export class EventStream implements AsyncIterableIterator<StreamEvent> {
    /** @throws SettingError for a URL or an option that the library refuses; TypeError for one that it does not have */
    constructor(url: string | URL, options?: StreamOptions);
    /** The stream's number in the library's log, which no other stream of the process has or will have. */
    readonly number: number;
    /** The id of the last event that has been read. */
    readonly lastEventId: string;
    readonly state: 'idle' | 'connecting' | 'open' | 'waiting' | 'closed';
    /** Why the stream closed; null until then. */
    readonly closeReason: 'stopped' | 'server' | 'failed' | 'end-of-stream' | null;
    /** null once the stream is closed. */
    readonly stats: StreamStats | null;
    /** Drops the connection, or the wait for the next attempt, and connects anew at once. */
    reconnectNow(): void;
    /** Closes the stream; resolves when nothing of it is left. Events that have not been read are dropped. */
    close(): Promise<void>;
    /** The next event; several may be asked for at once. Rejects with a StreamError when the stream fails for good. */
    next(): Promise<IteratorResult<StreamEvent, undefined>>;
    return(value?: unknown): Promise<IteratorReturnResult<any>>;
    [Symbol.asyncIterator](): this;
    [Symbol.asyncDispose](): Promise<void>;
}

/** An event of the type "error" of an EventSource. */
export interface StreamErrorEvent extends Event {
    /** What went wrong; null if the server asked for the end. */
    readonly error: StreamError | null;
    readonly message: string;
}

export interface EventSourceInit extends Omit<StreamOptions, 'onOpen'> {
    /** As in browsers. It changes nothing: cookies are kept where `cookies` says. Default: false. */
    withCredentials?: boolean;
}

export interface EventSourceEventMap {
    open: Event;
    message: MessageEvent<string>;
    error: StreamErrorEvent;
}

type Listener<This, Of> = ((this: This, event: Of) => unknown) | { handleEvent(event: Of): unknown };

/**
 * The interface EventSource of the HTML standard. It connects when it is made, and dispatches events until `close()` or a final
 * error. It also takes the options of a stream. Beyond the standard, 408, 425, 429 and 5xx are retried.
 */
export class EventSource extends EventTarget {
    static readonly CONNECTING: 0;
    static readonly OPEN: 1;
    static readonly CLOSED: 2;
    readonly CONNECTING: 0;
    readonly OPEN: 1;
    readonly CLOSED: 2;
    /** @throws DOMException "SyntaxError" for what is no absolute URL; SettingError for an option that the library refuses */
    constructor(url: string | URL, init?: EventSourceInit);
    readonly url: string;
    readonly withCredentials: boolean;
    /** CONNECTING: also while it waits for the next attempt. CLOSED: it does not connect again. */
    readonly readyState: 0 | 1 | 2;
    onopen: ((this: EventSource, event: Event) => unknown) | null;
    onmessage: ((this: EventSource, event: MessageEvent<string>) => unknown) | null;
    onerror: ((this: EventSource, event: StreamErrorEvent) => unknown) | null;
    addEventListener<Type extends keyof EventSourceEventMap>(
        type: Type,
        listener: Listener<EventSource, EventSourceEventMap[Type]> | null,
        options?: boolean | AddEventListenerOptions,
    ): void;
    addEventListener(
        type: string,
        listener: Listener<EventSource, MessageEvent<string>> | null,
        options?: boolean | AddEventListenerOptions,
    ): void;
    removeEventListener<Type extends keyof EventSourceEventMap>(
        type: Type,
        listener: Listener<EventSource, EventSourceEventMap[Type]> | null,
        options?: boolean | EventListenerOptions,
    ): void;
    removeEventListener(
        type: string,
        listener: Listener<EventSource, MessageEvent<string>> | null,
        options?: boolean | EventListenerOptions,
    ): void;
    /** Closes it: no event is dispatched any more. */
    close(): void;
}

/**
 * A jar of cookies, in memory: the option `cookies` of any number of streams. They keep in it what servers set, and send it back
 * by the rules of RFC 6265.
 */
export class Cookies {
    /** @param cookies as for `add` @throws SettingError */
    constructor(cookies?: string);
    /** Adds the cookies of a text in the format of `text`: all of them, or none. @throws SettingError */
    add(cookies: string): void;
    /** All cookies, in the format of cookies.txt, which curl reads and writes, too. They are secrets. */
    readonly text: string;
}

/** What the library refused, or why it failed. */
export class EventSourceError extends Error {
    /** The status's number in C. */
    readonly status: number;
    /** Its name in C, such as "EVENTSOURCE_ERR_CONNECT". */
    readonly code: string;
}

/** An option, or a change in `onRequest`, was refused. */
export class SettingError extends EventSourceError {
    /** The option's name. */
    readonly setting: string;
}

/** An attempt failed, or a stream was lost. */
export class StreamError extends EventSourceError {
    /** The HTTP status of the error response; 0 if there was none. */
    readonly httpStatus: number;
    /** The operating system's error number; 0 if there was none. */
    readonly osError: number;
    /** Whether the client tries again by itself. */
    readonly willRetry: boolean;
    /** Failed attempts in a row, this one included; 0 when an open stream was lost. */
    readonly attempt: number;
    /** Milliseconds until the next attempt. */
    readonly delay: number;
    /** The headers of the error response. */
    readonly headers: [name: string, value: string][];
    /** The first bytes of its body, at most 4096. */
    readonly body: string;
}
