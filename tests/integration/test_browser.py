"""A browser walks the page as a user does: Chromium without a screen, over a real index."""

import base64
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from espcap.tshark.program import environment
from tests.support.browsing import accessible, opened, search, settled, state, total
from tests.support.command import CAPTURES, ROOT, espcap
from tests.support.frame_oracle import frames, without_empty
from tests.support.hostile import packets
from tests.support.served import Served, served

pytest_plugins = ["tests.support.browser"]
pytestmark = pytest.mark.slow

SAMPLES = ["test_pcaps/http_xml.pcap", "test_pcaps/dns.pcap", "test_pcaps/smtp.pcap", "test_pcaps/icmp.pcap"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("browser")
    hostile = packets.markup(folder / "markup.pcap")
    files = [word for path in [*SAMPLES, str(hostile)] for word in ("--file", path)]
    assert espcap(*files, "--node", f"local:{folder / 'index'}").status == 0
    with served(f"local:{folder / 'index'}") as found:
        yield found


@pytest.fixture
def page(browser: Browser, site: Served) -> Iterator[Page]:
    with opened(browser, site) as found:
        yield found


def found_by_tshark(display_filter: str, *files: str) -> list[str]:
    """File and number of each frame."""
    found = []
    for name in files or SAMPLES:
        command = ["tshark", "-n", "-r", str(ROOT / name), "-Y", display_filter, "-T", "fields", "-e", "frame.number"]
        printed = subprocess.run(command, capture_output=True, env=environment(), check=True).stdout.decode()
        found += [f"{Path(name).name} {number}" for number in printed.split()]
    return sorted(found)


def shown(page: Page) -> list[str]:
    """The same of each packet in the list."""
    rows = page.locator("#list tbody tr[data-packet]").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return sorted(f"{Path(cells[-1]).name} {cells[0]}" for cells in rows)


def test_search(page: Page, site: Served) -> None:
    """With `/`, completion, Enter; the address holds it, and leads back to it."""
    assert "token" not in page.url
    assert total(page) == len(found_by_tshark("frame")) + 10
    page.keyboard.press("/")
    page.keyboard.type("dns.qry.na", delay=5)
    expect(page.get_by_role("option").first).to_have_text("dns.qry.name")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#filter")).to_have_value("dns.qry.name")
    page.keyboard.type(' contains "www"')
    page.keyboard.press("Enter")
    expected = found_by_tshark('dns.qry.name contains "www"')
    expect(page.locator("#total")).to_have_text(str(len(expected)))
    assert state(page) == {"filter": 'dns.qry.name contains "www"'}
    search(page, columns="number time file")
    assert shown(page) == expected
    search(page, query="NOT layers.dns.flags_response:true")
    both = 'dns.qry.name contains "www" && !(dns.flags.response == 1)'
    assert shown(page) == found_by_tshark(both)
    page.go_back()
    expect(page.locator("#total")).to_have_text(str(len(expected)))
    expect(page.locator("#query")).to_have_value("")


def test_errors_in_their_place(page: Page) -> None:
    """While it is typed, and when it is sent; the list stays."""
    before = total(page)
    page.keyboard.press("/")
    page.keyboard.type("ip.scr == 1")
    expect(page.locator("#filter-error")).to_contain_text("did you mean ip.src")
    expect(page.locator("#filter")).to_have_attribute("aria-invalid", "true")
    accessible(page)
    page.keyboard.press("Enter")
    settled(page)
    assert total(page) == before
    assert state(page) == {}
    expect(page.locator("#histogram canvas")).to_be_visible()
    page.locator("#filter").fill("dns")
    expect(page.locator("#filter-error")).to_be_empty()
    expect(page.locator("#filter")).to_have_attribute("aria-invalid", "false")


def test_drag_a_range(page: Page, site: Served) -> None:
    search(page, query="file_name:*http_xml.pcap", columns="number time file")
    before = total(page)
    box = page.locator("#histogram .u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 20, steps=3)
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 20, steps=3)
    with page.expect_response(re.compile(r"/\?")):
        page.mouse.up()
    settled(page)
    wanted = state(page)
    assert wanted["since"] < wanted["until"]
    span = f'frame.time >= "{wanted["since"]}" && frame.time < "{wanted["until"]}"'.replace("T", " ").replace("Z", "")
    expected = found_by_tshark(span, SAMPLES[0])
    assert 0 < len(expected) < before
    assert shown(page) == expected
    counts = page.locator("#histogram").get_attribute("data-counts")
    assert sum(map(int, str(counts).split())) == len(expected)


def lines_of(page: Page) -> list[str]:
    """The tree as tshark prints it."""
    lines: list[str] = page.locator("#packet .node").evaluate_all(
        "nodes => nodes.map(node => '    '.repeat(node.ariaLevel - 1) + node.querySelector('.label').textContent)"
    )
    return without_empty(lines)


def open_packet(page: Page, **changes: str) -> None:
    """The first that is found, by the keyboard."""
    search(page, **changes)
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.locator("#packet .tree")).to_be_visible()


def test_packet(page: Page) -> None:
    """Opened by keyboard: tree and bytes are tshark's, and a line of the tree has its bytes marked."""
    open_packet(page, filter="http.response.code == 200 && xml")
    expected = frames(CAPTURES / "http_xml.pcap")[11]
    lines = lines_of(page)
    assert lines == expected[: len(lines)]
    assert [line for line in expected[len(lines) :] if re.match(r"[0-9a-f]{4}  ", line)] == [
        line.rstrip() for line in page.locator("#packet pre span").all_inner_texts()
    ]
    page.get_by_role("treeitem", name="Internet Protocol Version 4").click()
    assert "".join(page.locator("#packet pre mark").all_inner_texts()[:4]).replace(" ", "").startswith("4500")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#packet pre mark").first).to_have_text("45")
    accessible(page)
    address = page.url
    assert state(page)["packet"].endswith("-12")
    page.keyboard.press("Escape")
    expect(page.locator("#packet .tree")).to_have_count(0)
    assert "packet" not in state(page)
    page.goto(address)
    expect(page.locator("#packet .tree")).to_be_visible()
    assert lines_of(page) == lines


def test_filter_on_a_value(page: Page) -> None:
    open_packet(page, filter="dns", query='file_name:"test_pcaps/dns.pcap"', columns="number file")
    page.get_by_role("treeitem", name="Internet Protocol Version 4").locator(".twist").click()
    line = page.get_by_role("treeitem", name=re.compile("^Source Address: "))
    line.hover()
    wanted = line.locator("a[data-filter]").first.get_attribute("data-filter")
    with page.expect_response(re.compile(r"/\?")):
        line.get_by_text("Filter").click()
    settled(page)
    assert state(page)["filter"] == f"dns && {wanted}"
    assert shown(page) == found_by_tshark(f"dns && {wanted}")
    line.hover()
    with page.expect_response(re.compile(r"/\?")):
        line.get_by_text("Column").click()
    settled(page)
    assert "ip.src" in page.locator("#list th").all_inner_texts()[-1]
    page.get_by_text("Follow stream").click()
    expect(page.locator("#stream pre").first).to_contain_text("example")
    accessible(page)
    page.get_by_text("Filter conversation").click()
    expect(page.locator("#query")).to_have_value(re.compile("^network.community_id:"))


def test_extract(page: Page, tmp_path: Path) -> None:
    search(page, filter="smtp", columns="number file")
    with page.expect_download() as download:
        page.get_by_text("Extract", exact=True).click()
    path = tmp_path / "extracted.pcapng"
    download.value.save_as(path)
    expect(page.locator("#status")).to_have_text(re.compile(r"^\d+ packets extracted$"))
    read = ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.time_epoch", "-e", "tcp.seq_raw"]
    command = [*read[:3], str(CAPTURES / "smtp.pcap"), "-Y", "smtp", *read[4:]]
    extracted, expected = (
        subprocess.run(each, capture_output=True, env=environment(), check=True).stdout for each in (read, command)
    )
    assert extracted == expected != b""


def test_drop_a_capture(page: Page) -> None:
    before = total(page)
    content = base64.b64encode((CAPTURES / "arp.pcap").read_bytes()).decode()
    page.evaluate(
        """content => {
            const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], "arp <img src=x>.pcap"));
            for (const type of ["dragenter", "dragover", "drop"])
                document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        content,
    )
    expect(page.locator("#uploads")).to_contain_text("is indexed.", timeout=20_000)
    expect(page.locator("#total")).to_have_text(str(before + len(found_by_tshark("frame", "test_pcaps/arp.pcap"))))
    search(page, filter="arp", columns="number file")
    page.locator("#list tbody tr").first.click()
    expect(page.get_by_role("treeitem", name="Address Resolution Protocol").first).to_be_visible()
    page.locator("#capture").set_input_files(CAPTURES / "README.md")
    expect(page.locator("#uploads")).to_contain_text("this is not a capture")


def test_list(page: Page) -> None:
    """Endless: more rows come as it is scrolled; sorted by a click on a title."""
    search(page, columns="number time protocol length file")
    rows = page.locator("#list tbody tr[data-packet]")
    expect(rows).to_have_count(100)
    for _ in range(5):
        page.locator(".list").evaluate("list => list.scrollTo(0, list.scrollHeight)")
        settled(page)
    expect(rows).to_have_count(total(page))
    assert len(set(shown(page))) == total(page)
    page.get_by_role("columnheader", name="Length").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Length")).to_have_attribute("aria-sort", "ascending")
    lengths = [int(text) for text in page.locator("#list tbody td:nth-child(4)").all_inner_texts()]
    assert lengths == sorted(lengths)
    assert state(page)["sort"] == "length"
    page.keyboard.press("Escape")
    page.locator("#list tbody tr").first.focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.rowIndex") == 2


def test_nothing_of_a_hostile_capture_runs(page: Page, site: Served) -> None:
    """Host names, header values and DNS labels that are markup: in the list, the breakdown and each dissection."""
    columns = "number info http.host http.user_agent http.cookie dns.qry.name file"
    search(page, query="file_name:*markup.pcap", columns=columns)
    rows = page.locator("#list tbody tr[data-packet]")
    expect(rows).to_have_count(10)
    assert "<script>document.title='owned'</script>" in " ".join(rows.all_inner_texts())
    for at in range(10):
        with page.expect_response(re.compile("/packet")):
            rows.nth(at).click()
        expect(page.locator("#packet .tree")).to_be_visible()
        page.get_by_text("Follow stream").click()
        expect(page.locator("#stream pre").first).to_be_visible()
    elements = page.evaluate(
        "[...new Set([...document.querySelectorAll('#results *, #packet *, #tables *')].map(each => each.localName))]"
    )
    known = {"div", "table", "thead", "tbody", "tr", "th", "td", "a", "p", "span", "pre", "h2", "h3", "caption"}
    assert set(elements) <= known | {"button", "col", "colgroup", "mark"}
    assert page.title() == "espcap"


@pytest.mark.parametrize(
    ("name", "scheme", "width"), [("light", "light", 1280), ("dark", "dark", 1280), ("narrow", "light", 400)]
)
def test_looks(page: Page, name: str, scheme: Any, width: int, tmp_path: Path) -> None:
    """Nothing is wrong for axe-core, contrast included, nor wider than the page. ESPCAP_SCREENSHOTS=docs keeps them."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    open_packet(page, filter="tcp", query='file_name:"test_pcaps/http_xml.pcap"')
    page.get_by_role("treeitem", name="Transmission Control Protocol").click()
    settled(page)
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    folder = ROOT / os.environ["ESPCAP_SCREENSHOTS"] if "ESPCAP_SCREENSHOTS" in os.environ else tmp_path
    page.evaluate("scrollTo(0, 0); document.querySelector('footer').hidden = true")  # it names a folder of the test
    page.screenshot(path=folder / f"serve-{name}.png", full_page=name == "narrow")
    assert (folder / f"serve-{name}.png").stat().st_size > 10_000
