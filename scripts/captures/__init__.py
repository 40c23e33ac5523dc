"""Rebuilds the captures of test_pcaps/: `python -m scripts.captures [NAME...] [--to DIR]`.

Some are scapy's work, the others are recorded: real servers and clients talk over a cable
between two network namespaces, which takes root on Linux.

Python packages: scapy, aiosmtpd, dnslib, h2, aioquic.
Programs: tshark, editcap and capinfos (tshark), tcpdump, ip (iproute2), ethtool, openssl,
ping (iputils-ping), arping (iputils-arping), dnsmasq (dnsmasq-base), busybox.
"""
