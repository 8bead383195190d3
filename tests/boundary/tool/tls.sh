# eventsource tail and https, against a server whose authority nobody trusts.
# sh tls.sh PROGRAM URL CA TLS12 HTTP2: CA is a file with the certificate of the servers' authority; TLS12 and HTTP2 are the
# URLs of servers that speak TLS 1.2 only, and that take HTTP/2 wherever it is offered and cannot speak it.
. "$(dirname "$0")/../../support/check.sh"
command=tail
ca=$3 tls12=$4 http2=$5

expect 'an authority that is not trusted is refused' --json "$url/events" <<'END'
{"kind":"error","code":"EVENTSOURCE_ERR_CERTIFICATE","status":0,"message":"the certificate of localhost is not trusted: no trusted authority vouches for it; eventsource_set_ca_file can trust its own","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END

expect '--cacert trusts it' --json --count 1 --cacert "$ca" "$url/events" <<END
$open
{"kind":"event","type":"message","data":"event 1","id":"1"}
{"kind":"closed"}
exit 0
END

expect '--insecure trusts anybody' --json --count 1 --insecure "$url/events" <<END
$open
{"kind":"event","type":"message","data":"event 1","id":"1"}
{"kind":"closed"}
exit 0
END

# The error tells the pin that would do.
pin=$(run --json --cacert "$ca" --pinnedpubkey "sha256//$(printf '%43s' '' | tr ' ' A)=" "$url/events" |
    sed -n 's/.*EVENTSOURCE_ERR_CERTIFICATE.* its public key, \(sha256[^,]*\), is not pinned.*/\1/p')

expect '--pinnedpubkey accepts a server with such a key' --json --count 1 --cacert "$ca" --pinnedpubkey "$pin" "$url/events" <<END
$open
{"kind":"event","type":"message","data":"event 1","id":"1"}
{"kind":"closed"}
exit 0
END

expect '--pinnedpubkey counts with --insecure, too' --insecure --pinnedpubkey "sha256//$(printf '%43s' '' | tr ' ' A)=" "$url/events" <<END
exit 1
stderr: error: the certificate of localhost is not trusted: its public key, $pin, is not pinned
stderr: closed
END

expect '--tlsv1.3 is spoken' --json --count 1 --cacert "$ca" --tlsv1.3 "$url/events" <<END
$open
{"kind":"event","type":"message","data":"event 1","id":"1"}
{"kind":"closed"}
exit 0
END

expect '--tlsv1.2 is spoken where the server speaks no later one' --json --count 1 --cacert "$ca" --tlsv1.2 "$tls12/events" <<END
$open
{"kind":"event","type":"message","data":"event 1","id":"1"}
{"kind":"closed"}
exit 0
END

check '--tlsv1.3 speaks no earlier one'
case $(run --json --cacert "$ca" --tlsv1.3 "$tls12/events"; echo "exit $?") in
*EVENTSOURCE_ERR_TLS*'exit 1') verdict '' '' ;;
*) verdict 'an error of TLS' 'another, or none' ;;
esac

check 'HTTP/2 is offered'
case $(run --json --cacert "$ca" "$http2/events"; echo "exit $?") in
*'"kind":"open"'*) verdict 'an error' 'an open stream' ;;
*'"kind":"error"'*'exit 1') verdict '' '' ;;
*) verdict 'an error' 'none' ;;
esac

expect '--http1.1 offers HTTP/1.1 alone' --json --count 1 --cacert "$ca" --http1.1 "$http2/events" <<END
$open
{"kind":"event","type":"message","data":"event 1","id":"1"}
{"kind":"closed"}
exit 0
END

conclude
