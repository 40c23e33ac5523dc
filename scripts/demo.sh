#!/bin/sh
# Indexes the sample captures into a temporary local index and searches it.
# usage: scripts/demo.sh ESPCAP
set -eu
espcap=$1
index=$(mktemp -d)
trap 'rm -rf "$index"' EXIT

say() { printf '\n%s\n' "$1"; }

say 'Index every capture of test_pcaps/ into a local index:'
echo "\$ espcap --dir test_pcaps --node local:DIR"
"$espcap" --dir test_pcaps --node "local:$index"

say 'Count the packets of each protocol:'
echo "\$ espcap search --agg protocol --node local:DIR"
"$espcap" search --agg protocol --size 30 --node "local:$index"

say 'Find the web server'"'"'s errors:'
echo "\$ espcap search 'layers.http.response_code:[400 TO 599]' --node local:DIR"
"$espcap" search 'layers.http.response_code:[400 TO 599]' --node "local:$index"
