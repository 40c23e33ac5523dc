"""What to do with an exception that nobody expected: it is a fault of espcap's, which whoever serves must see."""

import sys
import traceback

from espcap.base.text import printable


def show_fault(error: BaseException) -> None:
    """Prints its traceback on standard error, without characters that a terminal obeys."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    print("\n".join(printable(line) for line in lines), file=sys.stderr, flush=True)
