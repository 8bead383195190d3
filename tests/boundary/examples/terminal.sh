# sh terminal.sh FOLDER URL: whatever a server sends, none of the programs in FOLDER prints a control character but line ends
# and tabs: ESC and the C1 characters steer a terminal.
. "$(dirname "$0")/../../support/check.sh"
programs=$program
raw='\033[2J\302\233 \177\b'

# prints_nothing_raw NAME ARGUMENTS...: runs it until its output says "over", or it ends; all else must be harmless.
prints_nothing_raw() {
    name=$1
    shift
    [ -x "$programs/$name" ] || return 0
    check "$name prints nothing raw"
    : >"$scratch/raw" # before the program is there: what the last one printed is not waited for
    "$programs/$name" "$@" </dev/null >"$scratch/raw" 2>&1 &
    running=$!
    echo "$running" >"$scratch/running" # so that it ends with this script, whatever ends that
    until grep -q over "$scratch/raw" || ! kill -0 "$running" 2>/dev/null; do sleep 0.05; done
    kill "$running" 2>/dev/null
    wait "$running" 2>/dev/null
    : >"$scratch/running"
    # Of what was sent, the rest is ASCII.
    harmful=$(tr -d '\n\t\40-\176' <"$scratch/raw" | od -An -tx1)
    verdict over "$harmful$(grep -o over "$scratch/raw" | head -n 1)"
}

events=$(stream ":${raw}\nid: ${raw}\nevent: ${raw}\ndata: ${raw}over\n\n")
for name in minimal event_loop glib_loop tail; do prints_nothing_raw "$name" "$events"; done
prints_nothing_raw reconnect "$events"
prints_nothing_raw token 'echo token' "$events"
prints_nothing_raw persist "$scratch/id" "$events"
answer=$(stream "data: {\"choices\":[{\"delta\":{\"content\":\"${raw}\\\\u009b\\\\u001bover\"}}]}\n\n")
prints_nothing_raw chat "$answer&x=" prompt

body=%1B%C2%9B%7Fover
for name in tail chat; do
    refused="$url/status/404?body=$body&x="
    [ "$name" = chat ] && set -- prompt || set --
    prints_nothing_raw "$name" "$refused" "$@"
done

conclude
