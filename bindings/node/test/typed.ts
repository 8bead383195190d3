// A program for tsc --strict: the types are as users need them. Nothing runs it.
import { EventSource, EventStream, StreamError, version, type StreamEvent, type StreamOptions } from 'libeventsource';

const options: StreamOptions = {
    headers: { A: ['1', '2'], B: null },
    reconnect: { delay: 1_000 },
    onError: (error) => (error.httpStatus === 503 ? 'retry' : undefined),
};

export async function read(url: string): Promise<StreamEvent[]> {
    const events: StreamEvent[] = [];
    try {
        for await (const event of new EventStream(url, options)) events.push(event);
    } catch (error) {
        if (error instanceof StreamError) console.log(error.code.toLowerCase(), version.length);
    }
    return events;
}

export function listen(url: URL): () => void {
    const source = new EventSource(url, { withCredentials: true, readTimeout: 60_000 });
    source.onopen = () => console.log(source.readyState === source.OPEN);
    source.onmessage = (event) => console.log(event.data.toUpperCase(), event.lastEventId);
    source.addEventListener('error', (event) => console.log(event.error?.httpStatus, event.message));
    source.addEventListener('price', { handleEvent: (event) => console.log(event.data.length) });
    return () => source.close();
}

// @ts-expect-error There is no such mode.
new EventStream('', { mode: 'twice' });
// @ts-expect-error The header's values are strings.
new EventSource('', { headers: { A: 1 } });
// @ts-expect-error It has an event for that.
new EventSource('', { onOpen() {} });
// What the standard's interface has, this one has, too.
export const interchangeable = (url: string): Pick<globalThis.EventSource, 'url' | 'readyState' | 'withCredentials' | 'close'> =>
    new EventSource(url);
