"""Takes captures from the page, and tells how far they are."""

from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from espcap.base.errors import UsageError
from espcap.web.uploads import Uploads


class Receiving:
    """The endpoints."""

    def __init__(self, uploads: Uploads, render: Callable[..., Response]) -> None:
        self._uploads = uploads
        self._render = render

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/captures", self.receive, methods=["POST"]),
            Route("/captures/{number:int}", self.progress),
        ]

    async def receive(self, request: Request) -> Response:
        """The body is the capture."""
        try:
            upload = await self._uploads.receive(request.query_params.get("name", ""), request.stream())
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        return self._render("upload.html", {"upload": upload}, 202)

    async def progress(self, request: Request) -> Response:
        """How far it is; the page's parts are told when it is done."""
        upload = self._uploads.find(request.path_params["number"])
        if not upload:
            raise UsageError("there is no such capture", "it was sent to an earlier run")
        response = self._render("upload.html", {"upload": upload}, 200)
        if upload.is_done:
            response.headers["HX-Trigger"] = "indexed"
        return response
