import * as native from './native.js';

/** What the library refused, or why it failed. */
export class EventSourceError extends Error {
    /**
     * @param {number} status an eventsource_status_t
     * @param {string} [message] the library's text
     */
    constructor(status, message, options) {
        super(message || native.statusText(status), options);
        this.name = new.target.name;
        /** The number of the status. */
        this.status = status;
        /** Its name in C, such as 'EVENTSOURCE_ERR_CONNECT'. */
        this.code = native.statusName(status);
    }
}

/** An option, or a change in `onRequest`, was refused. */
export class SettingError extends EventSourceError {
    /** @param {string} setting the option's name */
    constructor(setting, status, message) {
        super(status, `${setting}: ${message || native.statusText(status)}`);
        this.setting = setting;
    }
}

/** An attempt failed, or a stream was lost. */
export class StreamError extends EventSourceError {
    /** @param {object} facts the members of an eventsource_error_t; its text where there is no error response */
    constructor(status, message, facts = {}) {
        super(status, message);
        /** The HTTP status of the error response; 0 if there was none. */
        this.httpStatus = facts.httpStatus ?? 0;
        /** The operating system's error number; 0 if there was none. */
        this.osError = facts.osError ?? 0;
        /** Whether the client tries again by itself. */
        this.willRetry = facts.willRetry ?? false;
        /** Failed attempts in a row, this one included; 0 when an open stream was lost. */
        this.attempt = facts.attempt ?? 0;
        /** Milliseconds until the next attempt. */
        this.delay = facts.delay ?? 0;
        /** The headers of the error response, as pairs of name and value. */
        this.headers = facts.headers ?? [];
        /** The first bytes of its body, at most 4096. */
        this.body = facts.body ?? '';
    }
}

/** The statuses that the package itself returns. */
export const STATUS = { UTF8: 2, URL: 3, HEADER: 4, METHOD: 5, VALUE: 6, STATE: 8, RUNTIME: 12 };
