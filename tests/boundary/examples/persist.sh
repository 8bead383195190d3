# sh persist.sh PERSIST URL: two runs see the events as one would.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for events in 3 4; do
    "$1" "$scratch/id" "$2" "$events"
done >"$scratch/events"
cat "$scratch/events"
for id in 1 2 3 4 5 6 7; do
    echo "$id: event $id"
done | cmp - "$scratch/events"

# Whatever id an event gave, the next run begins with it: one with a TAB, one that HTTP has no way to send, a long one.
long=$(printf '%05000d' 7)
for id in 'a%09b' 'a%01b' "$long"; do
    stream="${2%%/events*}/status/200?header=Content-Type:text/event-stream&body=id:%20$id%0Adata:%20x%0A%0A"
    for run in 1 2; do
        "$1" "$scratch/id" "$stream" 1 >"$scratch/events" || {
            echo "run $run with the id $id failed"
            exit 1
        }
    done
done
[ "$(cat "$scratch/id")" = "$long" ]
