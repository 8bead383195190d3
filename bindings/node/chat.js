// Asks a language model behind an endpoint in OpenAI's style, and prints the answer as it comes.
//
//     OPENAI_API_KEY=... node chat.js BASE_URL PROMPT [MODEL]
//
// The answer is asked for once, because to ask again would cost again. The end marker tells a complete answer from one that
// was cut.
import { EventStream } from 'libeventsource';

const [base, prompt, model = 'gpt-4o-mini'] = process.argv.slice(2);
const key = process.env.OPENAI_API_KEY;
const stream = new EventStream(`${base.replace(/\/+$/, '')}/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ stream: true, model, messages: [{ role: 'user', content: prompt }] }),
    headers: { 'Content-Type': 'application/json' },
    sensitiveHeaders: key ? { Authorization: `Bearer ${key}` } : undefined,
    mode: 'once',
    endMarker: '[DONE]',
    readTimeout: 300_000,
});
try {
    for await (const { data } of stream) {
        const { error, choices } = JSON.parse(data);
        if (error) throw new Error(error.message); // it went wrong after the 200
        for (const { delta } of choices) process.stdout.write(delta.content ?? '');
    }
    console.log();
} catch (error) {
    console.error(error.message);
    for (const [name, value] of error.headers ?? []) {
        if (/^(x-request-id|x-ratelimit-.*|retry-after.*)$/.test(name)) console.error(`${name}: ${value}`);
    }
    process.exitCode = 1;
}
