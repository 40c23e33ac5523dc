"""Asks an ASGI application without a server."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message


@dataclass
class Exchange:
    """One request and the messages of its response, also those before the application raised an exception."""

    messages: list[Message] = field(default_factory=list)

    def run(
        self,
        application: ASGIApp,
        path: str = "/",
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        query: str = "",
    ) -> "Exchange":
        """Asks the application. Passes on its exceptions."""
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
        scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": raw}

        async def send(message: Message) -> None:
            self.messages.append(message)

        requests: list[Message] = [{"type": "http.request"}]

        async def receive() -> Message:
            return requests.pop() if requests else await asyncio.Future()  # the client stays

        asyncio.run(_run(application, {**scope, "server": ("127.0.0.1", 8477)}, receive, send))
        return self

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])


async def _run(application: ASGIApp, *arguments: Any) -> None:
    await application(*arguments)
