"""Prepares a run for flows and transactions: the declarations of protocols, and the names that they need."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from espcap.documents.types import PACKETS, TRANSACTIONS, DocumentType
from espcap.fields.registry import Registry
from espcap.query.display_filter import parse
from espcap.query.filter_language import language_of
from espcap.transactions.declaration import Declaration, Reader
from espcap.transactions.follower import wanted_names
from espcap.transactions.loading import load_declarations
from espcap.transactions.paths import kinds_of
from espcap.tshark.program import Program
from espcap.tshark.value_names import KnownNames


@dataclass(frozen=True)
class Followed:
    """What a run follows."""

    declarations: tuple[Declaration, ...] = ()
    names: tuple[str, ...] = ()
    """The names that are wanted in messages."""


def follow(
    program: Program, registry: Registry, types: Sequence[DocumentType], folders: Sequence[str] = ()
) -> Followed:
    """Returns what is needed for these types of documents. `folders` have further declarations.

    Raises UsageError if a declaration is not valid.
    """
    if set(types) == {PACKETS}:
        return Followed()
    registry.add_kinds({path: kind for each in types for path, kind in kinds_of(each, registry, folders).items()})
    declarations: list[Declaration] = []
    if TRANSACTIONS in types:
        names = KnownNames(program, registry.path.with_suffix(".names.json"))
        language = language_of(program.version)

        def parse_filter(text: str) -> Any:
            return parse(text, registry, lambda field: [], language)

        declarations = load_declarations(Reader(registry, parse_filter, names.of), folders)
        names.wanted = sorted({field for each in declarations for field in each.named_fields})
    return Followed(tuple(declarations), wanted_names(declarations))
