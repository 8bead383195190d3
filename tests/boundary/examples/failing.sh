# sh failing.sh FOLDER URL: each of the programs in FOLDER whose stream fails says why, and ends with 1.
. "$(dirname "$0")/../../support/check.sh"
programs=$program

# fails TEXT NAME ARGUMENTS...: it does, and says that.
fails() {
    text=$1
    name=$2
    shift 2
    [ -x "$programs/$name" ] || return 0
    check "$name fails, and says $text"
    status=0
    "$programs/$name" "$@" </dev/null >"$scratch/said" 2>&1 || status=$?
    verdict "1 $text" "$status $(grep -q "$text" "$scratch/said" && echo "$text" || cat "$scratch/said")"
}

# Nothing listens at port 1. What is tried until it works is refused for good by 401 alone.
for case in "refused http://127.0.0.1:1/" "401 $url/status/401?x="; do
    text=${case%% *}
    stream=${case#* }
    for name in minimal event_loop glib_loop log reconnect tail pull asio_loop qt_loop; do fails "$text" "$name" "$stream"; done
    fails "$text" token 'echo token' "$stream"
    fails "$text" persist "$scratch/id" "$stream"
    fails "$text" chat "$stream" prompt
done
fails 'streams failed' many 3 "$url/status/401"

conclude
