"""The folders for espcap's files, according to the XDG Base Directory Specification."""

import os
from collections.abc import Iterable
from pathlib import Path


def cache_folder() -> Path:
    """The folder for files that espcap can make again: `$XDG_CACHE_HOME/espcap`."""
    return _folder("XDG_CACHE_HOME", ".cache")


def data_folder() -> Path:
    """The folder for the local index: `$XDG_DATA_HOME/espcap`."""
    return _folder("XDG_DATA_HOME", ".local/share")


def state_folder() -> Path:
    """The folder for ledgers, dead letters and the spool: `$XDG_STATE_HOME/espcap`."""
    return _folder("XDG_STATE_HOME", ".local/state")


def spool_folder() -> Path:
    """The folder for packets of live captures that are not stored yet, or are kept: `$XDG_STATE_HOME/espcap/spool`."""
    return state_folder() / "spool"


def is_local(nodes: Iterable[str]) -> bool:
    """Returns whether a local index, `local` or `local:DIR`, is among the nodes."""
    return any(node == "local" or node.startswith("local:") for node in nodes)


def local_folder(node: str) -> Path:
    """The folder of the local index that `local` or `local:DIR` names."""
    folder = node.removeprefix("local").removeprefix(":")
    return Path(folder).expanduser() if folder else data_folder()


def _folder(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "espcap"
