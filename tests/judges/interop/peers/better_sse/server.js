// An event stream with better-sse on Node's own servers: node server.js HTTP_PORT HTTPS_PORT CERTIFICATE KEY.
//
// The first port speaks HTTP/1.1, the second TLS and, as the client chooses, HTTP/2 or HTTP/1.1.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createSecureServer } from "node:http2";
import { createSession } from "better-sse";

// As /events of tests/support/server: `count` events with ids, continued after Last-Event-ID; `per_connection` of them, then the
// stream ends; after the last one the next request gets a 204.
async function answer(request, response) {
    const asked = new URL(request.url, "http://localhost").searchParams;
    const number = (name, otherwise) => Number(asked.get(name) ?? otherwise);
    const count = number("count", 10);
    const begin = Number(request.headers["last-event-id"] || 0) + 1;
    if (begin > count) return response.writeHead(204).end();

    const session = await createSession(request, response, {
        retry: number("retry", 1000),
        serializer: String,
        headers: { "X-HTTP-Version": request.httpVersion },
    });
    const end = Math.min(begin + number("per_connection", count), count + 1);
    for (let id = begin; id < end && session.isConnected; id++) {
        session.push(`event ${id}`, "message", String(id));
        await new Promise((resume) => setTimeout(resume, number("interval_ms", 0)));
    }
    response.end();
}

const [httpPort, httpsPort, certificate, key] = process.argv.slice(2);
const identity = { cert: readFileSync(certificate), key: readFileSync(key), allowHTTP1: true };
createServer(answer).listen(httpPort, "127.0.0.1");
createSecureServer(identity, answer).listen(httpsPort, "127.0.0.1");
