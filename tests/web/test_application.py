"""The application, asked without a server."""

from typing import Any, cast

import pytest

from espcap.web.application import build
from espcap.web.parts import Parts
from tests.support.asgi import Exchange


class Broken:
    """A part that has a fault."""

    async def run(self, *arguments: Any) -> Any:
        raise ValueError("a fault\x1b[31m")


def test_faults_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """To whoever serves, with the place; whoever looks at the page is told where to look."""
    searchers = cast(Any, Broken())
    application = build(Parts("node", searchers, searchers, searchers, searchers, None, ()))
    asked = Exchange()
    with pytest.raises(ValueError, match="a fault"):  # which a server is to know
        asked.run(application)
    assert asked.status == 500
    assert b"see the terminal in which it runs" in asked.body
    told = capsys.readouterr().err
    assert told.startswith("Traceback")
    assert "ValueError: a fault\\x1b[31m" in told
