"""Where espcap keeps its files: the XDG base directories."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """What can be made again: `$XDG_CACHE_HOME/espcap`."""
    return _folder("XDG_CACHE_HOME", ".cache")


def data_folder() -> Path:
    """The local index: `$XDG_DATA_HOME/espcap`."""
    return _folder("XDG_DATA_HOME", ".local/share")


def state_folder() -> Path:
    """Ledgers, dead letters and the spool: `$XDG_STATE_HOME/espcap`."""
    return _folder("XDG_STATE_HOME", ".local/state")


def _folder(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "espcap"
