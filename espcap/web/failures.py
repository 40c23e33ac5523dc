"""Reports unexpected exceptions, which are defects of espcap, to the user who runs `espcap serve`."""

import sys
import traceback

from espcap.base.text import printable


def show_fault(error: BaseException) -> None:
    """Prints the traceback of an exception on standard error, with control characters escaped."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    print("\n".join(printable(line) for line in lines), file=sys.stderr, flush=True)
