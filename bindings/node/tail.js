// Prints the events of a stream.
//
//     node tail.js URL [COUNT]      until the server asks for the end, or COUNT events have come
import { EventStream } from 'libeventsource';

const [url, count = Infinity] = process.argv.slice(2);
let seen = 0;
for await (const event of new EventStream(url)) {
    console.log(`${event.type}: ${event.data}`);
    seen += 1;
    if (seen >= count) break;
}
