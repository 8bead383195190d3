# eventsource tail --json: a line for each callback, as a JSON object.
. "$(dirname "$0")/../../support/check.sh"
command=tail

check 'an open stream tells of its connection'
seen=$(run --json --no-reconnect "$(stream 'data\n\n')" 2>/dev/null | sed -n -e 's/_us":[0-9][0-9]*/_us":N/g' -e 's/.*,"peer"/"peer"/p')
verdict "\"peer\":\"${url#*://}\",\"http_version\":\"1.1\",\"tls_version\":null,\"is_reused\":false,\"resolve_us\":null,\"connect_us\":N,\"tls_us\":null,\"head_us\":N}" "$seen"

expect 'all that happens is a line each, and the last one is closed' --json --no-reconnect \
    "$(stream ': hello\nid: 7\nevent: greeting\ndata: one\ndata: two\n\n')&header=X-Test:yes" <<'END'
{"kind":"open","status":200,"headers":{"content-type":["text/event-stream"],"x-test":["yes"],"content-length":["51"],"connection":["close"]}}
{"kind":"comment","comment":"hello"}
{"kind":"event","type":"greeting","data":"one\ntwo","id":"7"}
{"kind":"closed"}
exit 1
END

expect 'a lost stream is an error that will be retried; the next one continues after the last event id' --json --count 3 \
    "$url/events?count=3&per_connection=2&retry=10" <<END
$open
{"kind":"event","type":"message","data":"event 1","id":"1"}
{"kind":"event","type":"message","data":"event 2","id":"2"}
{"kind":"error","code":"EVENTSOURCE_ERR_END_OF_STREAM","status":0,"message":"the server ended the stream","will_retry":true,"delay_ms":N}
$open
{"kind":"event","type":"message","data":"event 3","id":"3"}
{"kind":"closed"}
exit 0
END

expect 'a quote and a backslash are escaped' --json --count 1 --no-reconnect \
    "$(stream 'event: "\\"\nid: \\"\ndata: "a\\b"\n\n')&header=X-Quoted:%22a%5Cb%22" <<'END'
{"kind":"open","status":200,"headers":{"content-type":["text/event-stream"],"x-quoted":["\"a\\b\""],"content-length":["31"],"connection":["close"]}}
{"kind":"event","type":"\"\\\"","data":"\"a\\b\"","id":"\\\""}
{"kind":"closed"}
exit 0
END

expect 'control characters and NUL are escaped' --json --count 1 "$(stream ':\001\t\037\ndata: a\000b\b\f\n\n')" <<'END'
{"kind":"open","status":200,"headers":{"content-type":["text/event-stream"],"content-length":["18"],"connection":["close"]}}
{"kind":"comment","comment":"\u0001\t\u001f"}
{"kind":"event","type":"message","data":"a\u0000b\b\f","id":""}
{"kind":"closed"}
exit 0
END

# é, €, an emoji of four bytes, DEL and U+2028, which JSON allows
utf8='\303\251\342\202\254\360\237\230\200\177\342\200\250'
expect 'other UTF-8 goes through as it is' --json --count 1 "$(stream "data: $utf8\n\n")" <<END
{"kind":"open","status":200,"headers":{"content-type":["text/event-stream"],"content-length":["21"],"connection":["close"]}}
{"kind":"event","type":"message","data":"$(printf "$utf8")","id":""}
{"kind":"closed"}
exit 0
END

expect 'the values of a repeated header stay apart, as those of Set-Cookie must' --json --count 1 \
    "$(stream 'data\n\n')&header=X-Two:a&header=X-Other:b&header=x-two:c" <<'END'
{"kind":"open","status":200,"headers":{"content-type":["text/event-stream"],"x-two":["a","c"],"x-other":["b"],"content-length":["6"],"connection":["close"]}}
{"kind":"event","type":"message","data":"","id":""}
{"kind":"closed"}
exit 0
END

expect '--count N prints N events, no more, and ends the program with 0' --json --count 2 \
    "$(stream 'data:1\n\ndata:2\n\ndata:3\n\n')" <<'END'
{"kind":"open","status":200,"headers":{"content-type":["text/event-stream"],"content-length":["24"],"connection":["close"]}}
{"kind":"event","type":"message","data":"1","id":""}
{"kind":"event","type":"message","data":"2","id":""}
{"kind":"closed"}
exit 0
END

expect 'a status that is no event stream ends the program with 1' --json "$url/status/404?body=gone" <<'END'
{"kind":"error","code":"EVENTSOURCE_ERR_HTTP_STATUS","status":404,"message":"the server answered 404","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END

check 'a response that is an error is told with its headers and its body'
seen=$(run --json "$url/status/404?body=gone&header=X-Test:yes" | sed -n 's/.*"delay_ms":0,//p')
verdict '"headers":{"x-test":["yes"],"content-length":["4"],"connection":["close"]},"body":"gone"}' "$seen"

expect '204 ends the program with 1, without an error' --json "$url/status/204" <<'END'
{"kind":"closed"}
exit 1
END

expect 'another content type ends the program with 1' --json "$url/type?value=text/html" <<'END'
{"kind":"error","code":"EVENTSOURCE_ERR_CONTENT_TYPE","status":200,"message":"the response's content type is \"text/html\", not text/event-stream","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END

expect 'a first attempt that fails ends the program with 1' --json "$url/status/503" <<'END'
{"kind":"error","code":"EVENTSOURCE_ERR_HTTP_STATUS","status":503,"message":"the server answered 503","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END

conclude
