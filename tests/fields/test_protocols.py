import shutil
import subprocess
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.fields.protocols import Place, ProtocolList, Stack, read_list
from espcap.fields.registry import Registry
from tests.support.wireshark_versions import installed

pytest_plugins = ["tests.support.core_fixtures"]

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf" / "protocols.list"


def stack(link: str = "", network: str = "", transport: str = "", application: str = "") -> Stack:
    """A stack from names, with `ip/1` for the second occurrence of ip."""
    places = []
    for name in (link, network, transport, application):
        protocol, _, occurrence = name.partition("/")
        places.append(Place(protocol, int(occurrence or 0)) if protocol else None)
    return Stack(*places)


@pytest.fixture(scope="module")
def own() -> ProtocolList:
    return read_list()


@pytest.mark.parametrize(
    ("frame_protocols", "name", "expected"),
    [
        ("eth:ethertype:ip:tcp", "tcp", stack("eth", "ip", "tcp")),
        ("eth:ethertype:ip:tcp:http", "http", stack("eth", "ip", "tcp", "http")),
        ("eth:ethertype:ip:tcp:http:xml", "http", stack("eth", "ip", "tcp", "http")),
        ("eth:ethertype:ip:tcp:http:data-text-lines", "http", stack("eth", "ip", "tcp", "http")),
        ("eth:ethertype:ip:tcp:http:image-gif", "http", stack("eth", "ip", "tcp", "http")),
        ("eth:ethertype:ip:tcp:http:json", "http", stack("eth", "ip", "tcp", "http")),
        ("eth:ethertype:ip:udp:data", "udp", stack("eth", "ip", "udp")),
        ("eth:ethertype:ipv6:udp:dns", "dns", stack("eth", "ipv6", "udp", "dns")),
        ("eth:ethertype:ip:tcp:tls:tls:x509sat", "tls", stack("eth", "ip", "tcp", "tls/1")),
        ("eth:ethertype:ip:udp:quic:quic:tls", "tls", stack("eth", "ip", "udp", "tls")),
        ("eth:ethertype:ip:sctp", "sctp", stack("eth", "ip", "sctp")),
        ("eth:ethertype:ip:sctp:m3ua:sccp", "sccp", stack("eth", "ip", "sctp", "sccp")),
        ("eth:ethertype:ip", "ip", stack("eth", "ip")),
        ("eth:ethertype:ip:ospf", "ospf", stack("eth", "ip", "", "ospf")),
        ("eth:ethertype:ip:data", "ip", stack("eth", "ip")),
        # VLANs
        ("eth:ethertype:vlan:ethertype:ip:icmp", "icmp", stack("eth", "ip", "icmp")),
        ("eth:ethertype:vlan:ethertype:vlan:ethertype:ip:udp:dns", "dns", stack("eth", "ip", "udp", "dns")),
        ("eth:ethertype:ieee8021ad:ieee8021ad:ethertype:arp", "arp", stack("eth", "arp")),
        # tunnels: the innermost packet
        ("eth:ethertype:ip:gre:ip:tcp:http", "http", stack("eth", "ip/1", "tcp", "http")),
        ("eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:tcp:http", "http", stack("eth/1", "ip/1", "tcp", "http")),
        ("eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:udp:dns", "dns", stack("eth/1", "ip/1", "udp/1", "dns")),
        ("eth:ethertype:ip:ip:icmp", "icmp", stack("eth", "ip/1", "icmp")),
        ("eth:ethertype:ip:ip:ip", "ip", stack("eth", "ip/2")),
        ("eth:ethertype:ip:ipv6:tcp", "tcp", stack("eth", "ipv6", "tcp")),
        ("eth:ethertype:ipv6:ip:tcp", "tcp", stack("eth", "ip", "tcp")),
        ("eth:ethertype:ip:udp:gtp:ip:tcp:http", "http", stack("eth", "ip/1", "tcp", "http")),
        ("eth:ethertype:ip:gre:ppp:ip:udp:dns", "dns", stack("ppp", "ip/1", "udp", "dns")),
        # ICMP errors: what follows is the packet they are about
        ("eth:ethertype:ip:icmp:ip:udp:dns", "icmp", stack("eth", "ip", "icmp")),
        ("eth:ethertype:ip:icmp:ip:tcp", "icmp", stack("eth", "ip", "icmp")),
        ("eth:ethertype:ipv6:icmpv6:ipv6:udp:data", "icmpv6", stack("eth", "ipv6", "icmpv6")),
        ("eth:ethertype:ip:gre:ip:icmp:ip:udp", "icmp", stack("eth", "ip/1", "icmp")),
        # without IP
        ("eth:ethertype:arp", "arp", stack("eth", "arp")),
        ("eth:llc:stp", "stp", stack("eth", "", "", "stp")),
        ("eth:ethertype:lldp", "lldp", stack("eth", "", "", "lldp")),
        ("eth:ethertype:data", "eth", stack("eth")),
        ("radiotap:wlan_radio:wlan:llc:ip:tcp", "tcp", stack("wlan", "ip", "tcp")),
        ("wlan", "wlan", stack("wlan")),
        ("usb", "usb", stack("usb")),
        ("usb:usbhid", "usbhid", stack("usb", "", "", "usbhid")),
        ("user_dlt", "user_dlt", stack("user_dlt")),
        ("bluetooth:hci_h4:bthci_cmd", "bthci_cmd", stack("hci_h4", "", "", "bthci_cmd")),
        # other links
        ("sll:ethertype:ip:tcp", "tcp", stack("sll", "ip", "tcp")),
        ("raw:ip:udp", "udp", stack("raw", "ip", "udp")),
        ("null:ip:tcp", "tcp", stack("null", "ip", "tcp")),
        ("ip:udp", "udp", stack("", "ip", "udp")),
        ("ppp:ip:tcp", "tcp", stack("ppp", "ip", "tcp")),
        ("eth:ethertype:pppoes:ppp:ip:tcp", "tcp", stack("ppp", "ip", "tcp")),
        ("ppp:lcp", "lcp", stack("ppp", "", "", "lcp")),
        # nothing
        ("", "frame", stack()),
        ("frame", "frame", stack()),
    ],
)
def test_describe(own: ProtocolList, frame_protocols: str, name: str, expected: Stack) -> None:
    assert own.describe(frame_protocols) == (name, expected)


def test_the_list_decides_the_name() -> None:
    protocols = "eth:ethertype:ip:tcp:http:xml"
    assert ProtocolList(["tcp", "http", "xml"]).describe(protocols)[0] == "xml"
    assert ProtocolList(["tcp", "http"]).describe(protocols)[0] == "http"
    assert ProtocolList(["ip"]).describe(protocols)[0] == "ip"
    assert ProtocolList([]).describe(protocols) == ("tcp", stack("eth", "ip", "tcp"))
    assert ProtocolList([]).describe("eth:ethertype:arp")[0] == "arp"


def test_names_of_a_stack() -> None:
    assert stack("eth", "ip/1", "tcp", "http").names == {
        "link": "eth",
        "network": "ip",
        "transport": "tcp",
        "application": "http",
    }
    assert stack("eth").names == {"link": "eth"}
    assert stack().names == {}


def test_read_list(tmp_path: Path) -> None:
    path = tmp_path / "own.list"
    path.write_text("# a comment\n\n#tcp\n  dns  # and why\nudp\r\n   \n")
    read = read_list(str(path))
    assert read.describe("eth:ethertype:ip:tcp:dns")[0] == "dns"
    assert read.describe("eth:ethertype:ip:udp:http")[0] == "udp"
    assert read.describe("eth:ethertype:ip:sctp:http")[0] == "sctp"  # none is in the list


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "[Errno 2] No such file or directory: '{path}'"),
        (b"tcp\n\xff\n", "'utf-8' codec can't decode byte 0xff in position 4: invalid start byte"),
    ],
)
def test_read_list_that_cannot_be_read(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "own.list"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EspcapError) as caught:
        read_list(str(path))
    assert caught.value.message == f"cannot read the list of protocols {path}: {reason.format(path=path)}"
    assert caught.value.hint == "name another with --protocols"


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return [line for line in CONF.read_text().splitlines() if not line.startswith("# ")]


class TestOurList:
    def test_tshark_knows_every_name(self, lines: list[str], registry: Registry) -> None:
        """And the list has every name of tshark's; some are gone from newer versions, or were not in older ones."""
        names = {line.removeprefix("#") for line in lines}
        assert {name for name, _ in registry.protocols()} <= names
        assert len([name for name in names if not registry.is_protocol(name)]) <= installed().protocols_of_others
        assert len(lines) > 2900

    @pytest.mark.parametrize(
        "name", ["data", "data-text-lines", "data-l1-events", "media", "null", "png", "xml", "zip", "json"]
    )
    def test_commented_out(self, lines: list[str], name: str) -> None:
        assert f"#{name}" in lines
        assert name not in lines

    @pytest.mark.parametrize("prefix", ["_ws.", "image-"])
    def test_families_commented_out(self, lines: list[str], prefix: str) -> None:
        assert len([line for line in lines if line.startswith(f"#{prefix}")]) >= 2
        assert [line for line in lines if line.startswith(prefix)] == []

    @pytest.mark.parametrize("name", "http http2 http3 dns tls quic tcp udp sctp icmp ip ipv6 arp eth wlan".split())
    def test_not_commented_out(self, lines: list[str], name: str) -> None:
        assert name in lines
        assert f"#{name}" not in lines

    def test_the_script_writes_it_anew(self, tmp_path: Path) -> None:
        """It adds what is missing, and comments out what is to be."""
        for name in ("scripts/protocols.sh", "conf/protocols.list"):
            (tmp_path / name).parent.mkdir()
            shutil.copy(ROOT / name, tmp_path / name)
        copy = tmp_path / "conf" / "protocols.list"
        copy.write_text(copy.read_text().replace("\ntcp\n", "\n").replace("\n#xml\n", "\nxml\n"))
        subprocess.run(["sh", "scripts/protocols.sh"], cwd=tmp_path, check=True)
        assert copy.read_bytes() == CONF.read_bytes()


def test_a_protocol_that_is_in_no_list(tmp_path: Path) -> None:
    """Of a dissector of the user's own: it names the packet, above a transport. What is only left out does not."""
    own = tmp_path / "list"
    own.write_text("http\n")
    for protocols in (read_list(), read_list(str(own))):
        name, stack = protocols.describe("eth:ethertype:ip:udp:foo")
        assert (name, stack.names["application"]) == ("foo", "foo")
        assert protocols.describe("eth:ethertype:ip:tcp:http:foo")[0] == "foo"
        assert protocols.describe("eth:ethertype:ip:udp:data")[0] == "udp"
        assert protocols.describe("eth:ethertype:ip:udp:foo:data")[0] == "foo"
        assert protocols.describe("eth:foo:ip:tcp")[0] == "tcp"
    assert read_list(str(own)).describe("eth:ethertype:ip:udp:dns")[0] == "udp"


def test_own_protocols_need_no_list_wherever_they_are() -> None:
    listed = read_list().with_own(["plcbus"])
    assert listed.describe("eth:ethertype:plcbus") == ("plcbus", stack("eth", "", "", "plcbus"))
    assert listed.describe("eth:ethertype:plcbus:ip:tcp:http") == ("http", stack("eth", "ip", "tcp", "http"))
    assert read_list().describe("eth:ethertype:plcbus") == ("eth", stack("eth"))
