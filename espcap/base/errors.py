"""What can go wrong for a reason that the user can act on."""

_SHOWN = 120


class EspcapError(Exception):
    """A failure told in one line, `message`, with the next step, `hint`. The command ends with exit code 1."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def with_hint(message: str, hint: str) -> str:
    """Both in one line, as the command tells them."""
    return f"{message} ({hint})" if hint else message


class UsageError(EspcapError):
    """The command's own words are wrong: exit code 2."""


class StoreError(EspcapError):
    """The store cannot take or give anything: it is away, refuses the caller, or is not what it should be."""


def shortened(text: str) -> str:
    """Text for a message of one line: without the middle of what is long."""
    return f"{text[: _SHOWN // 2]}…{text[-_SHOWN // 4 :]}" if len(text) > _SHOWN else text
