# eventsource tail without --json: events on stdout for people, the rest on stderr.
. "$(dirname "$0")/../../support/check.sh"
command=tail

expect 'events are on stdout with type and id, all else on stderr' --count 3 --delay 10 \
    "$url/events?count=3&per_connection=2&retry=10&comment=hello" <<'END'
message (id 1): event 1
message (id 2): event 2
message (id 3): event 3
exit 0
stderr: open: 200 from URL/events?count=3&per_connection=2&retry=10&comment=hello
stderr: comment: hello
stderr: error: the server ended the stream; next attempt in 0.0 s
stderr: open: 200 from URL/events?count=3&per_connection=2&retry=10&comment=hello
stderr: comment: hello
stderr: closed
END

events=$(stream 'event: greeting\ndata: one\ndata: two\n\n')
expect 'an event without an id has none; further lines of data are indented' --count 1 "$events" <<END
greeting: one
    two
exit 0
stderr: open: 200 from $(printf '%s\n' "$events" | mask)
stderr: closed
END

events=$(stream ':\033[2J\nevent: \033c\nid: \177\ndata: "\\\tq"\000\007\302\205\302\240\303\251\n\n')
expect 'control characters cannot reach the terminal, C1 neither; other UTF-8 and tabs do' --count 1 "$events" <<END
\\u001bc (id \\u007f): "\\$(printf '\t')q"\\u0000\\u0007\\u0085$(printf '\302\240\303\251')
exit 0
stderr: open: 200 from $(printf '%s\n' "$events" | mask)
stderr: comment: \\u001b[2J
stderr: closed
END

expect "an error shows the first line of the answer's body" "$url/status/503?body=not%20now%0Abut%20soon" <<'END'
exit 1
stderr: error: the server answered 503
stderr:     not now
stderr: closed
END

expect 'a 204 is told as the end that the server wants' "$url/status/204" <<'END'
exit 1
stderr: closed by the server
END

conclude
