"""`python -m espcap`."""

from espcap.cli import main

if __name__ == "__main__":
    main()
