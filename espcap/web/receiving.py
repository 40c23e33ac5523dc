"""Receives captures from the page and reports the progress of indexing."""

from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from espcap.base.errors import UsageError
from espcap.web.uploads import Uploads


class UploadEndpoints:
    """The endpoints for captures."""

    def __init__(self, uploads: Uploads, render: Callable[..., Response]) -> None:
        self._uploads = uploads
        self._render = render

    def routes(self) -> list[Route]:
        """Returns the routes of the endpoints."""
        return [
            Route("/captures", self.receive, methods=["POST"]),
            Route("/captures/{number:int}", self.progress),
        ]

    async def receive(self, request: Request) -> Response:
        """Receives a capture as the body of a request. Returns its progress."""
        try:
            upload = await self._uploads.receive(request.query_params.get("name", ""), request.stream())
        except ClientDisconnect:
            return Response(status_code=400)  # the client has gone
        return self._render("upload.html", {"upload": upload}, 202)

    async def progress(self, request: Request) -> Response:
        """Returns the progress of a capture. When it is done, a header makes the page search again."""
        upload = self._uploads.find(request.path_params["number"])
        if not upload:
            raise UsageError("this capture does not exist", "it was sent to an earlier run of espcap serve")
        response = self._render("upload.html", {"upload": upload}, 200)
        if upload.is_done:
            response.headers["HX-Trigger"] = "indexed"
        return response
