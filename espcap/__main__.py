"""The command: `espcap`, or `python -P -m espcap`; without -P Python imports from the current directory first."""

import signal
import sys


def run() -> None:
    """Runs the command line of this process."""
    try:
        from espcap.cli import main
        from espcap.cli.failures import failures_reported

        with failures_reported():
            main(prog_name="espcap")
    except KeyboardInterrupt:  # before a command has begun
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    run()
