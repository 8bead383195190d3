# What the tests of programs share: those of the command eventsource and of the examples. Each is a script: sh NAME.sh PROGRAM URL
# [MORE], with the program to test and a test-server's URL, and nothing beyond POSIX. A script of tests/boundary/tool says which
# of the program's commands it is about: command=tail.
#
# A check's name is the rule that must hold. What the program does is compared whole, as a transcript:
#
#     {"kind":"closed"}           stdout, as it is, but for what differs from run to run; see mask
#     exit 0                      the exit status
#     stderr: a line of stderr

set -u
export LC_ALL=C # bytes
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
program=$1
url=$2
command=
failures=0

scratch=${TMPDIR:-/tmp}/eventsource-test-$$
(umask 077 && mkdir "$scratch" && mkfifo "$scratch/pipe") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# What --json prints when test-server's /events, /echo and the like answer.
# shellcheck disable=SC2034
open='{"kind":"open","status":200,"headers":{"content-type":["text/event-stream"],"cache-control":["no-store"],"transfer-encoding":["chunked"],"connection":["close"]}}'

# run ARGUMENTS...: runs the program, for at most 10 seconds.
run() {
    # Its own process writes down its id, and becomes the program.
    sh -c 'echo $$ >"$0" && exec "$@"' "$scratch/running" "$program" $command "$@" </dev/null
    status=$?
    : >"$scratch/running"
    return "$status"
}

# Kills a run that takes too long, or that the script has not lived to see the end of. Ends with the script.
watch() {
    exec >/dev/null 2>&1 # here, lest the shell keep what they were: who reads the script's output waits for its end
    previous= seconds=0
    while sleep 1 && [ -d "$scratch" ]; do
        running=$(cat "$scratch/running")
        [ -n "$running" ] && [ "$running" = "$previous" ] || seconds=0
        previous=$running seconds=$((seconds + 1))
        kill -s 0 $$ || rm -rf "$scratch"
        [ -d "$scratch" ] && [ "$seconds" -le 10 ] || [ -z "$running" ] || kill -s KILL "$running"
    done
}
: >"$scratch/running"
watch &

# check RULE: begins a check, so that the rule is known even if the program never ends.
check() {
    printf '%s: ' "$1"
}

# verdict EXPECTED SEEN: ends it.
verdict() {
    if [ "$1" = "$2" ]; then
        echo ok
    else
        failures=$((failures + 1))
        printf 'FAILED\n---- expected:\n%s\n---- seen:\n%s\n----\n' "$1" "$2"
    fi
}

# The last line of each script.
conclude() {
    [ "$failures" -eq 0 ] || echo "$failures rules broken"
    exit $((failures > 0))
}

# What differs from run to run, under a constant name: the port, delays, the version. What is told of a connection and of a
# response that is an error is left out; both have a check of their own. And the headers that /echo tells are on a line each, to be readable.
mask() {
    sed -e "s|$url|URL|g" -e "s|${url#*://}|HOST|g" -e 's|libeventsource/[0-9.]*|libeventsource/VERSION|' \
        -e 's/"delay_ms":[1-9][0-9]*/"delay_ms":N/' -e 's/,"peer":".*,"head_us":[0-9]*}$/}/' \
        -e 's/\("kind":"error".*"delay_ms":[0-9N]*\),.*}$/\1}/' -e 's/],\[/],\
[/g'
}

# transcript OUTPUT, which ends with the line for the exit status
transcript() {
    printf '%s\n' "$1" | mask
    mask <"$scratch/stderr" | sed 's/^/stderr: /'
}

# expect RULE ARGUMENTS... <TRANSCRIPT: runs the program to its end.
expect() {
    check "$1"
    shift
    output=$(run "$@" 2>"$scratch/stderr"; echo "exit $?")
    verdict "$(cat)" "$(transcript "$output")"
}

# interrupt SIGNAL LINES ARGUMENTS...: sends the program a signal as soon as it has printed so many lines; prints stdout
# and exit status.
interrupt() {
    signal=$1 lines=$2
    shift 2
    run "$@" >"$scratch/pipe" 2>"$scratch/stderr" &
    {
        while [ "$lines" -gt 0 ] && IFS= read -r line; do
            printf '%s\n' "$line"
            lines=$((lines - 1))
        done
        kill -s "$signal" "$(cat "$scratch/running")"
        cat
    } <"$scratch/pipe"
    wait "$!"
    echo "exit $?"
}

# expect_interrupted RULE SIGNAL LINES ARGUMENTS... <TRANSCRIPT
expect_interrupted() {
    check "$1"
    shift
    output=$(interrupt "$@")
    verdict "$(cat)" "$(transcript "$output")"
}

# stream FORMAT: a URL that answers with the event stream that printf makes of FORMAT, and ends.
stream() {
    body=
    for byte in $(printf "$1" | od -An -v -tx1); do
        body=$body%$byte
    done
    printf '%s\n' "$url/status/200?header=Content-Type:text/event-stream&body=$body"
}
