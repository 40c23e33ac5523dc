#!/bin/sh
# Adds every protocol of the installed tshark to conf/protocols.list, and comments out the most general names. Names of
# other versions stay in the list. The highest protocol of a packet that has no '#' before it names the packet.
# usage: scripts/protocols.sh
set -eu
list=$(dirname "$0")/../conf/protocols.list

# Names that should not name a packet: pseudo-protocols of Wireshark, payload and its formats, parts of other protocols.
parts='
_ws\..*|frame|pkt_comment|communityid|ethertype|prp|vssmonitoring|null|raw|raw_.*
data|data-text-lines|data-l1-events|media|file-.*|fileexp|mime_dlt|pcap_pktdata|pcapng|pcapng\..*|pcaplog|btsnoop|elf
image-.*|png|bmp|tiff|mp4|mpeg|mpeg[-_1].*|xml|json|json[_.].*|riff|id3v2|cbor|msgpack|zip|urlencoded-form|mime_multipart|message-http
ber|per|oer|rfc7468|x509.*|pkix.*|pkcs.*|pkinit|cms|ess|crmf|ocsp|tsp|ns_cert_exts|logotypecertextn|wlancertextn|dtcp-ip
gss-api|spnego|spnego-krb5|ntlmssp
'
pattern=$(printf '%s' "$parts" | grep . | paste -sd'|')

names=$({ grep -v '^# ' "$list" | sed 's/^#//'; LC_ALL=C tshark -G protocols 2>/dev/null | cut -f3; } | LC_ALL=C sort -u)
{
    echo "# The protocols that can be the \"protocol\" of a document. A packet whose highest protocol starts with # here gets"
    echo "# the protocol below it."
    echo "# Made by scripts/protocols.sh with Wireshark 4.0, 4.4 and 4.6."
    printf '%s\n' "$names" | sed -E "s/^(${pattern})\$/#\\1/"
} >"$list"
