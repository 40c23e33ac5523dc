#!/bin/sh
# Writes conf/protocols.list anew: every protocol of the installed tshark, the most general names commented out.
# A packet is called by the highest of its protocols that has no '#' before it.
# usage: scripts/protocols.sh > conf/protocols.list
set -eu

# No protocols of their own: what Wireshark adds, payload and its formats, and parts of other protocols.
parts='
_ws\..*|frame|pkt_comment|communityid|ethertype|prp|vssmonitoring|null|raw|raw_.*
data|data-text-lines|data-l1-events|media|file-.*|fileexp|mime_dlt|pcap_pktdata|pcapng|btsnoop|elf
image-.*|png|bmp|tiff|mp4|mpeg|mpeg[-_1].*|xml|json|json_.*|cbor|msgpack|zip|urlencoded-form|mime_multipart|message-http
ber|per|oer|rfc7468|x509.*|pkix.*|pkcs.*|pkinit|cms|ess|crmf|ocsp|tsp|ns_cert_exts|logotypecertextn|wlancertextn|dtcp-ip
gss-api|spnego|spnego-krb5|ntlmssp
'
pattern=$(printf '%s' "$parts" | grep . | paste -sd'|')

echo "# The protocols that a packet may be called by. A line that starts with # is left out: such a name never becomes"
echo "# the document's \"protocol\", the packet is then called by the protocol below it."
echo "# Made by scripts/protocols.sh from: $(tshark --version 2>/dev/null | head -1)"
LC_ALL=C tshark -G protocols 2>/dev/null | cut -f3 | LC_ALL=C sort -u |
    sed -E "s/^(${pattern})\$/#\\1/"
