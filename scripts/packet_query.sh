#!/bin/sh
# Prints the packets on an Elasticsearch node that match a query string; needs curl alone.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ "${1#-}" != "$1" ]; then
    echo "Usage: $0 NODE [QUERY]

NODE is host:port or http(s)://host:port. QUERY is an Elasticsearch query string, such as
  'protocol:http AND layers.http.response_code:[400 TO 599]'
without one, all packets match. ESPCAP_SIZE is the number of packets to print (10). More options for curl, such as
  user = \"elastic:PASSWORD\"
  cacert = \"ca.pem\"
are read from the file that ESPCAP_CURL_CONFIG names." >&2
    exit 2
fi
case $1 in
    *://*) node=${1%/} ;;
    *) node=http://$1 ;;
esac

if ! answer=$(curl --silent --show-error --max-time 60 --config "${ESPCAP_CURL_CONFIG:-/dev/null}" \
    --write-out '\n%{http_code}' --get --data-urlencode "q=${2:-*}" --data default_operator=AND --data lenient=true \
    --data "size=${ESPCAP_SIZE:-10}" --data sort=@timestamp:asc --data pretty=true "$node/packets-*/_search"); then
    echo "Error: the node could not be reached" >&2
    exit 1
fi
code=${answer##*
}
if [ "$code" != 200 ]; then
    printf 'Error: the node does not answer this query: %s\n' "$answer" >&2
    exit 1
fi
printf '%s\n' "${answer%
*}"
