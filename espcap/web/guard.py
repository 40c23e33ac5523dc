"""Who may talk to the page: whoever knows its token, under a name of this machine, and nobody's page but ours."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_SAFE_METHODS = ("GET", "HEAD")
_REFUSED = "Refused. Open the address that espcap serve printed: it holds the token that the page asks for.\n"
_STRANGE_NAME = "Refused: this page does not go by that name. Open the address that espcap serve printed.\n"
_STRANGE_ORIGIN = "Refused: only the page itself may ask for that.\n"


class AccessGuard:
    """Lets through what names this machine and knows the token; gives every answer the headers that keep it safe.

    The token comes in the address once, which is answered with a cookie and the same address without it. A page of
    somebody else's cannot use the cookie (SameSite), read it (HttpOnly), nor reach us under a name of its own making
    (DNS rebinding), for we answer to addresses and to the names of this machine only.

    A browser sends the cookies of a machine to all of its ports. So the page is in a folder whose name nobody can
    guess, and the cookie is for that folder alone: other servers of the machine, which others may run, never see it.
    """

    def __init__(self, app: ASGIApp, token: str, names: Iterable[str], secure: bool) -> None:
        """`names` are those that the page goes by beside addresses; `secure` says that it is served by TLS."""
        self._app = app
        self._token = token
        self._folder = "/" + hashlib.sha256(f"folder {token}".encode()).hexdigest()[:24]
        self._names = frozenset(name.lower().rstrip(".") for name in names)
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        if f"{scope['path']}/".startswith(f"{self._folder}/"):
            scope = {**scope, "root_path": self._folder}
        await (self._refusal(scope) or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if not self._is_ours(headers.get("host", "")):
            return PlainTextResponse(_STRANGE_NAME, 403)
        parameters = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in parameters if name == "token"]
        if given and scope["method"] in _SAFE_METHODS and self._is_token(given[0]):
            return self._welcome(scope, [(name, value) for name, value in parameters if name != "token"])
        if not any(map(self._is_token, self._kept_tokens(scope, headers))):
            return PlainTextResponse(_REFUSED, 403)
        if scope["path"] == self._folder:
            return RedirectResponse(f"{self._folder}/", 303)
        if scope["method"] not in _SAFE_METHODS and not self._is_own_page(headers):
            return PlainTextResponse(_STRANGE_ORIGIN, 403)
        return None

    def _welcome(self, scope: Scope, rest: list[tuple[str, str]]) -> Response:
        path = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/\\")
        address = f"{self._folder}/{path}" + (f"?{urlencode(rest)}" if rest else "")
        response = RedirectResponse(address, 303)
        response.set_cookie(
            self._cookie(scope), self._token, httponly=True, samesite="strict", secure=self._secure, path=self._folder
        )
        return response

    def _kept_tokens(self, scope: Scope, headers: Headers) -> Iterator[str]:
        """Other servers of the machine may have set cookies of any form, also of the same name."""
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            yield value.strip()
        for cookie in ";".join(headers.getlist("cookie")).split(";"):
            name, _, value = cookie.strip().partition("=")
            if name == self._cookie(scope):
                yield value

    def _cookie(self, scope: Scope) -> str:
        """A browser keeps the cookies of all ports of a machine together."""
        return f"espcap-{(scope.get('server') or ('', 0))[1]}"

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode("utf-8", "surrogateescape"), self._token.encode())

    def _is_ours(self, host: str) -> bool:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        name = name.removeprefix("[").removesuffix("]").lower().rstrip(".")
        try:
            ip_address(name)
        except ValueError:
            return name in self._names
        return True

    def _is_own_page(self, headers: Headers) -> bool:
        """Browsers name the page that sends; what is no browser need not."""
        origin = headers.get("origin")
        return origin is None or origin == f"{'https' if self._secure else 'http'}://{headers.get('host', '')}"
