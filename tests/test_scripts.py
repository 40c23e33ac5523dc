"""The shell scripts, which do with curl alone what espcap does."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.elasticsearch_node import call
from tests.stores.fault_server import Answer, Server, fault_server

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
