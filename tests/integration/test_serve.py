"""`espcap serve` as whoever can reach its port sees it: who may ask, and what the answers hold."""

import http.client
import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from packaging.version import Version

from espcap.tshark.program import environment, find_program
from espcap.web.guard import CONTENT_SECURITY_POLICY
from tests.support.command import CAPTURES, espcap, start
from tests.support.elasticsearch_node import remove_packets
from tests.support.frame_oracle import frames as frames_of
from tests.support.frame_oracle import without_empty
from tests.support.hostile import packets
from tests.support.hostile.writers import START, enhanced_packet, interface, section
from tests.support.live_run import until
from tests.support.served import Answer, Reading, Served, served

SAMPLES = ["http_xml.pcap", "dns.pcap", "tls13.pcapng", "icmp.pcap", "ipv6.pcap", "arp.pcap"]
EVERY_PATH = [
    "/",
    "/rows",
    "/check",
    "/histogram",
    "/tables",
    "/complete",
    "/document",
    "/packets",
    "/static/style.css",
    "/none",
]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An index with samples and with captures that mean to do harm."""
    folder = tmp_path_factory.mktemp("serve")
    hostile = [packets.markup(folder / "markup.pcap"), packets.hostile_http(folder / "http.pcap")]
    hostile += [packets.hostile_names(folder / "names.pcapng"), packets.dns_escape_name(folder / "dns.pcap")]
    files = [word for path in [*(CAPTURES / name for name in SAMPLES), *hostile] for word in ("--file", path)]
    assert espcap(*files, "--node", f"local:{folder / 'index'}").status == 0
    return f"local:{folder / 'index'}"


@pytest.fixture(scope="module")
def page(node: str) -> Iterator[Served]:
    with served(node) as found:
        yield found


def frames(display_filter: str) -> int:
    """How many packets of the samples tshark finds."""
    found = 0
    for name in SAMPLES:
        command = ["tshark", "-n", "-r", str(CAPTURES / name), "-Y", display_filter]
        answer = subprocess.run(command, capture_output=True, env=environment(), check=True)
        found += len(answer.stdout.splitlines())
    return found


# Who may ask


@pytest.mark.parametrize("path", EVERY_PATH)
def test_nothing_without_the_token(page: Served, path: str) -> None:
    wrong = [{}, {"Cookie": f"espcap-{page.port}=wrong"}, {"Authorization": "Bearer wrong"}, {"Cookie": "\xff=;;"}]
    for headers in wrong:
        answer = page.ask(path, headers)
        assert answer.status == 403
        assert answer.text.startswith("Not allowed.")
    for text in ("", "wrong", page.token[:-1], f"{page.token}x"):
        assert page.ask(f"{path}?token={text}").status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_no_other_method_without_the_token(page: Served, method: str) -> None:
    assert page.ask(f"/?token={page.token}", method=method).status == 403
    assert page.ask("/captures?name=x.pcap", method=method, body=b"x").status == 403


def test_token_becomes_a_cookie(page: Served) -> None:
    """The address that is printed leads to one without the token, which may be kept and shown."""
    answer = page.ask(f"/?filter=tcp&token={page.token}")
    folder, _, rest = answer.headers["location"].rpartition("/")
    assert (answer.status, rest) == (303, "?filter=tcp")
    cookie = answer.headers["set-cookie"]
    assert f"path={folder}" in cookie.lower().split("; ")
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()
    assert page.token not in page.get("/").text
    assert page.ask("/", {"Authorization": f"Bearer {page.token}"}).status == 200
    assert page.ask(f"//example.test/?token={page.token}").headers["location"] == f"{folder}/example.test/"


def test_other_ports_do_not_see_the_token(page: Served, node: str) -> None:
    """Browsers send the cookies of a machine to all of its ports, but only below the cookie's path."""
    folder = page.ask(f"/?token={page.token}").headers["location"].rstrip("/")
    assert re.fullmatch("/[0-9a-f]{24}", folder)
    assert page.token not in folder
    with served(node) as other:
        assert other.ask(f"/?token={other.token}").headers["location"] != f"{folder}/"
    assert page.get(folder).headers["location"] == f"{folder}/"
    shown = page.get(f"{folder}/")
    assert shown.status == 200
    addresses = [value or "" for name, value in Reading(shown.text).attributes if name in ("href", "src", "hx-get")]
    assert addresses
    assert not [address for address in addresses if address.startswith("/")]
    for address in addresses:
        assert page.get(f"{folder}/{address.removeprefix('./')}").status == 200
    assert page.get(f"{folder}/", packet="x").status == 200
    assert page.ask(f"{folder}/").status == 403


@pytest.mark.parametrize(
    "others",
    [
        "{}; a b=c; @=1; x[y]=z; {}",
        'json={{"a":"b, c"}}; {}',
        "espcap-{port}=wrong; {}; espcap-{port}=wrong",
        "=; ;;  {}",
        "large=" + "x" * 100_000 + "; {}",
    ],
)
def test_cookies_of_other_servers(page: Served, others: str) -> None:
    """They lock nobody out, whatever they are."""
    cookie = others.format(page.cookie["Cookie"], page.cookie["Cookie"], port=page.port)
    assert page.ask("/", {"Cookie": cookie}).status == 200


@pytest.mark.parametrize("host", ["example.test", "127.0.0.1.example.test", "localhost.example.test:80", "", "[::1"])
def test_other_names_are_refused(page: Served, host: str) -> None:
    """A name that somebody points at us makes us a page of theirs (DNS rebinding)."""
    for path in ("/", f"/?token={page.token}"):
        answer = page.ask(path, page.cookie | {"Host": host})
        assert answer.status in (400, 403)
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1234", "127.0.0.1:8477", "[::1]:8477", socket.gethostname()])
def test_names_of_this_machine(page: Served, host: str) -> None:
    """Also through a forwarded port."""
    assert page.ask("/", page.cookie | {"Host": host}).status == 200


@pytest.mark.parametrize("path", EVERY_PATH)
def test_headers_of_every_answer(page: Served, path: str) -> None:
    for answer in (page.get(path), page.ask(path)):
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "server" not in answer.headers
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_elsewhere_than_on_loopback(tmp_path: Path) -> None:
    node = f"local:{tmp_path / 'index'}"
    assert espcap("setup", "--node", node).status == 0
    refused = espcap("serve", "--node", node, "--listen", "0.0.0.0:0")
    assert refused.status == 2
    assert refused.lines == [
        "Error: 0.0.0.0 is not loopback: others could read the traffic (name a --certificate, or give --without-tls)"
    ]
    for wrong in ("127.0.0.1", "127.0.0.1:99999", ":80"):
        assert espcap("serve", "--node", node, "--listen", wrong).status == 2
    missing = espcap("serve", "--node", node, "--listen", "127.0.0.1:0", "--certificate", tmp_path / "none.pem")
    assert missing.status == 2
    assert "cannot use the certificate" in missing.lines[0]


def test_tls(node: str, tmp_path: Path) -> None:
    """Elsewhere than on loopback, with a certificate: the cookie goes by TLS alone."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *names], check=True, capture_output=True)
    process = start(*("serve", "--node", node, "--listen", "0.0.0.0:0", "--certificate", certificate, "--key", key))
    try:
        assert process.stdout
        address = urlsplit(process.stdout.readline().decode().strip())
        assert (address.scheme, address.hostname) == ("https", socket.gethostname())
        context = ssl.create_default_context(cafile=certificate)
        connection = http.client.HTTPSConnection("127.0.0.1", address.port, context=context, timeout=30)
        connection.request("GET", f"/?{address.query}")
        answer = connection.getresponse()
        assert (answer.status, "; Secure" in str(answer.getheader("set-cookie"))) == (303, True)
        connection.close()
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


def test_place_that_is_taken(page: Served, node: str) -> None:
    ran = espcap("serve", "--node", node, "--listen", f"{page.host}:{page.port}")
    assert ran.status == 1
    assert "cannot listen on 127.0.0.1" in ran.lines[0]


# What the answers hold


def test_page_opens_on_all_packets(page: Served) -> None:
    answer = page.get("/")
    reading = Reading(answer.text)
    total = frames("frame") + 14
    assert len(reading.packets) == min(100, total)
    assert f'<span id="total">{total}</span>' in answer.text
    over_time = page.get("/histogram").text
    counts = re.search(r'data-counts="([\d ]+)"', over_time)
    assert counts
    assert sum(map(int, counts[1].split())) == total


@pytest.mark.parametrize(
    "display_filter", ["dns", "tcp.flags.syn == 1", "ip.addr == 192.0.2.0/24 && !dns", "frame.len > 500"]
)
def test_display_filter_finds_what_tshark_finds(page: Served, display_filter: str) -> None:
    names = " OR ".join(f'file_name:"{CAPTURES / name}"' for name in SAMPLES)
    answer = page.get("/", filter=display_filter, query=names)
    assert answer.status == 200
    assert len(Reading(answer.text).packets) == frames(display_filter)


def follow(page: Served, **parameters: str) -> list[str]:
    """The packets of a list to its end, as htmx asks for more of it."""
    found: list[str] = []
    address = f"/?{urlencode(parameters)}"
    while address:
        reading = Reading(page.ask(address, page.cookie).text)
        found += reading.packets
        values = dict(reading.attributes)
        more = urlencode(json.loads(values.get("hx-vals") or "{}"))
        rows = [value for _, value in reading.attributes if value and value.startswith("rows?")]
        address = f"/{rows[0]}&{more}" if rows else ""
    return found


@pytest.fixture(scope="module")
def nodes(node: str, _elasticsearch_node: str) -> Iterator[list[str]]:
    """Both stores with the samples."""
    files = [word for name in SAMPLES for word in ("--file", CAPTURES / name)]
    assert espcap(*files, "--node", _elasticsearch_node).status == 0
    yield [node, _elasticsearch_node]
    remove_packets(_elasticsearch_node)


def test_elasticsearch_answers_the_same(page: Served, nodes: list[str]) -> None:
    """The list to its end in several orders, the histogram, the breakdown, and a packet."""
    samples = " OR ".join(f'file_name:"{CAPTURES / name}"' for name in SAMPLES)
    with served(nodes[1]) as other:
        assert "Elasticsearch" in other.get("/").text
        for sort in ("time", "-time", "-length", "protocol", "ip.ttl"):
            columns = "number time protocol length ip.ttl"
            assert follow(page, sort=sort, query=samples, columns=columns) == follow(other, sort=sort, columns=columns)
        for path in ("/histogram", "/tables"):
            narrowed = {"filter": "tcp || dns", "query": samples}
            assert page.get(path, **narrowed).text == other.get(path, **narrowed).text
        packet = identifier(page, "dns.pcap", 3)
        assert page.get("/packet", packet=packet).text == other.get("/packet", packet=packet).text


@pytest.mark.parametrize(
    "sort", ["@timestamp", "-@timestamp", "-network.bytes", "protocol", "source.ip", "-file_name", "-protocols"]
)
def test_list_to_its_end(page: Served, node: str, sort: str) -> None:
    """Every packet once, in the order of espcap search."""
    names = {"@timestamp": "time", "network.bytes": "length", "source.ip": "source", "file_name": "file"}
    column = names.get(sort.removeprefix("-"), sort.removeprefix("-"))
    found = follow(
        page,
        sort=f"{'-' * sort.startswith('-')}{column}",
        columns="number time source protocol protocols length file",
    )
    documents = espcap("search", "--size", "1000", "--sort", sort, "--node", node).documents
    known = {f"{each['capture_id']}-{each['layers']['frame']['number']}": each for each in documents}
    assert len(found) == len(set(found)) == len(known) > 100
    assert [key(known[each], sort) for each in found] == [key(document, sort) for document in documents]


@pytest.mark.parametrize("sort", ["time", "-time", "length", "-source", "espcap.bad_time"])
def test_packets_without_a_time_come_last(undated: Served, sort: str) -> None:
    """Each once, over the page on which time ends, and with many that have the same time."""
    found = follow(undated, sort=sort, columns="number time source length espcap.bad_time")
    assert len(found) == len(set(found)) == 260
    if sort.removeprefix("-") == "time":
        assert {int(each.rpartition("-")[2]) for each in found[130:]} == set(range(1, 261, 2))


@pytest.fixture(scope="module")
def undated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """130 packets of the year 36812, which is no time for a document, between 130 of one moment."""
    folder = tmp_path_factory.mktemp("undated")
    ticks = (2**40 * 10**6, START * 10**6)
    blocks = [enhanced_packet(packets.LINK_TYPES["arp"][1], ticks[number % 2 == 0]) for number in range(1, 261)]
    (folder / "undated.pcapng").write_bytes(section() + interface() + b"".join(blocks))
    assert espcap("--file", folder / "undated.pcapng", "--node", f"local:{folder / 'index'}").status == 0
    with served(f"local:{folder / 'index'}") as found:
        yield found


def key(document: dict[str, Any], sort: str) -> Any:
    found: Any = document
    for part in sort.removeprefix("-").split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if isinstance(found, list):  # a packet stands where the last of its values belongs, or the first
        return max(found) if sort.startswith("-") else min(found)
    return found


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("filter", "ip.scr == 1.2.3.4", "unknown field 'ip.scr': did you mean ip.src"),
        ("filter", "ip.addr ==", "filter 'ip.addr ==': it ends too early (complete it"),
        ("query", "protocol:(http", "query 'protocol:(http': unexpected end of expression"),
        ("query", "layers.ip.scr:1", "no such field: layers.ip.scr: did you mean layers.ip.src"),
        ("query", "tcp port 80", "'tcp port 80' is a capture filter; stored packets are found by display filters"),
        ("since", "yesterdayish", "'yesterdayish' is not a time between 1970 and 2262 (write it as 2024-05-01"),
        ("until", "9999-01-01", "'9999-01-01' is not a time between 1970 and 2262"),
        ("columns", "time <b>x</b>", "no such field: <b>x</b>"),
    ],
)
def test_errors_in_their_place(page: Served, name: str, text: str, message: str) -> None:
    """Only at the input that is wrong; htmx gets only the messages, so that the list stays as it is."""
    whole = page.get("/", **{name: text})
    part = page.ask(f"/?{urlencode({name: text})}", page.cookie | {"HX-Request": "true"})
    for answer in (whole, part):
        assert answer.status == 422
        found = re.findall(r'<p id="(\w+)-error" class="error" role="alert">(.*?)</p>', answer.text)
        assert [each for each, _ in found] == ["filter", "query", "since", "until", "columns"]
        [(place, shown)] = [(each, unescape(error)) for each, error in found if error]
        assert (place, shown[: len(message)]) == (name, message)
    assert part.headers["hx-reswap"] == "none"
    assert part.text.startswith('<div id="messages" hx-swap-oob="true">')
    assert set(Reading(part.text).tags) == {"div", "p"}
    if name != "columns":  # only the list of packets has columns
        assert page.get("/check", **{name: text}).text == part.text
    assert page.get("/histogram", **{name: text}).status == (200 if name == "columns" else 422)


def test_why_there_is_nothing(page: Served, empty: tuple[Served, Path]) -> None:
    answer = unescape(page.get("/", query="ip.src:192.0.2.77").text)
    assert re.search(r"No packets: none of the [\d,]+ packets from 20\S+ to 20\S+ matches\. ", answer)
    answer = unescape(empty[0].get("/").text)
    assert f"No packets: local:{empty[1]} has no packets yet: espcap --file CAPTURE --node local:{empty[1]}" in answer


def test_notes(page: Served) -> None:
    assert "the query is used as a display filter" in page.get("/", query="ip.src == 192.0.2.1").text


def test_completion(page: Served) -> None:
    assert "ip.src" in page.get("/complete", word="ip.s", language="filter").text
    assert (
        page.get("/complete", word="source.", language="query").text
        == '["source.bytes","source.ip","source.mac","source.port"]'
    )
    assert "layers.dns.qry_name" in page.get("/complete", word="layers.dns.qry_n", language="query").text
    assert page.get("/complete", word="", language="filter").text == "[]"
    assert page.get("/complete", word="<script>", language="filter").text == "[]"


def test_address_holds_the_state(page: Served) -> None:
    """What htmx puts in the address bar leads to the same list."""
    wanted = {"filter": 'dns.qry.name contains "e"', "sort": "-length", "columns": "number dns.qry.name"}
    part = page.ask(f"/?{urlencode(wanted)}", page.cookie | {"HX-Request": "true"})
    pushed = part.headers["hx-push-url"]
    assert {name: values[0] for name, values in parse_qs(urlsplit(pushed).query).items()} == wanted
    assert Reading(page.ask(pushed, page.cookie).text).packets == Reading(part.text).packets
    assert "<html" not in part.text


def test_columns(page: Served) -> None:
    """Any field by its name, with the values that tshark prints."""
    cells = Reading(page.get("/", query=f'file_name:"{CAPTURES}/dns.pcap"', columns="number dns.qry.name").text).cells
    command = [
        "tshark",
        "-n",
        "-r",
        str(CAPTURES / "dns.pcap"),
        "-T",
        "fields",
        "-e",
        "frame.number",
        "-e",
        "dns.qry.name",
    ]
    printed = subprocess.run(command, capture_output=True, env=environment(), check=True).stdout.decode()
    assert [cells[at : at + 2] for at in range(0, len(cells), 2)] == [line.split("\t") for line in printed.splitlines()]


def test_info(page: Served) -> None:
    """Wireshark's column."""
    query = f'file_name:"{CAPTURES}/http_xml.pcap" AND layers.frame.number:<=4'
    column = "_ws.col.info" if find_program().version >= Version("4.4") else "_ws.col.Info"
    command = ["tshark", "-n", "-r", str(CAPTURES / "http_xml.pcap"), "-c", "4", "-T", "fields", "-e", column]
    printed = subprocess.run(command, capture_output=True, env=environment(), check=True).stdout.decode()
    assert Reading(page.get("/", query=query, columns="info").text).cells == printed.splitlines()


def test_top_talkers(page: Served) -> None:
    text = page.get("/tables", query=f'file_name:"{CAPTURES}/icmp.pcap"').text
    assert "Top sources" in text
    assert '<td class="number">' in text
    link = re.search(r'data-query="(source.ip:[^"]*)"', text)
    assert link
    assert Reading(page.get("/", query=unescape(link[1])).text).packets


@pytest.mark.parametrize("columns", ["info", "http.host http.user_agent http.cookie http.request.uri", "dns.qry.name"])
def test_markup_in_packets_is_text(page: Served, columns: str) -> None:
    """Host names, header values and DNS labels of hostile captures."""
    answer = page.get("/", query="file_name:*markup.pcap", columns=columns)
    reading = Reading(answer.text)
    assert len(reading.packets) == 10
    start = answer.text.index("<tbody>")
    assert set(Reading(answer.text[start : answer.text.index("</tbody>")]).tags) == {"tbody", "tr", "td"}
    assert any("document.title" in cell for cell in reading.cells)
    assert not [name for name, _ in reading.attributes if name.startswith("on")]


@pytest.mark.parametrize("path", ["/", "/histogram", "/tables", "/check", "/rows"])
def test_markup_in_the_address_is_text(page: Served, path: str) -> None:
    evil = "\"><script>alert(1)</script><img src=x onerror=alert(1)> ' hx-get='/rows'"
    for name in ("filter", "query", "since", "until", "sort", "columns", "packet", "after"):
        reading = Reading(page.get(path, **{name: evil}).text)
        assert "img" not in reading.tags
        if path == "/" and name in ("filter", "query", "since", "until", "columns"):
            assert ("value", evil) in reading.attributes
        assert not [attribute for attribute, _ in reading.attributes if attribute.startswith("on")]
        scripts = [value for name, value in reading.attributes if name == "src"]
        assert all(str(script).startswith("static/") for script in scripts)


def test_no_character_that_is_not_seen(page: Served) -> None:
    """Controls and changes of direction are written out."""
    for query in ("file_name:*names.pcapng", "file_name:*http.pcap", "file_name:*dns.pcap"):
        shown = page.get("/", query=query, columns="info http.host http.user_agent http.request.uri http.referer").text
        assert Reading(shown).packets
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", shown)


def test_odd_requests(page: Served) -> None:
    """Nothing that can be asked makes the page fail: what it cannot use it ignores, or it says what is wrong."""

    def packets_of(**parameters: str) -> list[str]:
        return Reading(page.get("/", **parameters).text).packets

    forwards, backwards = packets_of(), packets_of(sort="-time")
    assert len(forwards) > 50
    assert backwards != forwards
    assert packets_of(sort="-none") == backwards
    for ignored in ({"packet": "x"}, {"columns": "," * 1000}, {"skip": "9" * 5000}, {"after": "x"}, {"time": "x"}):
        assert packets_of(**ignored) == forwards, ignored
    statuses = {"sort": ("-none", [200, 200]), "skip": ("9" * 5000, [200, 200]), "after": ("x", [200, 200])}
    statuses |= {"time": ("x", [422, 200]), "since": ("\0", [200, 422]), "packet": ("x", [200, 200])}
    for name, (value, expected) in statuses.items():
        assert [page.get(path, **{name: value}).status for path in ("/rows", "/histogram")] == expected, name
    assert page.get("/", since="\0").status == 422
    assert not Reading(page.get("/rows", since="\0").text).packets
    assert page.ask("/?" + "a=1&" * 5000, page.cookie).status == 200
    assert page.get("/", filter="(" * 5000).status == 422
    assert page.get("/none").status == 404
    assert page.get("/static/style.css").status == 200
    assert page.get("/static/../application.py").status == 404
    assert page.ask("/static/..%2fapplication.py", page.cookie).status == 404


# The packets themselves


def identifier(page: Served, name: str, number: int) -> str:
    """Of a packet of a sample."""
    query = f'file_name:"{CAPTURES / name}" AND layers.frame.number:{number}'
    [found] = Reading(page.get("/", query=query).text).packets
    return found


class Tree(HTMLParser):
    """The lines of a dissection, indented by their levels."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.filters: list[str] = []
        self._is_label = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if given.get("role") == "treeitem":
            self.lines.append(" " * 4 * (int(given["aria-level"] or 0) - 1))
        self._is_label = given.get("class") == "label"
        self.filters += [given["data-filter"] or ""] if "data-filter" in given else []

    def handle_data(self, text: str) -> None:
        if self._is_label:
            self.lines[-1] += text

    def handle_endtag(self, tag: str) -> None:
        self._is_label = False


@pytest.mark.parametrize(("name", "number"), [("http_xml.pcap", 12), ("dns.pcap", 3), ("tls13.pcapng", 4)])
def test_packet_is_tsharks(page: Served, name: str, number: int) -> None:
    answer = page.get("/packet", packet=identifier(page, name, number))
    expected = frames_of(CAPTURES / name)[number - 1]
    assert answer.status == 200
    assert without_empty(Tree(answer.text).lines) == without_empty(expected)[: len(Tree(answer.text).lines)]
    shown = [unescape(line) for line in re.findall(r"<span>([0-9a-f]{4}  .*)</span>", answer.text)]
    assert shown
    assert [line.rstrip() for line in shown] == [line for line in expected if re.match(r"[0-9a-f]{4}  ", line)]


KNOWN_LATER = {
    *("tcp.completeness == 31", "http.next_request_in == 14", "http.next_response_in == 17", "dns.response_in == 4"),
}
"""What Wireshark concludes from later packets, and no document of a single pass can have."""


def test_filter_of_each_line_finds_the_packet(page: Served) -> None:
    """What the tree offers to filter on is understood, and finds the packet that it was taken from."""
    for name, number in (("http_xml.pcap", 12), ("dns.pcap", 3)):
        wanted = identifier(page, name, number)
        filters = [each for each in Tree(page.get("/packet", packet=wanted).text).filters if not each.startswith("!")]
        assert len(filters) > 20
        ids = {each: Reading(page.get("/", filter=each, query=f'_id:"{wanted}"').text).packets for each in filters}
        assert {each for each, found in ids.items() if found != [wanted]} <= KNOWN_LATER


@pytest.mark.parametrize(("name", "number", "protocol"), [("http_xml.pcap", 12, "tcp"), ("dns.pcap", 3, "udp")])
def test_messages_of_a_conversation(page: Served, name: str, number: int, protocol: str) -> None:
    """As tshark follows it, end by end."""
    packet = identifier(page, name, number)
    [stream] = Reading(page.get("/", query=f'_id:"{packet}"', columns=f"{protocol}.stream").text).cells
    follow = f"follow,{protocol},raw,{stream}"
    command = ["tshark", "-n", "-r", str(CAPTURES / name), "-q", "-z", follow]
    printed = subprocess.run(command, capture_output=True, env=environment(), check=True).stdout.decode()
    lines = re.findall(r"^(\t?)([0-9a-f]+)$", printed, re.M)
    said = {True: b"", False: b""}
    for tab, text in lines:
        said[tab == "\t"] += bytes.fromhex(text)
    assert any(said.values())
    shown = re.findall(r'<pre class="(begins|answers)">(.*?)</pre>', page.get("/stream", packet=packet).text, re.S)
    for is_answer, data in said.items():
        text = "".join(unescape(piece)[:-1] for end, piece in shown if (end == "answers") == is_answer)
        assert text == "".join(
            chr(byte) if 0x20 <= byte < 0x7F or byte == 10 else "." for byte in data.replace(b"\r\n", b"\n")
        )


def test_packet_that_is_not_there(page: Served) -> None:
    answer = page.get("/packet", packet="0" * 32 + "-1")
    assert answer.status == 422
    assert "does not exist" in answer.text


def test_markup_in_a_dissection_is_text(page: Served) -> None:
    texts = [
        page.get("/packet", packet=each).text
        for each in Reading(page.get("/", query="file_name:*markup.pcap").text).packets
    ]
    assert sum("document.title" in text for text in texts) > 5
    texts += [
        page.get("/stream", packet=each).text
        for each in Reading(page.get("/", query="file_name:*markup.pcap").text).packets
    ]
    assert texts
    for text in texts:
        reading = Reading(text)
        assert set(reading.tags) <= {"div", "h2", "h3", "span", "a", "pre", "button"}
        assert not [name for name, _ in reading.attributes if name.startswith("on")]
        links = [value or "" for name, value in reading.attributes if name == "href"]
        assert all(link.startswith(("./?", "extract?")) for link in links)


def test_extract(page: Served, tmp_path: Path) -> None:
    """The packets that tshark finds, byte for byte."""
    query = f'file_name:"{CAPTURES}/dns.pcap"'
    answer = page.get("/extract", filter="dns.flags.response == 1", query=query)
    assert answer.headers["content-disposition"] == 'attachment; filename="packets.pcapng"'
    assert (answer.headers["espcap-packets"], answer.headers["espcap-missing"]) == (
        str(packets_of(tmp_path, answer)),
        "0",
    )
    command = [
        "tshark",
        "-n",
        "-r",
        str(CAPTURES / "dns.pcap"),
        "-Y",
        "dns.flags.response == 1",
        "-T",
        "fields",
        "-e",
        "dns.id",
    ]
    expected = subprocess.run(command, capture_output=True, env=environment(), check=True).stdout
    command = ["tshark", "-n", "-r", str(tmp_path / "extracted.pcapng"), "-T", "fields", "-e", "dns.id"]
    assert subprocess.run(command, capture_output=True, env=environment(), check=True).stdout == expected
    conversations = page.get("/extract", filter="http.response.code == 200", query="file_name:*http_xml.pcap", flow="1")
    assert packets_of(tmp_path, conversations) > 10
    nothing = page.get("/extract", filter="frame.number == 4000000000")
    assert (nothing.status, "no packet can be extracted" in nothing.text) == (422, True)


def packets_of(folder: Path, answer: Answer) -> int:
    path = folder / "extracted.pcapng"
    path.write_bytes(answer.body)
    return len(frames_of(path))


# Captures that are sent


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[tuple[Served, Path]]:
    """A page whose index has nothing yet, and the folder of the index."""
    assert espcap("setup", "--node", f"local:{tmp_path / 'index'}").status == 0
    with served(f"local:{tmp_path / 'index'}") as found:
        yield found, tmp_path / "index"


def send(page: Served, name: str, body: bytes) -> Answer:
    """Sends a capture and waits until it is indexed."""
    answer = page.ask(f"/captures?{urlencode({'name': name})}", page.cookie, "POST", body)
    while address := re.search(r'hx-get="(captures/\d+)"', answer.text):
        time.sleep(0.1)
        answer = page.ask(f"/{address[1]}", page.cookie)
    return answer


def test_capture_that_is_sent(empty: tuple[Served, Path]) -> None:
    page, index = empty
    assert "Drop a capture on this page." in page.get("/").text
    body = (CAPTURES / "dns.pcap").read_bytes()
    done = send(page, "../../we ird<b>.pcap", body)
    assert "we_ird_b_.pcap is indexed." in done.text
    assert done.headers["hx-trigger"] == "indexed"
    [kept] = (index / "captures").iterdir()
    assert (kept.name, kept.read_bytes(), kept.stat().st_mode & 0o777) == ("we_ird_b_.pcap", body, 0o600)
    shown = Reading(page.get("/").text).packets
    assert len(shown) == len(frames_of(kept))
    assert "<h2>Packet" in page.get("/packet", packet=shown[-1]).text
    assert all(Reading(page.get("/", type=name).text).packets for name in ("flows", "transactions"))
    again = send(page, "we ird<b>.pcap", body)
    assert f"0 stored, {len(shown)} already there" in again.text
    other = send(page, "we ird<b>.pcap", (CAPTURES / "icmp.pcap").read_bytes())
    assert "we_ird_b_-2.pcap is indexed." in other.text


def open_files(process: int) -> Iterator[Path]:
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # it has just been closed
            yield descriptor.readlink()


def test_uploads_leave_nothing_open(empty: tuple[Served, Path]) -> None:
    """Neither those that are indexed, nor those that are refused."""
    page, _ = empty
    counts = []
    for name in ("dns.pcap", "icmp.pcap", "arp.pcap", "ipv6.pcap"):
        send(page, name, (CAPTURES / name).read_bytes())
        send(page, "text.pcap", b"text")
        counts.append(sum(each.suffix != ".parquet" for each in open_files(page.process)))
    assert counts[-1] <= counts[0] + 1  # some files of the index stay open, as many as the page may have at most


def test_others_are_answered_while_a_capture_is_compared(empty: tuple[Served, Path]) -> None:
    """A capture whose name is taken is compared with the one that has it, which takes its time."""
    page, index = empty
    body = (CAPTURES / "dns.pcap").read_bytes()
    send(page, "large.pcap", body)
    with (index / "captures" / "large.pcap").open("r+b") as file:
        file.truncate(1 << 30)
    with ThreadPoolExecutor(1) as threads:
        sent = threads.submit(page.ask, "/captures?name=large.pcap", page.cookie, "POST", body)
        waits = []
        while not sent.done():
            started = time.monotonic()
            page.ask("/static/style.css", page.cookie)
            waits.append(time.monotonic() - started)
    assert len(waits) > 5
    assert sent.result().status == 202


def test_files_that_are_not_a_capture(empty: tuple[Served, Path]) -> None:
    page, index = empty
    for body in (b"", b"text", b"\0" * 100_000):
        answer = page.ask("/captures?name=x.pcap", page.cookie, "POST", body)
        assert (answer.status, "this is not a capture" in answer.text) == (422, True)
    assert list((index / "captures").iterdir()) == []
    cut = send(page, "cut.pcap", (CAPTURES / "dns.pcap").read_bytes()[:-10])
    assert "Not all its packets are stored." in cut.text
    assert "cut short" in cut.text


def test_no_page_but_ours_may_send(empty: tuple[Served, Path]) -> None:
    page, index = empty
    body = (CAPTURES / "dns.pcap").read_bytes()
    for origin in ("http://example.test", "null", f"http://127.0.0.1:{page.port + 1}"):
        assert page.ask("/captures?name=x.pcap", page.cookie | {"Origin": origin}, "POST", body).status == 403
    assert page.ask("/captures?name=x.pcap", {"Origin": page.origin}, "POST", body).status == 403
    assert not (index / "captures").exists()
    assert page.ask("/captures?name=x.pcap", page.cookie | {"Origin": page.origin}, "POST", body).status == 202


def test_end_while_indexing(tmp_path: Path) -> None:
    """The packets that were read are stored, and the page ends long before all are."""
    body, copies = (CAPTURES / "http_xml.pcap").read_bytes(), 6000
    large = body[:24] + body[24:] * copies
    node = f"local:{tmp_path / 'index'}"
    assert espcap("setup", "--node", node).status == 0
    with served(node) as page:
        assert page.ask("/captures?name=large.pcap", page.cookie, "POST", large).status == 202

        def read() -> int:
            """The packets that were read so far; fails if the capture is indexed."""
            counted = re.search(r"Indexing large\.pcap: ([\d,]+) packets", page.ask("/captures/0", page.cookie).text)
            assert counted
            return int(counted[1].replace(",", ""))

        until(lambda: read() > 0)
        before = read()
    [summary, *_] = espcap("stats", "--node", node).documents
    assert before <= summary["packets"] < 33 * copies


def test_live_packets_have_no_capture(tmp_path: Path) -> None:
    """Their documents are shown instead."""
    node = f"local:{tmp_path / 'index'}"
    with (
        (CAPTURES / "dns.pcap").open("rb") as capture,
        subprocess.Popen(["cat"], stdin=capture, stdout=subprocess.PIPE) as pipe,
    ):
        assert espcap("--file", "-", "--node", node, stdin=pipe.stdout).status == 0
    with served(node) as page:
        [first, *_] = Reading(page.get("/").text).packets
        shown = page.get("/packet", packet=first).text
        assert "the capture came on standard input" in unescape(shown)
        assert "&#34;qry_name&#34;" in shown
