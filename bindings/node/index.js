// libeventsource for Node: event streams that stay alive, as async iterables.
export { EventSource } from './lib/event-source.js';
export { EventSourceError, SettingError, StreamError } from './lib/errors.js';
export { metrics } from './lib/loop.js';
export { Cookies } from './lib/settings.js';
export { EventStream } from './lib/stream.js';
export { hasFeature, version } from './lib/native.js';
