"""A browser on the page of `espcap serve`: Chromium without a screen. Whatever fails in the page fails the test."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Browser, Page, expect

from tests.support.command import ROOT
from tests.support.served import Served

WATCH = """
addEventListener("securitypolicyviolation", (event) => console.error(event.blockedURI));
const count = (step) => {
  const counted = document.documentElement.dataset;
  counted.asked = Number(counted.asked || 0) + step;
};
addEventListener("htmx:beforeSend", () => count(1));
addEventListener("htmx:afterRequest", () => count(-1));
"""
"""Runs in the page: what its policy forbids is an error, and what htmx has asked for is counted."""
HARMLESS = re.compile("422|htmx:(afterRequest|sendAbort)")
"""What the console holds of a filter that is wrong, and of requests that a later one made needless."""


@contextmanager
def opened(browser: Browser, site: Served, tables: int = 3, **parameters: str) -> Iterator[Page]:
    """The page as it opens. Afterwards: nothing has failed in it, and it has asked nobody else for anything."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.add_init_script(WATCH)
    asked, wrong = [], []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(f"{site.origin}/?{urlencode({'token': site.token} | parameters)}")
    expect(page.locator("#histogram canvas")).to_be_visible()
    expect(page.locator("#tables table")).to_have_count(tables)
    yield page
    assert page.title() == "espcap"
    context.close()
    assert asked
    assert [url for url in asked if not url.startswith((f"{site.origin}/", f"blob:{site.origin}/"))] == []
    assert [text for text in wrong if not HARMLESS.search(text)] == []


def settled(page: Page) -> None:
    """Waits until all that was asked for is shown."""
    expect(page.locator("html[data-asked='0']:not(:has(.htmx-swapping, .htmx-settling))")).to_have_count(1)


def total(page: Page) -> int:
    return int(page.locator("#total").inner_text().replace(",", ""))


def state(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def search(page: Page, **changes: str) -> None:
    """Fills boxes and presses Enter."""
    for name, text in changes.items():
        page.locator(f"#{name}").evaluate("(box, text) => { box.value = text }", text)
    with page.expect_response(re.compile(r"/\?")) as answer:
        page.locator("#filter").press("Enter")
    assert answer.value.status == 200
    settled(page)


def accessible(page: Page) -> None:
    """What axe-core finds wrong: nothing."""
    page.evaluate((ROOT / "tests" / "axe" / "axe.min.js").read_text(encoding="utf-8"))
    found: Any = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    wrong = [
        (each["id"], [node["html"][:200] + str(node["any"][:1])[:300] for node in each["nodes"][:3]])
        for each in found["violations"]
    ]
    assert wrong == []
