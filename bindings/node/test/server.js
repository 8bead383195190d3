// The project's test server, and programs to run beside it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SERVER = process.env.EVENTSOURCE_TEST_SERVER;
if (!SERVER) throw new Error('EVENTSOURCE_TEST_SERVER must name the test server');

/** How many milliseconds a test waits for the next thing to happen: that something hangs, not how fast a machine is. */
export const PATIENCE = 120_000;

/** Starts a server that ends with this process. @returns its URL */
export async function serve(...options) {
    const server = spawn(SERVER, ['--for', '3600', ...options], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = await once(server.stdout, 'data');
    server.unref();
    server.stdin.unref();
    server.stdout.unref();
    return String(line).match(/listening on (\S+)/)[1];
}

/** Runs a program of a few lines, which has `EventStream` and `url`. @returns how it ended, within `limit` milliseconds */
export async function run(url, program, limit = PATIENCE) {
    const text = `import { EventStream } from 'libeventsource'; const url = ${JSON.stringify(url)};\n${program}`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', text], {
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (data) => (out += data));
    child.stderr.on('data', (data) => (err += data));
    const timer = setTimeout(() => child.kill('SIGKILL'), limit);
    const [code, signal] = await once(child, 'close');
    clearTimeout(timer);
    return { code, signal, out, err };
}

/** All events of a stream. */
export async function all(stream) {
    const events = [];
    for await (const event of stream) events.push(event);
    return events;
}
