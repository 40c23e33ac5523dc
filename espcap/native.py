"""Compiles the native reader: `python -P -m espcap.native`. The program is in espcap/tshark/native.py."""

from espcap.tshark.native import main

if __name__ == "__main__":
    main()
