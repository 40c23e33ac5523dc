#!/bin/sh
# Writes the index template for packets to an Elasticsearch node. Needs only curl.
set -eu

if [ $# -ne 1 ] || [ "${1#-}" != "$1" ]; then
    echo "Usage: $0 NODE

NODE is host:port or http(s)://host:port. More options for curl, one on each line, such as
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
    --write-out '\n%{http_code}' --request PUT --header 'Content-Type: application/json' \
    --data-binary "@$(dirname "$0")/packets_template.json" "$node/_index_template/packets"); then
    echo "Error: the node could not be reached" >&2
    exit 1
fi
case $answer in
    *'"acknowledged":true'*200) echo "The template for packets-* is on the node." ;;
    *)
        printf 'Error: the node rejected the template: %s\n' "$answer" | LC_ALL=C tr -cd '\012\040-\176' >&2
        exit 1
        ;;
esac
