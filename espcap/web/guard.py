"""Access control of the page: requests need its token, a host name of this machine, and the page's own origin."""

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
_NO_TOKEN = "Not allowed. Open the address that espcap serve printed: it contains the token that the page requires.\n"
_STRANGE_NAME = "Not allowed: this server does not have that host name. Open the address that espcap serve printed.\n"
_STRANGE_ORIGIN = "Not allowed: only the page itself can send this request.\n"


class AccessGuard:
    """Passes on requests with the token and a host name of this machine, and adds security headers to responses.

    The first request has the token in its address. The response sets a cookie and redirects to the same address without
    the token. Other pages in the browser cannot use the cookie (SameSite) or read it (HttpOnly). They cannot reach the
    server by a host name of their own (DNS rebinding), as it accepts only IP addresses and the names of this machine.

    A browser sends the cookies of a machine to all its ports. Therefore the page is in a folder with a secret name, and
    the cookie is limited to this folder: servers of other users on the same machine do not get it.
    """

    def __init__(self, app: ASGIApp, token: str, names: Iterable[str], secure: bool) -> None:
        """`names` are the accepted host names besides IP addresses; `secure` is whether the page is served with TLS."""
        self._app = app
        self._token = token
        self._folder = "/" + hashlib.sha256(f"folder {token}".encode()).hexdigest()[:24]
        self._names = frozenset(name.lower().rstrip(".") for name in names)
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        if f"{scope['path']}/".startswith(f"{self._folder}/"):
            scope = {**scope, "root_path": self._folder}
        await (self._response_if_not_allowed(scope) or self._app)(scope, receive, guarded)

    def _response_if_not_allowed(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if not self._is_host_allowed(headers.get("host", "")):
            return PlainTextResponse(_STRANGE_NAME, 403)
        parameters = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in parameters if name == "token"]
        if given and scope["method"] in _SAFE_METHODS and self._is_token(given[0]):
            return self._set_cookie(scope, [(name, value) for name, value in parameters if name != "token"])
        if not any(map(self._is_token, self._kept_tokens(scope, headers))):
            return PlainTextResponse(_NO_TOKEN, 403)
        if scope["path"] == self._folder:
            return RedirectResponse(f"{self._folder}/", 303)
        if scope["method"] not in _SAFE_METHODS and not self._is_own_page(headers):
            return PlainTextResponse(_STRANGE_ORIGIN, 403)
        return None

    def _set_cookie(self, scope: Scope, rest: list[tuple[str, str]]) -> Response:
        path = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/\\")
        address = f"{self._folder}/{path}" + (f"?{urlencode(rest)}" if rest else "")
        response = RedirectResponse(address, 303)
        response.set_cookie(
            self._cookie(scope), self._token, httponly=True, samesite="strict", secure=self._secure, path=self._folder
        )
        return response

    def _kept_tokens(self, scope: Scope, headers: Headers) -> Iterator[str]:
        """Yields tokens in the headers. Other servers of the machine can set cookies of the same name."""
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            yield value.strip()
        for cookie in ";".join(headers.getlist("cookie")).split(";"):
            name, _, value = cookie.strip().partition("=")
            if name == self._cookie(scope):
                yield value

    def _cookie(self, scope: Scope) -> str:
        """Returns the name of the cookie. It contains the port, as browsers share cookies between ports."""
        return f"espcap-{(scope.get('server') or ('', 0))[1]}"

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode("utf-8", "surrogateescape"), self._token.encode())

    def _is_host_allowed(self, host: str) -> bool:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        name = name.removeprefix("[").removesuffix("]").lower().rstrip(".")
        try:
            ip_address(name)
        except ValueError:
            return name in self._names
        return True

    def _is_own_page(self, headers: Headers) -> bool:
        """Returns whether the request is from the page. Browsers name the origin; other programs do not have to."""
        origin = headers.get("origin")
        return origin is None or origin == f"{'https' if self._secure else 'http'}://{headers.get('host', '')}"
