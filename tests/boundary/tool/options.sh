# eventsource tail's options do what they say.
# sh options.sh PROGRAM URL SILENT, where SILENT is the host and port of a server that never says a word.
. "$(dirname "$0")/../../support/check.sh"
command=tail
silent=$3

# ---- The request, as /echo tells it ----

expect 'without options the request is a plain GET' --count 1 "$url/echo?a=b" <<'END'
message: {"method":"GET","target":"/echo?a=b","headers":[["host","HOST"],
["accept","text/event-stream"],
["cache-control","no-cache"],
["user-agent","libeventsource/VERSION"]],"body":""}
exit 0
stderr: open: 200 from URL/echo?a=b
stderr: closed
END

expect '-H adds headers, repeated ones too, and replaces the default ones' --count 1 \
    -H 'X-One: a' -H 'X-Two:b:c' -H 'x-one: 	 d' -H 'User-Agent: me' -H 'X-Empty:' "$url/echo" <<'END'
message: {"method":"GET","target":"/echo","headers":[["host","HOST"],
["accept","text/event-stream"],
["cache-control","no-cache"],
["user-agent","me"],
["x-one","a"],
["x-one","d"],
["x-two","b:c"],
["x-empty",""]],"body":""}
exit 0
stderr: open: 200 from URL/echo
stderr: closed
END

expect '-d sends a body, by POST' --count 1 -d 'a "body"' "$url/echo" <<'END'
message: {"method":"POST","target":"/echo","headers":[["host","HOST"],
["accept","text/event-stream"],
["cache-control","no-cache"],
["user-agent","libeventsource/VERSION"],
["content-length","8"]],"body":"a \"body\""}
exit 0
stderr: open: 200 from URL/echo
stderr: closed
END

expect '-X sets the method, also where there is a body, and in any order' --count 1 -X PUT -d body "$url/echo" <<'END'
message: {"method":"PUT","target":"/echo","headers":[["host","HOST"],
["accept","text/event-stream"],
["cache-control","no-cache"],
["user-agent","libeventsource/VERSION"],
["content-length","4"]],"body":"body"}
exit 0
stderr: open: 200 from URL/echo
stderr: closed
END

# user:pass:word
expect '-u sends basic authentication; a password may hold colons' --count 1 -u user:pass:word "$url/echo" <<'END'
message: {"method":"GET","target":"/echo","headers":[["host","HOST"],
["accept","text/event-stream"],
["cache-control","no-cache"],
["user-agent","libeventsource/VERSION"],
["authorization","Basic dXNlcjpwYXNzOndvcmQ="]],"body":""}
exit 0
stderr: open: 200 from URL/echo
stderr: closed
END

expect '--last-event-id is sent; values may follow = or a short option at once; options may follow the URL' \
    "$url/echo" --count=1 --last-event-id=a=b -XOPTIONS '-HX-One: a' <<'END'
message (id a=b): {"method":"OPTIONS","target":"/echo","headers":[["host","HOST"],
["accept","text/event-stream"],
["cache-control","no-cache"],
["user-agent","libeventsource/VERSION"],
["x-one","a"],
["last-event-id","a=b"]],"body":""}
exit 0
stderr: open: 200 from URL/echo
stderr: closed
END

expect '--compressed asks for a compressed stream' --count 1 --compressed "$url/echo" <<'END'
message: {"method":"GET","target":"/echo","headers":[["host","HOST"],
["accept","text/event-stream"],
["cache-control","no-cache"],
["user-agent","libeventsource/VERSION"],
["accept-encoding","gzip, deflate, br, zstd"]],"body":""}
exit 0
stderr: open: 200 from URL/echo
stderr: closed
END

for coding in gzip deflate br zstd; do
    expect "a stream in $coding is decoded, asked for or not" --count 3 "$url/events?coding=$coding" <<END
message (id 1): event 1
message (id 2): event 2
message (id 3): event 3
exit 0
stderr: open: 200 from URL/events?coding=$coding
stderr: closed
END
done

expect 'after -- there are no more options' --count 1 -- "$url/events" <<'END'
message (id 1): event 1
exit 0
stderr: open: 200 from URL/events
stderr: closed
END

# ---- Reconnecting ----

expect 'with --no-reconnect a lost stream is final' --json --no-reconnect "$url/events?per_connection=1&cut=abort" <<END
$open
{"kind":"event","type":"message","data":"event 1","id":"1"}
{"kind":"error","code":"EVENTSOURCE_ERR_DISCONNECTED","status":0,"message":"the connection ended before the response was complete","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END

expect 'with --no-reconnect the end of the stream is the end' --json --no-reconnect "$url/events?per_connection=1" <<END
$open
{"kind":"event","type":"message","data":"event 1","id":"1"}
{"kind":"closed"}
exit 1
END

expect 'a request that is no GET is made once' -d body "$url/events?count=2&per_connection=1&then=204" <<END
message (id 1): event 1
exit 1
stderr: open: 200 from URL/events?count=2&per_connection=1&then=204
stderr: closed
END

expect 'unless --reconnect says otherwise' --count 2 -d body --reconnect --delay 1 "$url/events?per_connection=1" <<END
message (id 1): event 1
message (id 2): event 2
exit 0
stderr: open: 200 from URL/events?per_connection=1
stderr: error: the server ended the stream; next attempt in 0.0 s
stderr: open: 200 from URL/events?per_connection=1
stderr: closed
END

expect_interrupted 'with --retry-initial a first attempt that fails is retried' TERM 2 \
    --json --retry-initial --delay 10 "$url/status/503" <<'END'
{"kind":"error","code":"EVENTSOURCE_ERR_HTTP_STATUS","status":503,"message":"the server answered 503","will_retry":true,"delay_ms":N}
{"kind":"error","code":"EVENTSOURCE_ERR_HTTP_STATUS","status":503,"message":"the server answered 503","will_retry":true,"delay_ms":N}
{"kind":"closed"}
exit 0
END

# delay RULE LOW HIGH ARGUMENTS...: the delay after a first failure; jitter adds up to a half, so that of three delays not all
# are the same.
delay() {
    check "$1"
    low=$2 high=$3 first= seen='all the same'
    shift 3
    for _ in 1 2 3; do
        output=$(interrupt TERM 1 --json --retry-initial "$@" "$url/status/503")
        delay=${output#*'"delay_ms":'}
        delay=${delay%%[!0-9]*}
        if ! [ "$delay" -ge "$low" ] || ! [ "$delay" -le "$high" ]; then
            seen=$output
            break
        fi
        [ "$delay" = "${first:=$delay}" ] || seen="from $low to $high ms"
    done
    verdict "from $low to $high ms" "$seen"
}
delay 'the first delay is a second by default' 1000 1500
delay '--delay sets the first delay' 30000 45000 --delay 30000
delay '--max-delay limits it, jitter included' 13000 20000 --delay 30000 --max-delay 20000

# ---- Limits ----

two_redirects="$url/redirect?to=/redirect%3Fto=/events"
expect '--max-redirects N follows N redirects' --max-redirects 2 --count 1 "$two_redirects" <<'END'
message (id 1): event 1
exit 0
stderr: open: 200 from URL/events
stderr: closed
END
expect '--max-redirects N follows no more than N redirects' --json --max-redirects 1 "$two_redirects" <<'END'
{"kind":"error","code":"EVENTSOURCE_ERR_TOO_MANY_REDIRECTS","status":302,"message":"more redirects than the limit of 1","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END
expect '--max-redirects 0 follows none' --json --max-redirects 0 "$url/redirect?to=/events" <<'END'
{"kind":"error","code":"EVENTSOURCE_ERR_TOO_MANY_REDIRECTS","status":302,"message":"more redirects than the limit of 0","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END

expect 'an event within --max-event-size arrives' --json --max-event-size 100 --count 1 "$url/big?bytes=50" <<END
$open
{"kind":"event","type":"message","data":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","id":""}
{"kind":"closed"}
exit 0
END
expect 'an event over --max-event-size is an error' --json --max-event-size 100 --no-reconnect "$url/big?bytes=150" <<END
$open
{"kind":"error","code":"EVENTSOURCE_ERR_EVENT_TOO_LARGE","status":0,"message":"an event is larger than the limit of 100 bytes","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END

expect '--read-timeout ends a stream that has gone silent' --json --read-timeout 0.5 --no-reconnect "$url/hang-body" <<END
$open
{"kind":"event","type":"message","data":"before the silence","id":""}
{"kind":"error","code":"EVENTSOURCE_ERR_READ_TIMEOUT","status":0,"message":"no byte within 500 ms","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END
expect '--read-timeout ends the wait for an answer' --json --read-timeout .05 "$url/hang" <<'END'
{"kind":"error","code":"EVENTSOURCE_ERR_READ_TIMEOUT","status":0,"message":"no response from URL within 50 ms","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END
expect '--response-timeout ends it, too' --json --response-timeout .05 "$url/hang" <<'END'
{"kind":"error","code":"EVENTSOURCE_ERR_RESPONSE_TIMEOUT","status":0,"message":"no response from URL within 50 ms","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END
begun=$(date +%s)
expect '--connect-timeout ends the wait for a connection' --json --connect-timeout=0.05 "https://$silent" <<END
{"kind":"error","code":"EVENTSOURCE_ERR_CONNECT_TIMEOUT","status":0,"message":"no connection to https://$silent within 50 ms","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END
check 'and does so before the default would'
verdict 'within 5 s' "$([ "$(($(date +%s) - begun))" -le 5 ] && echo 'within 5 s')"
expect 'a timeout that is too small for milliseconds is not taken for none' --json --read-timeout 0.0001 "$url/hang" <<'END'
{"kind":"error","code":"EVENTSOURCE_ERR_READ_TIMEOUT","status":0,"message":"no response from URL within 1 ms","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END

check '--http2-prior-knowledge speaks HTTP/2, which this server does not'
# What it notices first of that differs.
case $(run --http2-prior-knowledge --no-reconnect "$url/events" 2>&1; echo "exit $?") in
*'perhaps the server does not speak HTTP/2'*'exit 1') verdict '' '' ;;
*) verdict 'an error that says so' 'another' ;;
esac

# ---- Help ----

check '--help names every option and ends with 0'
help=$(run --help 2>&1; echo "exit $?")
missing=
for option in -H -X -d -u --last-event-id --compressed --connect-timeout --response-timeout --read-timeout --delay --max-delay --reconnect --no-reconnect \
    --retry-initial --max-redirects --max-event-size --proxy --noproxy --unix-socket --resolve --cacert --cert --key \
    --pinnedpubkey --tlsv1.2 --tlsv1.3 --insecure --http1.1 --http2-prior-knowledge --count --json --help \
    --state --cookies --once --type --data-only --exec --stats --verbose --trace; do
    case $help in
    *'Usage: eventsource tail [OPTIONS] <URL>'*" $option"[\ .,'
']*'exit 0') ;;
    *) missing="$missing $option" ;;
    esac
done
verdict '' "$missing"

conclude
