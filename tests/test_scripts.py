"""The shell scripts, which do with curl alone what espcap does."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.elasticsearch_node import call
from tests.support.fault_server import Answer, Server, fault_server

SCRIPTS = Path(__file__).parent.parent / "scripts"


def run(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SCRIPTS / name), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=60,
    )


@pytest.fixture
def server() -> Iterator[Server]:
    with fault_server() as running:
        yield running


def test_packets_are_found(elasticsearch_url: str) -> None:
    node = elasticsearch_url.removeprefix("http://")
    put = run("templates.sh", node)
    assert (put.returncode, put.stdout, put.stderr) == (0, "The template for packets-* is on the node.\n", "")
    for number, protocol in enumerate(["dns", "http", "http"]):
        layers = {"frame": {"number": number}}
        source = {"@timestamp": f"2015-07-30T05:22:1{number}Z", "protocol": protocol, "layers": layers}
        call(elasticsearch_url, "PUT", f"/packets-2015-07-30/_create/{number}?refresh=true", source)

    def numbers(*query: str, **environment: str) -> list[int]:
        done = run("packet_query.sh", node, *query, **environment)
        assert (done.returncode, done.stderr) == (0, "")
        return [hit["_source"]["layers"]["frame"]["number"] for hit in json.loads(done.stdout)["hits"]["hits"]]

    assert numbers() == [0, 1, 2]
    assert numbers(ESPCAP_SIZE="1") == [0]
    assert numbers("protocol:http AND layers.frame.number:[2 TO *]") == [2]
    assert numbers("http") == [1, 2]
    assert numbers('http AND "& more=1"') == []


CONTROLS = "".join(
    map(chr, [0x1B, 0x7F, *range(0x80, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
)
HARMLESS = '\xa0é\u2027\u202f\u2065\u206a\U0001f600\\\\"/&'


def test_no_control_character_is_raw(elasticsearch_url: str) -> None:
    text = CONTROLS + HARMLESS
    call(elasticsearch_url, "PUT", "/packets-2015-07-30/_create/1?refresh=true", {"@timestamp": 0, "text": text})
    done = run("packet_query.sh", elasticsearch_url)
    assert json.loads(done.stdout)["hits"]["hits"][0]["_source"]["text"] == text
    assert not set(CONTROLS) & set(done.stdout)
    assert HARMLESS[:6] in done.stdout


def test_no_control_character_of_a_failure_is_raw(server: Server) -> None:
    server.always = Answer(500, b"<html>\x1b[31m\xc2\x9b\x7f</html>")
    done = run("packet_query.sh", server.url)
    assert done.returncode == 1
    assert "<html>[31m\\u009b\\u007f</html>" in done.stderr
    put = run("templates.sh", server.url)
    assert put.returncode == 1
    assert "<html>[31m</html>" in put.stderr


def test_no_packets_yet(elasticsearch_url: str) -> None:
    done = run("packet_query.sh", elasticsearch_url + "/", "protocol:http")
    assert (done.returncode, json.loads(done.stdout)["hits"]["hits"]) == (0, [])


def test_query_that_is_none(elasticsearch_url: str) -> None:
    run("templates.sh", elasticsearch_url)
    call(elasticsearch_url, "PUT", "/packets-2015-07-30/_create/1?refresh=true", {"protocol": "http"})
    done = run("packet_query.sh", elasticsearch_url, "protocol:[")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: the node does not answer this query:")


@pytest.mark.parametrize("name", ["templates.sh", "packet_query.sh"])
@pytest.mark.parametrize("arguments", [(), ("--help",), ("a", "b", "c")])
def test_usage(name: str, arguments: tuple[str, ...]) -> None:
    done = run(name, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Usage: {SCRIPTS / name} NODE")


@pytest.mark.parametrize("name", ["templates.sh", "packet_query.sh"])
def test_nobody_listens(name: str) -> None:
    done = run(name, "127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.endswith("Error: the node could not be reached\n")


@pytest.mark.parametrize("name", ["templates.sh", "packet_query.sh"])
def test_credentials_come_from_a_file(name: str, server: Server, tmp_path: Path) -> None:
    server.always = Answer(401, b'{"error":"who are you"}')
    config = tmp_path / "curl"
    config.write_text('user = "elastic:s3cret"\n')
    done = run(name, server.url, ESPCAP_CURL_CONFIG=str(config))
    assert server.headers[0]["authorization"] == "Basic ZWxhc3RpYzpzM2NyZXQ="
    assert done.returncode == 1
    assert "who are you" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
