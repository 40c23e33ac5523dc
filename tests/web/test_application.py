"""The application, asked without a server."""

import asyncio
from typing import Any, cast

import pytest

from espcap.web.application import build
from espcap.web.parts import Parts


class Broken:
    """A part that has a fault."""

    async def run(self, *arguments: Any) -> Any:
        raise ValueError("a fault\x1b[31m")


def test_faults_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """To whoever serves, with the place; whoever looks at the page is told where to look."""
    searchers = cast(Any, Broken())
    application = build(Parts("node", searchers, searchers, searchers, searchers, None, ()))
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    with pytest.raises(ValueError, match="a fault"):  # which a server is to know
        asyncio.run(application(scope, receive, send))
    assert sent[0]["status"] == 500
    assert b"see the terminal in which it runs" in sent[1]["body"]
    told = capsys.readouterr().err
    assert told.startswith("Traceback")
    assert "ValueError: a fault\\x1b[31m" in told
