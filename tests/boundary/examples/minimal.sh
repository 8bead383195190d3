# sh minimal.sh PROGRAM URL: a program that prints events ends with 0 when the stream ended as it should; else it says why and ends
# with 1.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$1" "$2/events?count=4&per_connection=2&retry=10&then=204"

# fails URL TEXT: it does, and says that.
fails() {
    status=0
    "$program" "$1" 2>"$scratch/said" || status=$?
    cat "$scratch/said"
    [ "$status" = 1 ] && grep -q "$2" "$scratch/said"
}
program=$1
fails http://127.0.0.1:1/ EVENTSOURCE_ERR_CONNECT:
fails "$2/status/401" 'EVENTSOURCE_ERR_HTTP_STATUS: the server answered 401'
fails nonsense EVENTSOURCE_ERR_URL
