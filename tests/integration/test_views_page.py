"""A browser on the views of flows and transactions: lists, charts, tables, and the ways between them and packets."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browsing import accessible, opened, search, settled, state, total
from tests.support.command import espcap
from tests.support.served import Served, served

pytest_plugins = ["tests.support.browser"]
pytestmark = pytest.mark.slow

FILES = [f"test_pcaps/{name}.pcap" for name in ("http_xml", "dns", "icmp")] + ["test_transactions/redis.pcap"]


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    """All flows and transactions of the captures."""
    ran = espcap(*_named(FILES), "--types", "flows,transactions")
    assert ran.status == 0, ran.errors
    return ran.documents


@pytest.fixture(scope="module")
def flows(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in documents if each["type"] == "flow"]


@pytest.fixture(scope="module")
def transactions(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in documents if each["type"] != "flow"]


def _named(files: list[str]) -> list[str]:
    return [word for name in files for word in ("--file", name)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    node = f"local:{tmp_path_factory.mktemp('views') / 'index'}"
    assert espcap(*_named(FILES), "--types", "packets,flows,transactions", "--node", node).status == 0
    with served(node) as found:
        yield found


@pytest.fixture
def page(browser: Browser, site: Served) -> Iterator[Page]:
    with opened(browser, site) as found:
        yield found


def view(page: Page, name: str) -> None:
    """Chooses a type of documents at the query box."""
    page.get_by_role("navigation").get_by_role("link", name=name).click()
    expect(page.locator("nav [aria-current]")).to_have_text(name)
    settled(page)


def table(page: Page, title: str) -> dict[str, list[str]]:
    """The lines of a table by their first cells."""
    rows = page.locator("#tables table").filter(has=page.get_by_text(title, exact=True)).locator("tbody tr")
    cells = rows.evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.textContent.trim()))")
    return {line[0]: line[1:] for line in cells}


def cells(page: Page, column: str) -> list[str]:
    """The texts of a column of the list."""
    titles = [text.strip() for text in page.locator("#list th").all_inner_texts()]
    return page.locator(f"#list tbody td:nth-child({titles.index(column) + 1})").all_inner_texts()


def frames(page: Page) -> list[int]:
    """The frame numbers of the packets in the list."""
    expect(page.locator("nav [aria-current]")).to_have_text("Packets")
    settled(page)
    return sorted(map(int, cells(page, "No.")))


def test_flows(page: Page, flows: list[dict[str, Any]]) -> None:
    view(page, "Flows")
    assert state(page) == {"type": "flows"}
    assert total(page) == len(flows)
    largest = max(flows, key=lambda flow: flow["network"]["bytes"])
    title = page.get_by_role("grid").get_by_role("columnheader", name="← Bytes")
    title.get_by_role("link").click()
    expect(title).to_have_attribute("aria-sort", "ascending")
    settled(page)
    assert state(page) == {"type": "flows", "sort": "bytes_back"}
    assert cells(page, "← Bytes") == [f"{each:,}" for each in sorted(flow["destination"]["bytes"] for flow in flows)]
    counts = str(page.locator("#histogram").get_attribute("data-counts"))
    assert sum(map(int, counts.split())) == len(flows)
    conversations = table(page, "Top conversations")
    client = f"{largest['source']['ip']}:{largest['source']['port']}"
    assert next(iter(conversations)) == client
    assert conversations[client][2:4] == [str(largest[end]["packets"]) for end in ("source", "destination")]
    accessible(page)


def test_transactions(page: Page, transactions: list[dict[str, Any]]) -> None:
    view(page, "Transactions")
    assert total(page) == len(transactions)
    of_http = [each for each in transactions if each["type"] == "http"]
    failed = [each for each in transactions if each["status"] != "OK"]
    assert failed
    assert of_http
    services = table(page, "Services")
    assert set(services) == {each["type"] for each in transactions}
    assert services["http"][0] == str(len(of_http))
    slowest = max(transactions, key=lambda each: each["event"].get("duration", 0))
    [first, *_] = table(page, "Slowest").items()
    assert first == (f"{slowest['type']} {slowest['query']}", [f"{slowest['event']['duration'] / 1e6:,.3f}"])
    for chart in ("#histogram", "#response-times"):
        expect(page.locator(f"{chart} canvas")).to_be_visible()
    for name, wanted in (("data-counts", transactions), ("data-errors", failed)):
        assert sum(map(int, str(page.locator("#histogram").get_attribute(name)).split())) == len(wanted)
    accessible(page)
    page.locator("#tables").get_by_role("link", name="http", exact=True).click()
    expect(page.locator("#total")).to_have_text(str(len(of_http)))
    settled(page)
    assert state(page) == {"type": "transactions", "query": 'type:"http"'}
    assert set(table(page, "Services")) == {"http"}
    search(page, query="", filter='status != "OK"')
    assert total(page) == len(failed)


def test_from_a_transaction_to_its_packets_and_back(page: Page, transactions: list[dict[str, Any]]) -> None:
    """An answer of HTTP in five packets, which Wireshark reassembles in the last of them."""
    view(page, "Transactions")
    [wanted] = [each for each in transactions if each.get("response", {}).get("frame") == 12 and each["type"] == "http"]
    search(page, filter=f'request.id == "{wanted["request"]["id"]}"')
    assert total(page) == 1
    page.locator("#list").get_by_role("link", name="Packets").click()
    assert frames(page) == [4, 6, 8, 10, 12]
    page.locator("#list tbody tr").nth(2).click()
    expect(page.locator("#packet .tree")).to_be_visible()
    accessible(page)
    page.locator("#packet").get_by_role("link", name="Transactions").click()
    expect(page.locator("nav [aria-current]")).to_have_text("Transactions")
    settled(page)
    assert cells(page, "Query") == [wanted["query"]]
    page.locator("#list tbody tr").first.click()
    expect(page.locator("#packet .members")).to_contain_text(wanted["request"]["id"])
    accessible(page)
    assert page.locator("#packet").get_by_role("link", name="Packets").is_visible()


def test_from_a_flow_to_its_packets_and_back(page: Page, flows: list[dict[str, Any]]) -> None:
    view(page, "Flows")
    for flow in [each for each in flows if each["network"]["transport"] in ("icmp", "udp")][:2]:
        search(page, query="", filter=f'flow.id == "{flow["flow"]["id"]}"')
        page.keyboard.press("Escape")
        page.keyboard.press("Enter")
        expect(page.locator("#packet .members")).to_contain_text(flow["flow"]["id"])
        page.locator("#packet").get_by_role("link", name="Packets").click()
        found = frames(page)
        assert (found[0], len(found)) == (flow["flow"]["first_frame"], flow["network"]["packets"])
        page.locator("#list tbody tr").first.click()
        page.locator("#packet").get_by_role("link", name="Flow").click()
        expect(page.locator("nav [aria-current]")).to_have_text("Flows")
        settled(page)
        assert total(page) == 1


def test_the_slowest_is_opened(page: Page) -> None:
    view(page, "Transactions")
    page.locator("#tables a[data-open]").first.click()
    expect(page.locator("#packet .members")).to_be_visible()
    address = page.url
    page.goto(address)
    expect(page.locator("#packet .members")).to_be_visible()
    settled(page)
    page.locator("#packet .members a", has_text=re.compile("^OK$|Error")).first.click()
    settled(page)
    assert "status:" in state(page)["query"]


def test_times_and_query_are_kept(page: Page) -> None:
    """A filter is not: the fields of another type have other names."""
    search(page, since="2020-01-01", query="10.0.0.1", filter="tcp")
    view(page, "Flows")
    assert state(page) == {"type": "flows", "since": "2020-01-01", "query": "10.0.0.1"}
    page.get_by_text("Clear").click()
    settled(page)
    assert state(page) == {"type": "flows"}
    page.keyboard.press("/")
    page.keyboard.type("tcp.sta", delay=5)
    expect(page.get_by_role("option").first).to_have_text("tcp.state")


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1280), ("light", 400)])
@pytest.mark.parametrize("name", ["Flows", "Transactions"])
def test_looks(page: Page, name: str, scheme: Any, width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    view(page, name)
    page.locator("#list tbody tr").first.click()
    expect(page.locator("#packet .members")).to_be_visible()
    settled(page)
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_index_without_flows(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    node = f"local:{tmp_path_factory.mktemp('packets') / 'index'}"
    assert espcap("--file", FILES[0], "--node", node).status == 0
    with served(node) as site, opened(browser, site) as page:
        page.locator("#list tbody tr").first.click()
        expect(page.locator("#packet .tree")).to_be_visible()
        assert page.locator("#packet").get_by_role("link", name="Flow").count() == 0
        for name in ("Flows", "Transactions"):
            view(page, name)
            expect(page.locator(".nothing")).to_contain_text("--types packets,flows,transactions")
            accessible(page)
