"""Rebuilds the captures of test_pcaps/: `python -m scripts.captures [NAME...] [--to DIR]`.

Some captures are made with scapy. The others are recorded: real servers and clients talk over
a virtual cable between two network namespaces, which needs root on Linux.

Python packages: scapy, aiosmtpd, dnslib, h2, aioquic.
Programs: tshark, editcap and capinfos (tshark), tcpdump, ip (iproute2), ethtool, openssl,
ping (iputils-ping), arping (iputils-arping), dnsmasq (dnsmasq-base), busybox.
"""
