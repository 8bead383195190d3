# How tail ends when it is told to: by a signal, or because nobody reads on.
. "$(dirname "$0")/../../support/check.sh"
command=tail

for signal in TERM INT; do
    expect_interrupted "SIG$signal ends an open stream: closed is printed last, and the exit status is 0" "$signal" 3 \
        --json "$url/events?count=2" <<END
$open
{"kind":"event","type":"message","data":"event 1","id":"1"}
{"kind":"event","type":"message","data":"event 2","id":"2"}
{"kind":"closed"}
exit 0
END

    expect_interrupted "SIG$signal ends the wait for the next attempt" "$signal" 1 \
        --json --retry-initial --delay 1000000 --max-delay 1000000 "$url/status/503" <<'END'
{"kind":"error","code":"EVENTSOURCE_ERR_HTTP_STATUS","status":503,"message":"the server answered 503","will_retry":true,"delay_ms":N}
{"kind":"closed"}
exit 0
END

    expect_interrupted "SIG$signal ends the output for people, too" "$signal" 1 "$url/events?count=1" <<'END'
message (id 1): event 1
exit 0
stderr: open: 200 from URL/events?count=1
stderr: closed
END
done

# head ends after the first line; the program notices when it writes on.
for mode in --json --no-reconnect; do
    check "a reader that goes away ends $mode quietly, with 0"
    output=$(
        {
            {
                run "$mode" "$url/events?count=1000000&interval_ms=1" 2>"$scratch/stderr"
                echo "exit $?" >&3
            } | head -n 1 >"$scratch/first"
        } 3>&1
        cat "$scratch/first"
        # For people, stderr has the state changes.
        grep -v -e '^open: ' -e '^closed$' "$scratch/stderr"
    )
    output=$(printf '%s\n' "$output" | mask)
    case $mode in
    --json) first=$open ;;
    *) first='message (id 1): event 1' ;;
    esac
    verdict "exit 0
$first" "$output"
done

if [ -w /dev/full ]; then
    check 'output that cannot be written is told, and the exit status is 1'
    run --json "$url/events" >/dev/full 2>"$scratch/stderr"
    verdict 'exit 1
eventsource: cannot write: No space left on device (os error 28)' "exit $?
$(cat "$scratch/stderr")"
fi

conclude
