"""Errors that the user can do something about."""

_SHOWN = 120
"""Length in characters of the longest text that a message shows completely."""


class EspcapError(Exception):
    """A failure: `message` says in one line what is wrong, `hint` says what to do. The exit code is 1."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def with_hint(message: str, hint: str) -> str:
    """The message and, in brackets, the hint in one line, as the command prints them."""
    return f"{message} ({hint})" if hint else message


class UsageError(EspcapError):
    """An option or argument of the command is wrong. The exit code is 2."""


class StoreError(EspcapError):
    """The store cannot be written or read: it cannot be reached, denies access, or is not in the expected state."""


def shortened(text: str) -> str:
    """The text, with `…` in place of the middle if it is longer than 120 characters."""
    return f"{text[: _SHOWN // 2]}…{text[-_SHOWN // 4 :]}" if len(text) > _SHOWN else text
