"""Packets, dissected by Wireshark's own dissectors, as searchable JSON documents."""

from importlib.metadata import version

__version__ = version("espcap")
