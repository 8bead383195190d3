// The options of a stream: for each, how its value becomes the arguments of a setter of the library. What a value means is
// for the library to say; here is refused only what would reach it as something else.
import { SettingError, STATUS } from './errors.js';
import * as native from './native.js';

const INT32 = [-(2n ** 31n), 2n ** 31n - 1n];
const INT64 = [-(2n ** 63n), 2n ** 63n - 1n];
const SIZE = [0n, 2n ** 64n - 1n];

/** C's text ends at its first NUL, and is UTF-8. */
export function text(value, setting, status = STATUS.VALUE) {
    if (typeof value !== 'string') throw new TypeError(`${setting}: a string is wanted, not ${describe(value)}`);
    if (value.includes('\0')) throw new SettingError(setting, status, 'the text has a NUL, where it would end');
    if (!value.isWellFormed()) throw new SettingError(setting, STATUS.UTF8, 'the text has half a surrogate pair');
    return value;
}

/** Bytes: a string, in UTF-8, or a Buffer, a typed array or an ArrayBuffer. */
export function bytes(value, setting) {
    if (typeof value === 'string') {
        if (!value.isWellFormed()) throw new SettingError(setting, STATUS.UTF8, 'the text has half a surrogate pair');
        return Buffer.from(value);
    }
    if (value instanceof ArrayBuffer) return Buffer.from(value);
    if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    throw new TypeError(`${setting}: a string or bytes are wanted, not ${describe(value)}`);
}

function integer(value, setting, [least, most]) {
    const whole = typeof value === 'bigint' || Number.isInteger(value);
    if (typeof value !== 'bigint' && typeof value !== 'number') {
        throw new TypeError(`${setting}: a number is wanted, not ${describe(value)}`);
    }
    if (!whole || BigInt(value) < least || BigInt(value) > most) {
        throw new SettingError(setting, STATUS.VALUE, `${value} is no whole number from ${least} to ${most}`);
    }
    return BigInt(value);
}

/** Milliseconds; Infinity for no limit. */
function limit(value, setting) {
    return value === Infinity ? native.NO_LIMIT : notNoLimit(integer(value, setting, INT64));
}

export const milliseconds = limit;

// -1 is no limit in C. Here it is a mistake, which the library refuses when it sees another negative number.
const notNoLimit = (value) => (value === -1n ? -2n : value);

function flag(value, setting) {
    if (typeof value !== 'boolean') throw new TypeError(`${setting}: true or false is wanted, not ${describe(value)}`);
    return value ? 1 : 0;
}

function decimal(value, setting) {
    if (typeof value !== 'number') throw new TypeError(`${setting}: a number is wanted, not ${describe(value)}`);
    return value;
}

/** One of a few words. */
const word = (words) => (value, setting) => {
    // A number is as good as its text, as in `httpVersion: 2`.
    const known = typeof value === 'string' || typeof value === 'number';
    if (known && Object.hasOwn(words, value)) return words[value];
    throw new SettingError(setting, STATUS.VALUE, `${describe(value)} is none of ${Object.keys(words).join(', ')}`);
};

function describe(value) {
    return typeof value === 'string' ? JSON.stringify(value) : value === null ? 'null' : typeof value;
}

/** The first header of a name takes the place of the library's own; the others come beside it. null: no such header. */
function headers(value, setting) {
    const seen = new Set();
    return Array.from(pairs(value, setting), ([name, content]) => {
        if (content === null) return ['remove_header', name];
        const setter = seen.has(name.toLowerCase()) ? 'add_header' : 'set_header';
        seen.add(name.toLowerCase());
        return [setter, name, content];
    });
}

/** Pairs of name and value: of an object, whose values may be arrays, of a Headers, a Map, or of an array of pairs. */
function* pairs(value, setting) {
    // Without the value of a string: it may be a secret.
    if (value === null || typeof value !== 'object') throw new TypeError(`${setting}: an object is wanted, not a ${typeof value}`);
    for (const pair of Symbol.iterator in value ? value : Object.entries(value)) {
        // A string of two characters is no pair.
        if (!Array.isArray(pair) || pair.length !== 2) throw new TypeError(`${setting}: pairs of name and value are wanted`);
        const [name, values] = pair;
        for (const one of Array.isArray(values) ? values : [values]) {
            yield [text(name, setting, STATUS.HEADER), one === null ? null : text(one, setting, STATUS.HEADER)];
        }
    }
}

const one = (setter, convert, ...more) => (value, setting) => [[setter, convert(value, setting, ...more)]];
const blob = (setter) => (value, setting) => {
    const content = bytes(value, setting);
    return [[setter, content, content.length]];
};
const each = (setter, list) => (value, setting) => Array.from(list(value, setting), (entry) => [setter, ...entry]);

const POLICY = {
    retryInitial: flag,
    delay: milliseconds, maxDelay: milliseconds,
    factor: decimal, jitter: decimal,
    resetAfter: milliseconds,
    maxAttempts: limit,
    minDelay: milliseconds, maxServerDelay: milliseconds,
};

function reconnect(value, setting, client) {
    const policy = native.reconnectPolicy(client);
    for (const [name, member] of given(value, POLICY, `${setting}.`)) {
        policy[name] = POLICY[name](member, `${setting}.${name}`);
    }
    return [['set_reconnect', policy]];
}

const forgotten = new FinalizationRegistry(native.free);

/** A jar of cookies, for any number of streams. */
export class Cookies {
    // A client that is never started: a jar belongs to the clients that use it.
    #client;

    constructor(cookies = '') {
        this.#client = native.newClient('http://localhost/')[0];
        forgotten.register(this, this.#client);
        this.#set('set_cookies', 1);
        this.add(cookies);
    }

    add(cookies) {
        this.#set('add_cookies', text(cookies, 'cookies'));
    }

    get text() {
        return native.cookies(this.#client);
    }

    #set(setter, value) {
        const status = native.setters[setter](this.#client, value);
        if (status !== 0) throw new SettingError('cookies', status, native.lastError(this.#client));
    }

    static share(value, setting) {
        if (!(value instanceof Cookies)) throw new TypeError(`${setting}: Cookies are wanted, not ${describe(value)}`);
        return [['share_cookies', value.#client]];
    }
}

// In this order they are given to the library, which tells of the first that it refuses.
const SETTINGS = {
    name: one('set_name', text),
    method: one('set_method', text, STATUS.METHOD),
    body: blob('set_body'),
    headers,
    sensitiveHeaders: each('set_sensitive_header', function* (value, setting) {
        for (const [name, content] of pairs(value, setting)) yield [name, text(content, setting, STATUS.HEADER)];
    }),
    basicAuth: (value, setting) => [[
        'set_basic_auth',
        text(value?.user, `${setting}.user`),
        text(value?.password, `${setting}.password`),
    ]],
    cookies: Cookies.share,
    compression: one('set_compression', flag),
    reconnectWithGet: one('set_reconnect_with_get', flag),
    lastEventId: one('set_last_event_id', text),
    mode: one('set_mode', word({ auto: 0, 'keep-alive': 1, once: 2, 'until-end': 3 })),
    reconnect,
    connectTimeout: one('set_connect_timeout', milliseconds),
    responseTimeout: one('set_response_timeout', milliseconds),
    readTimeout: one('set_read_timeout', milliseconds),
    eventTimeout: one('set_event_timeout', milliseconds),
    maxRedirects: one('set_max_redirects', integer, INT32),
    maxEventSize: one('set_max_event_size', integer, SIZE),
    endMarker: one('set_end_marker', text),
    maxErrorBody: one('set_max_error_body', integer, SIZE),
    checkContentType: one('set_check_content_type', flag),
    proxy: one('set_proxy', text, STATUS.URL),
    noProxy: one('set_no_proxy', text),
    unixSocket: one('set_unix_socket', text),
    keyLogFile: one('set_key_log_file', text),
    interface: one('set_interface', text),
    watchNetwork: one('set_watch_network', flag),
    resolve: each('add_resolve', (value, setting) => [value].flat().map((entry) => [text(entry, setting)])),
    httpVersion: one('set_http_version', word({ default: 0, '1.1': 1, 2: 2 })),
    caPem: blob('set_ca_pem'),
    caFile: one('set_ca_file', text),
    caExclusive: one('set_ca_exclusive', flag),
    clientCertPem: (value, setting) => {
        const [cert, key] = [bytes(value?.cert, `${setting}.cert`), bytes(value?.key ?? '', `${setting}.key`)];
        return [['set_client_cert_pem', cert, cert.length, key, key.length]];
    },
    clientCertFile: (value, setting) => [[
        'set_client_cert_file',
        text(value?.cert, `${setting}.cert`),
        value.key === undefined ? null : text(value.key, `${setting}.key`),
    ]],
    pinnedKeys: one('set_pinned_keys', text),
    minTlsVersion: one('set_min_tls_version', word({ 1.2: 12, 1.3: 13 })),
    serverName: one('set_server_name', text),
    insecureSkipVerification: one('set_insecure_skip_verification', flag),
};

/** What is given of an object's members, all of which must be known. undefined is not given. */
function given(options, known, prefix = '') {
    // An array or a Map has no members of these names, and what it has would be left out in silence.
    if (options === null || typeof options !== 'object' || Symbol.iterator in options) {
        throw new TypeError(`${prefix.slice(0, -1) || 'options'}: an object is wanted`);
    }
    for (const name of Object.keys(options)) {
        if (!Object.hasOwn(known, name)) throw new TypeError(`there is no option ${prefix}${name}`);
    }
    return Object.keys(known).filter((name) => options[name] !== undefined).map((name) => [name, options[name]]);
}

/** Gives a client its settings. @param {object} rest the options that are no settings of the client's */
export function apply(client, options, rest) {
    for (const [setting, value] of given(options, { ...SETTINGS, ...rest })) {
        if (!Object.hasOwn(SETTINGS, setting)) continue;
        for (const [setter, ...values] of SETTINGS[setting](value, setting, client)) {
            const status = native.setters[setter](client, ...values);
            if (status !== 0) throw new SettingError(setting, status, native.lastError(client));
        }
    }
}

/** The names of all settings, for the tests. */
export const settingNames = Object.keys(SETTINGS);
