"""The command: `espcap`, or `python -m espcap`."""

import sys

from espcap.allocator import begin_anew, names_local_index


def run() -> None:
    """Runs the command line of this process."""
    if names_local_index(sys.argv[1:]):
        begin_anew()
    from espcap.cli import main

    main()


if __name__ == "__main__":
    run()
