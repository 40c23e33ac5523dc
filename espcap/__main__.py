"""The command: `espcap`, or `python -P -m espcap`; without -P Python imports from the current directory first."""

import signal
import sys


class _WithoutPandas:
    """Hides pandas: pyarrow would import it, if it is installed, which takes as long as a search."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("espcap does not use pandas", name=name)


def run() -> None:
    """Runs the command line of this process."""
    sys.meta_path.insert(0, _WithoutPandas)
    try:
        from espcap.cli import main
        from espcap.cli.failures import failures_reported, open_standard_streams

        open_standard_streams()
        with failures_reported():
            main(prog_name="espcap")
    except KeyboardInterrupt:  # before a command has begun
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    run()
