"""Who gets past the guard of the page."""

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from espcap.web.guard import AccessGuard
from tests.support.asgi import Exchange

TOKEN = "t0ken"
HOST = {"Host": "127.0.0.1:8477"}
COOKIE = {**HOST, "Cookie": f"espcap-8477={TOKEN}"}


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f"page {scope.get('root_path', '')}")(scope, receive, send)


@pytest.fixture
def guard() -> AccessGuard:
    return AccessGuard(page, TOKEN, ["Localhost", "machine.test."], secure=False)


def status(guard: AccessGuard, headers: dict[str, str], method: str = "GET", query: str = "") -> int:
    return Exchange().run(guard, "/", headers, method, query).status


def test_token(guard: AccessGuard) -> None:
    assert status(guard, HOST) == 403
    assert status(guard, COOKIE) == 200
    assert status(guard, {**HOST, "Authorization": f"Bearer {TOKEN}"}) == 200
    assert status(guard, {**HOST, "Authorization": f"Basic {TOKEN}"}) == 403
    assert status(guard, {**HOST, "Cookie": f"espcap-8478={TOKEN}"}) == 403
    assert status(guard, {**HOST, "Cookie": f"espcap-8477=other; espcap-8477={TOKEN}"}) == 200
    assert status(guard, HOST, query=f"token={TOKEN}x") == 403


def test_token_in_the_address(guard: AccessGuard) -> None:
    """It becomes a cookie of a folder with a secret name, and leaves the address."""
    answer = Exchange().run(guard, "/rows", HOST, query=f"filter=dns&token={TOKEN}")
    folder = answer.headers["location"].partition("/rows")[0]
    assert (answer.status, answer.headers["location"]) == (303, f"{folder}/rows?filter=dns")
    assert len(folder) == 25
    cookie = answer.headers["set-cookie"].split("; ")
    assert cookie[0] == f"espcap-8477={TOKEN}"
    assert {"HttpOnly", f"Path={folder}", "SameSite=strict"} <= set(cookie)
    assert "Secure" not in cookie
    assert Exchange().run(guard, f"{folder}/", COOKIE).body == f"page {folder}".encode()
    assert Exchange().run(guard, folder, COOKIE).headers["location"] == f"{folder}/"
    assert status(guard, HOST, "POST", f"token={TOKEN}") == 403


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "machine.test", "machine.test.:80", "[::1]:1", "10.0.0.1"]
)
def test_names_of_this_machine(guard: AccessGuard, host: str) -> None:
    assert status(guard, {**COOKIE, "Host": host}) == 200


@pytest.mark.parametrize("host", ["", "example.test", "localhost.example.test", "10.0.0.1.example.test", "test"])
def test_other_names(guard: AccessGuard, host: str) -> None:
    assert status(guard, {**COOKIE, "Host": host}) == 403


def test_only_the_page_itself_may_send(guard: AccessGuard) -> None:
    for origin, expected in (
        ("http://127.0.0.1:8477", 200),
        ("https://127.0.0.1:8477", 403),
        ("http://127.0.0.1:8478", 403),
        ("null", 403),
    ):
        assert status(guard, {**COOKIE, "Origin": origin}, "POST") == expected, origin
    assert status(guard, COOKIE, "POST") == 200  # a program that names no origin
    assert status(guard, {**COOKIE, "Origin": "null"}) == 200  # reading changes nothing


def test_headers_of_each_answer(guard: AccessGuard) -> None:
    for headers in (HOST, COOKIE):
        found = Exchange().run(guard, "/", headers).headers
        assert found["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
        assert (found["x-content-type-options"], found["cache-control"]) == ("nosniff", "no-store")


def test_cookie_of_a_page_with_tls() -> None:
    secure = AccessGuard(page, TOKEN, [], secure=True)
    assert "Secure" in Exchange().run(secure, "/", HOST, query=f"token={TOKEN}").headers["set-cookie"].split("; ")
    assert status(secure, {**COOKIE, "Origin": "https://127.0.0.1:8477"}, "POST") == 200
