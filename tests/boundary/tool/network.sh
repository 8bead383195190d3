# eventsource tail's way to the server: proxies, from options and from the environment, Unix sockets, names.
# sh network.sh PROGRAM URL UNIX; the server is its own HTTP proxy, to which a request comes in absolute form; UNIX is the path
# of a Unix socket that leads to it, too.
. "$(dirname "$0")/../../support/check.sh"
command=tail
port=${url##*:} unix=$3

# expect_proxied RULE ARGUMENTS...; expect_direct RULE ARGUMENTS...: how the request to the server comes.
expect_proxied() {
    expect_target "$1" "$url/echo" "$@"
}
expect_direct() {
    expect_target "$1" /echo "$@"
}
expect_target() {
    rule=$1 target=$2
    shift 3
    check "$rule"
    seen=$(run --count 1 "$@" "$url/echo" 2>&1)
    case $seen in
    *'"target":"'"$target"'"'*) seen=$target ;;
    esac
    verdict "$target" "$seen"
}

expect_direct 'without a proxy the request is direct'
expect_proxied '--proxy is used' --proxy "$url"
expect_direct '--noproxy excepts hosts' --proxy "$url" --noproxy localhost,127.0.0.1
expect_proxied '--noproxy excepts no others' --proxy "$url" --noproxy localhost

export http_proxy="$url"
expect_proxied 'the environment names a proxy'
expect_direct "--proxy '' switches it off" --proxy ''
expect_direct '--noproxy holds for it, too' --noproxy '*'
export no_proxy=127.0.0.0/8
expect_direct 'the environment excepts hosts'
expect_direct 'also from --proxy' --proxy "$url"
expect_proxied "--noproxy '' excepts none" --noproxy ''
unset http_proxy no_proxy

export HTTP_PROXY="$url"
expect_proxied 'the environment may be in upper case'
export REQUEST_METHOD=GET
expect_direct 'but not for a CGI program, where HTTP_PROXY may be a header'
unset REQUEST_METHOD
export http_proxy=
expect_proxied 'an empty variable is none'
export http_proxy=ftp://us:secret@proxy
expect 'a bad URL in the environment is an error and not quoted' --json "$url/echo" <<'END'
{"kind":"error","code":"EVENTSOURCE_ERR_PROXY","status":0,"message":"environment variable http_proxy: the proxy's URL: its scheme is not http, https, socks5 or socks5h","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END
unset http_proxy HTTP_PROXY

# us er:p@ss
expect "a proxy's user and password are decoded, and sent to it" --count 1 \
    --proxy "http://us%20er:p%40ss@${url#*://}" http://sse.example/echo <<'END'
message: {"method":"GET","target":"http://sse.example/echo","headers":[["proxy-authorization","Basic dXMgZXI6cEBzcw=="],
["host","sse.example"],
["accept","text/event-stream"],
["cache-control","no-cache"],
["user-agent","libeventsource/VERSION"]],"body":""}
exit 0
stderr: open: 200 from http://sse.example/echo
stderr: closed
END

expect '--resolve says where hosts are, which keep their names' --count 1 --resolve "other.example:$port:::1" \
    --resolve "sse.example:$port:127.0.0.1" "http://sse.example:$port/echo" <<END
message: {"method":"GET","target":"/echo","headers":[["host","sse.example:$port"],
["accept","text/event-stream"],
["cache-control","no-cache"],
["user-agent","libeventsource/VERSION"]],"body":""}
exit 0
stderr: open: 200 from http://sse.example:$port/echo
stderr: closed
END

expect '--unix-socket is where tail connects to, whatever the URL says' --count 1 --unix-socket "$unix" \
    http://sse.invalid:1/echo <<END
message: {"method":"GET","target":"/echo","headers":[["host","sse.invalid:1"],
["accept","text/event-stream"],
["cache-control","no-cache"],
["user-agent","libeventsource/VERSION"]],"body":""}
exit 0
stderr: open: 200 from http://sse.invalid:1/echo
stderr: closed
END

# The system's words for it follow.
check '--unix-socket leads nowhere else if there is none'
seen=$(run --json --unix-socket "$scratch/none" "$url/echo")
case $seen in
*"EVENTSOURCE_ERR_CONNECT\""*"cannot connect to $scratch/none: "*) seen=$scratch/none ;;
esac
verdict "$scratch/none" "$seen"

conclude
