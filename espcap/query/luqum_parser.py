"""Imports luqum's parser without output on standard error.

At luqum's first import, ply builds tables for the parser and reports conflicts of the grammar, which users cannot act
on. If the user cannot write to luqum's folder, this happens at each import.
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
