# eventsource tail refuses bad usage: exit status 2, nothing on stdout, and a message that says what is wrong.
. "$(dirname "$0")/../../support/check.sh"
command=tail

# refuses MESSAGE ARGUMENTS...; in MESSAGE a * stands for the library's own words, or the system's.
refuses() {
    message=$1
    shift
    check "$message"
    seen=$(run "$@" 2>"$scratch/stderr"; echo "exit $?"; head -n 1 "$scratch/stderr"; grep -q -e --help "$scratch/stderr" && echo help)
    expected="exit 2
error: $message
help"
    # shellcheck disable=SC2254
    case $seen in
    $expected) seen=$expected ;;
    esac
    verdict "$expected" "$seen"
}

refuses 'the following required arguments were not provided:'
refuses 'the following required arguments were not provided:' --json
refuses 'the following required arguments were not provided:' --
refuses "unexpected argument 'b' found" "$url" b
refuses "unexpected argument '--json' found" -- a --json
refuses 'URL: the URL is empty' ''
refuses 'URL: the URL has no scheme; did you mean http://-?' -
refuses 'URL: the URL has no scheme; did you mean http://events?' events
refuses 'URL: the URL'"'"'s scheme is "ftp", not http or https' ftp://localhost/
refuses 'URL: invalid URL: empty host' http://
refuses 'URL: the URL'"'"'s port is "65536", not a number from 1 to 65535' http://localhost:65536
refuses 'invalid UTF-8 was detected in one or more arguments' "$(printf 'http://a/\377')"

refuses "unexpected argument '--what' found" --what "$url"
refuses "unexpected argument '--what' found" --what=1 "$url"
refuses "unexpected argument '--coun' found" --coun 1 "$url"
refuses "unexpected argument '--counts' found" --counts 1 "$url"
refuses "unexpected argument '-x' found" -x "$url"
refuses "unexpected argument '-x' found" -xyz "$url"
refuses "unexpected argument '-j' found" -json "$url"
refuses "unexpected value 'yes' for '--json' found; no more were expected" --json=yes "$url"
refuses "unexpected value '' for '--no-reconnect' found; no more were expected" --no-reconnect= "$url"

refuses "a value is required for '--header <NAME: VALUE>' but none was supplied" "$url" -H
refuses "a value is required for '--request <METHOD>' but none was supplied" "$url" -X
refuses "a value is required for '--data <BODY>' but none was supplied" "$url" -d
refuses "a value is required for '--user <USER:PASSWORD>' but none was supplied" "$url" -u
refuses "a value is required for '--last-event-id <ID>' but none was supplied" "$url" --last-event-id
refuses "a value is required for '--connect-timeout <SECONDS>' but none was supplied" "$url" --connect-timeout
refuses "a value is required for '--response-timeout <SECONDS>' but none was supplied" "$url" --response-timeout
refuses "a value is required for '--read-timeout <SECONDS>' but none was supplied" "$url" --read-timeout
refuses "a value is required for '--delay <MS>' but none was supplied" "$url" --delay
refuses "a value is required for '--max-delay <MS>' but none was supplied" "$url" --max-delay
refuses "a value is required for '--max-redirects <N>' but none was supplied" "$url" --max-redirects
refuses "a value is required for '--max-event-size <BYTES>' but none was supplied" "$url" --max-event-size
refuses "a value is required for '--proxy <URL>' but none was supplied" "$url" --proxy
refuses "a value is required for '--noproxy <HOSTS>' but none was supplied" "$url" --noproxy
refuses "a value is required for '--unix-socket <PATH>' but none was supplied" "$url" --unix-socket
refuses "a value is required for '--resolve <HOST:PORT:ADDRESS>' but none was supplied" "$url" --resolve
refuses "a value is required for '--cacert <FILE>' but none was supplied" "$url" --cacert
refuses "a value is required for '--cert <FILE>' but none was supplied" "$url" --cert
refuses "a value is required for '--key <FILE>' but none was supplied" "$url" --key
refuses "a value is required for '--pinnedpubkey <PINS>' but none was supplied" "$url" --pinnedpubkey
refuses "a value is required for '--count <N>' but none was supplied" "$url" --count

for value in '' x 1x '1 ' ' 1' +1 -1 0x10 1.5 1e3 0 9223372036854775808 99999999999999999999; do
    refuses "invalid value '$value' for '--count <N>': a whole number from 1 to 9223372036854775807 is expected" --count "$value" "$url"
done
for option in --delay --max-delay --max-event-size; do
    refuses "invalid value '0' for '$option <*': a whole number from 1 to * is expected" "$option" 0 "$url"
    refuses "invalid value '5x' for '$option <*': a whole number from 1 to * is expected" "$option=5x" "$url"
    refuses "invalid value '9223372036854775808' for '$option <*': a whole number from 1 to * is expected" "$option=9223372036854775808" "$url"
done
for value in -1 1x 2147483648; do
    refuses "invalid value '$value' for '--max-redirects <N>': a whole number from 0 to 2147483647 is expected" --max-redirects "$value" "$url"
done
for option in --connect-timeout --response-timeout --read-timeout; do
    for value in '' . x 1s '1 ' ' 1' -1 +1 1e3 0x1 1.2.3 1,5 inf nan 1000000000001 99999999999999999999; do
        refuses "invalid value '$value' for '$option <SECONDS>': seconds are expected, such as 2 or 0.5" "$option" "$value" "$url"
    done
done

refuses '-H: NAME: VALUE is expected, but there is no colon' -H Name "$url"
refuses '-H: *' -H ': value' "$url"
refuses '-H: *' -H 'A name: value' "$url"
refuses '-H: *' -H 'Name : value' "$url"
refuses '-H: *' -H "$(printf 'Name: a\r\nOther: b')" "$url"
refuses '-H: *' -H "$(printf 'Name: a\001')" "$url"
refuses 'invalid UTF-8 was detected in one or more arguments' -H "$(printf 'Name: \377')" "$url"
refuses '-H: *' -H 'Name: fine' -H 'Connection: close' "$url"
refuses '-X: *' -X '' "$url"
refuses '-X: *' -X 'GET IT' "$url"
refuses '-X: *' -X CONNECT "$url"
refuses '-u: USER:PASSWORD is expected, but there is no colon' -u user "$url"
refuses '-u: *' -u "$(printf 'user:\001')" "$url"
refuses '--last-event-id: *' --last-event-id "$(printf 'a\nb')" "$url"
refuses 'invalid UTF-8 was detected in one or more arguments' --last-event-id "$(printf '\377')" "$url"

refuses "--cacert: cannot read $scratch/none: *" --cacert "$scratch/none" "$url"
refuses '--proxy: *' --proxy ftp://proxy "$url"
refuses '--proxy: *' --proxy 'http://proxy:port' "$url"
refuses 'invalid UTF-8 was detected in one or more arguments' --noproxy "$(printf '\377')" "$url"
refuses '--unix-socket: *' --unix-socket "$(printf '%0200d' 0)" "$url"
refuses '--resolve: *' --resolve localhost:80 "$url"
refuses '--resolve: *' --resolve localhost:80:127.0.0.1 --resolve localhost:80:name "$url"

refuses "--cacert: cannot read $scratch: *" --cacert "$scratch" "$url"
: >"$scratch/empty"
refuses "--cacert: $scratch/empty: it holds no certificate in PEM form" --cacert "$scratch/empty" "$url"
refuses "--cacert: $0: it holds no certificate in PEM form" --cacert "$0" "$url"
refuses "--cert: cannot read $scratch/none: *" --cert "$scratch/none" "$url"
refuses "--cert: cannot read $scratch: *" --cert "$scratch" "$url"
refuses "--cert: $scratch/empty: the PEM text holds no private key" --cert "$scratch/empty" "$url"
refuses "--cert: $0: the PEM text holds no private key" --cert "$0" "$url"
refuses "--cert: cannot read $scratch/none: *" --cert "$0" --key "$scratch/none" "$url"
refuses '--key: it is of no use without --cert' --key "$0" "$url"
refuses '--pinnedpubkey: a pinned key is sha256//*' --pinnedpubkey 'sha256//AAAA' "$url"

# A file whose values are secrets: they are not quoted.
printf 'secret' >"$scratch/header"
refuses '-H: NAME: VALUE is expected, but there is no colon' -H "@$scratch/header" "$url"
printf 'X-Key: a\nX-Key: b\n' >"$scratch/header"
refuses '-H: a file may have X-Key once: it is a secret' -H "@$scratch/header" "$url"
for option in -H -d -u; do
    refuses "$option: cannot read $scratch/none: *" "$option" "@$scratch/none" "$url"
done
refuses "--state: cannot read $scratch: *" --state "$scratch" "$url"
refuses "--cookies: cannot read $scratch: *" --cookies "$scratch" "$url"
printf 'secret=token' >"$scratch/jar"
refuses "--cookies: $scratch/jar: line 1 of the cookies: it does not have seven fields with TABs between them" \
    --cookies "$scratch/jar" "$url"
refuses "the argument '--once' cannot be used with '--count <N>'" --once --count 1 "$url"
refuses "the argument '--data-only' cannot be used with '--json'" --data-only --json "$url"
refuses "the argument '--state <FILE>' cannot be used with '--last-event-id <ID>'" --state x --last-event-id 1 "$url"

conclude
