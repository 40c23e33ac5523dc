"""Which texts a spreadsheet takes for a formula (OWASP, CSV injection). The patterns are those of RE2 and of Python."""

import re

FORMULA = "^[=+\\-@\\t\\r\\n\uff1d\uff0b\uff0d\uff20]"
"""How a formula begins, also with full-width signs."""
NUMBER = "^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?$"
"""A number, which is no formula although it can begin with a sign."""


def safe_cell(text: str) -> str:
    """Returns the text with an apostrophe before it if it could be a formula."""
    return f"'{text}" if re.match(FORMULA, text) and not re.fullmatch(NUMBER, text) else text
