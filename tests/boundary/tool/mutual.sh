# eventsource tail and https, against a server that wants certificates from its clients and speaks TLS 1.2.
# sh mutual.sh PROGRAM URL CA CERT KEY, where CA is a file with the certificate of the server's authority.
. "$(dirname "$0")/../../support/check.sh"
command=tail
ca=$3 cert=$4 key=$5

expect '--cert and --key show a certificate' --json --count 1 --cacert "$ca" --cert "$cert" --key "$key" "$url/events" <<END
$open
{"kind":"event","type":"message","data":"event 1","id":"1"}
{"kind":"closed"}
exit 0
END

cat "$cert" "$key" >"$scratch/both"
expect 'one file may hold both' --json --count 1 --cacert "$ca" --cert "$scratch/both" --tlsv1.2 "$url/events" <<END
$open
{"kind":"event","type":"message","data":"event 1","id":"1"}
{"kind":"closed"}
exit 0
END

expect 'without, the server refuses' --json --cacert "$ca" "$url/events" <<'END'
{"kind":"error","code":"EVENTSOURCE_ERR_TLS","status":0,"message":"the TLS handshake with localhost failed: the server refused: alert certificate_required: it wants a client certificate","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END

expect '--tlsv1.3 refuses the version' --json --cacert "$ca" --cert "$cert" --key "$key" --tlsv1.3 "$url/events" <<'END'
{"kind":"error","code":"EVENTSOURCE_ERR_TLS","status":0,"message":"the TLS handshake with localhost failed: the server refused: alert protocol_version: it speaks no version of TLS that is allowed","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1
END

conclude
