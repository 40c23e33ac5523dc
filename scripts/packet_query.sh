#!/bin/sh
# Prints the packets on an Elasticsearch node that match a query string. Needs only curl.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ "${1#-}" != "$1" ]; then
    echo "Usage: $0 NODE [QUERY]

NODE is host:port or http(s)://host:port. QUERY is an Elasticsearch query string, such as
  'protocol:http AND layers.http.response_code:[400 TO 599]'
Without QUERY, all packets match. ESPCAP_SIZE is the number of packets to print (default: 10). More options for curl,
such as
  user = \"elastic:PASSWORD\"
  cacert = \"ca.pem\"
are read from the file that ESPCAP_CURL_CONFIG names." >&2
    exit 2
fi
case $1 in
    *://*) node=${1%/} ;;
    *) node=http://$1 ;;
esac

# Prints a sed command that replaces a character by its JSON escape. usage: escape BYTES-IN-OCTAL NUMBER
escape() {
    printf "s/$1/\\\\\\\\u%04x/g\n" "$2"
}

# Copies JSON with characters that are not safe on a terminal as escapes: DEL, C1 control characters, and characters
# that separate lines or change the direction of text.
without_controls() {
    LC_ALL=C tr -d '\000-\011\013-\037' | LC_ALL=C sed "$(
        escape '\177' 127
        for code in $(seq 128 159); do escape "\\302\\$(printf %o "$code")" "$code"; done
        for code in $(seq 40 46); do escape "\\342\\200\\$(printf %o $((128 + code)))" $((8192 + code)); done
        for code in $(seq 38 41); do escape "\\342\\201\\$(printf %o $((128 + code)))" $((8256 + code)); done
    )"
}

if ! answer=$(curl --silent --show-error --max-time 60 --config "${ESPCAP_CURL_CONFIG:-/dev/null}" \
    --write-out '\n%{http_code}' --get --data-urlencode "q=${2:-*}" --data default_operator=AND --data lenient=true \
    --data "size=${ESPCAP_SIZE:-10}" --data sort=@timestamp:asc --data pretty=true "$node/packets-*/_search"); then
    echo "Error: the node could not be reached" >&2
    exit 1
fi
code=${answer##*
}
if [ "$code" != 200 ]; then
    printf 'Error: the node does not answer this query: %s\n' "$answer" | without_controls >&2
    exit 1
fi
printf '%s\n' "${answer%
*}" | without_controls
