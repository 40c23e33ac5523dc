import pytest
from packaging.version import Version

from espcap.captures.sources import Interfaces
from espcap.tshark.arguments import (
    Settings,
    capture_command,
    columns_command,
    filter_command,
    json_command,
    plugin_command,
    ring_command,
)
from espcap.tshark.program import Program

TSHARK = Program("/opt/wireshark/bin/tshark", "TShark (Wireshark) 4.0.17", Version("4.0.17"))
START = ["/opt/wireshark/bin/tshark", "-n", "-T", "json", "--enable-protocol", "communityid"]
LIVE = ["/opt/wireshark/bin/tshark", "-n", "-l", "-T", "json", "--enable-protocol", "communityid"]


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        (Settings(), []),
        (Settings(display_filter='http.host == "a b"'), ["-Y", 'http.host == "a b"']),
        (Settings(display_filter="-Xlua_script:evil.lua"), ["-Y", "-Xlua_script:evil.lua"]),
        (Settings(count=5), ["-c", "5"]),
        (
            Settings(decode_as=("tcp.port==1,http", "udp.port==2,dns")),
            ["-d", "tcp.port==1,http", "-d", "udp.port==2,dns"],
        ),
        (Settings(decode_as=("-w out.pcap",)), ["-d", "-w out.pcap"]),
        (
            Settings(preferences=("tls.keylog_file:/a b.keys", "tcp.desegment_tcp_streams:FALSE")),
            ["-o", "tls.keylog_file:/a b.keys", "-o", "tcp.desegment_tcp_streams:FALSE"],
        ),
        (
            Settings("http", ("tcp.port==1,http",), ("a.b:c",), 5, "/a profile"),
            ["-Y", "http", "-c", "5", "-d", "tcp.port==1,http", "-o", "a.b:c"],
        ),
    ],
)
def test_json_command(settings: Settings, options: list[str]) -> None:
    rules = options.index("-o") if "-o" in options else len(options)
    options[rules:rules] = ["-o", "giop.ior_txt:"]
    assert json_command(TSHARK, settings) == [*START, *options, "-r", "-"]


def test_json_command_of_a_live_capture() -> None:
    assert json_command(TSHARK, Settings("http"), live=True) == [*LIVE, "-Y", "http", "-o", "giop.ior_txt:", "-r", "-"]


@pytest.mark.parametrize("version", ["3.6.0", "4.2.0", "4.4.1"])
def test_other_versions_get_the_same(version: str) -> None:
    program = Program(TSHARK.path, f"TShark (Wireshark) {version}", Version(version))
    assert json_command(program, Settings("http", count=1)) == json_command(TSHARK, Settings("http", count=1))


@pytest.mark.parametrize(
    ("settings", "interfaces", "options"),
    [
        (Settings(), Interfaces(("lo",)), ["-q", "-i", "lo"]),
        (Settings(count=5), Interfaces(("lo",)), ["-c", "5", "-q", "-i", "lo"]),
        (
            Settings("http"),
            Interfaces(("lo", "eth0"), "tcp port 80 or udp"),
            ["-q", "-f", "tcp port 80 or udp", "-i", "lo", "-i", "eth0"],
        ),
        (
            Settings(),
            Interfaces(("name with blanks",), "-w out.pcap"),
            ["-q", "-f", "-w out.pcap", "-i", "name with blanks"],
        ),
    ],
)
def test_capture_command(
    settings: Settings, interfaces: Interfaces, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Program, "dumpcap", "/opt/wireshark/bin/dumpcap")
    assert capture_command(TSHARK, settings, interfaces) == ["/opt/wireshark/bin/dumpcap", *options, "-w", "-"]


RULES = ["-Y", "http", "-c", "5", "-o", "giop.ior_txt:", "-r", "-"]


def test_columns_command() -> None:
    settings = Settings("http", count=5)
    command = columns_command(TSHARK, settings)
    assert command[: len(START) + len(RULES)] == [*START, *RULES] == json_command(TSHARK, settings)
    assert [word for word in command if word.startswith(("frame.", "_ws.", "text"))] == [
        *("frame.number", "_ws.col.info", "_ws.col.protocol", "text")
    ]


def test_filter_command() -> None:
    """The command that prints only frame numbers dissects as the one that prints JSON."""
    command = filter_command(TSHARK, Settings("http", count=5))
    assert command == [TSHARK.path, "-n", "-T", "fields", "-e", "frame.number", *START[4:], *RULES]


def test_plugin_command() -> None:
    """The plugin gets the display filter too; a filter with commas stays one argument."""
    command = plugin_command(TSHARK, Settings("http,x", count=5))
    assert command[:3] == [TSHARK.path, "-n", "-q"]
    assert command[command.index("-z") + 1] == "espcap,http,x"
    assert command[command.index("-Y") + 1] == "http,x"
    assert "-T" not in command
    plain = plugin_command(TSHARK, Settings())
    assert plain[plain.index("-z") + 1] == "espcap"
    assert "-Y" not in plain


def test_ring_command() -> None:
    capture = ["/opt/wireshark/bin/dumpcap", "-q", "-i", "lo", "-w", "-"]
    ring = ring_command(capture, "/spool/packets.pcapng", 500, 24)
    options = ["-b", "filesize:500", "-b", "files:24", "-b", "printname:stdout"]
    assert ring == [*capture[:-1], "/spool/packets.pcapng", *options]
    assert ring_command(capture, "/spool/packets.pcapng", 500, 24, 60) == [*ring, "-b", "duration:60"]
