"""Compiles the native reader: `python -m espcap.native`."""

from espcap.tshark.native import main

if __name__ == "__main__":
    main()
