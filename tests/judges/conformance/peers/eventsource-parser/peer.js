// A peer of parsers.py: npm's eventsource-parser. For input and output see libeventsource.c.

import {readFileSync} from 'node:fs'
import {createParser} from 'eventsource-parser'

function parse(chunks) {
  const found = {events: [], retries: [], comments: []}
  // The parser leaves it to its caller to carry the ID from one event to the next.
  let lastEventId = ''
  const parser = createParser({
    onEvent({event = 'message', data, id = lastEventId}) {
      lastEventId = id
      found.events.push([event, data, id])
    },
    onRetry: (milliseconds) => found.retries.push(Math.min(milliseconds, Number.MAX_SAFE_INTEGER)),
    onComment: (text) => found.comments.push(text),
  })
  const decoder = new TextDecoder()
  for (const chunk of chunks) parser.feed(decoder.decode(chunk, {stream: true}))
  parser.feed(decoder.decode())
  return found
}

const input = readFileSync(0)
let at = 0
const readNumber = () => input.readUInt32LE((at += 4) - 4)
const readChunk = () => {
  const length = readNumber()
  return input.subarray(at, (at += length))
}
const lines = []
while (at < input.length) {
  const chunks = Array.from({length: readNumber()}, readChunk)
  lines.push(JSON.stringify(parse(chunks)))
}
process.stdout.write(lines.join('\n') + '\n')
