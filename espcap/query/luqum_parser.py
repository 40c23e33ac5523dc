"""luqum's parser, imported without a word.

luqum has ply make the parser's tables at its first import, and ply reports conflicts of the grammar on standard error,
which only luqum's makers can use. Where the user may not write luqum's folder, it does so at each import.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from ply import yacc


@contextmanager
def _quiet() -> Iterator[None]:
    make = yacc.yacc
    yacc.yacc = partial(make, debug=False, errorlog=yacc.NullLogger())
    try:
        yield
    finally:
        yacc.yacc = make


with _quiet():
    from luqum.thread import parse

__all__ = ["parse"]
