"""One query for every store: what the user wrote, as a small tree whose values are typed.

The language is Elasticsearch's query string (Lucene). Words that stand side by side must all match (the default operator
is AND), and bind looser than OR. AND, OR, NOT, `&&`, `||`, `!`, `+` and `-` are plain Boolean algebra. On a field with
several values a condition holds when any of them meets it; NOT holds wherever the condition does not, also where the
field is missing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from luqum import tree
from luqum.exceptions import ParseError
from luqum.parser import parser
from luqum.thread import parse as thread_parse

from espcap.errors import UsageError
from espcap.fields import Kind
from espcap.query_values import Network, Time, Value, bounds, typed

__all__ = ["And", "Equals", "Everything", "Exists", "Network", "Not", "Or", "Query", "Range", "Time", "Value", "Wildcard"]
__all__ += ["DEFAULT_PATHS", "parse"]
