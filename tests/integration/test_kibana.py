"""Kibana's dashboard over the sample captures in a real Elasticsearch, put there by the commands of compose.yaml.

A real Kibana cannot be had by these tests. What they can know without one is checked here: each field that the saved
objects name, each reference, each chart's own aggregation; that Kibana draws them is not.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from espcap.stores.elasticsearch.kibana import objects_file
from tests.support import saved_objects
from tests.support.command import ROOT, environment, espcap
from tests.support.elasticsearch_node import call, remove_packets
from tests.support.fake_kibana import DEFAULT_SPACE, VERSION, FakeKibana, fake_kibana
from tests.support.pages import furnished, run
from tests.support.saved_objects import Json, Types

PACKETS = 230
"""In all captures of test_pcaps, without those of a compressed copy."""


@pytest.fixture(scope="module")
def text() -> str:
    """The file of saved objects."""
    return objects_file().read_text()


@pytest.fixture(scope="module")
def objects(text: str) -> list[Json]:
    """The saved objects: data view, list of packets, dashboard."""
    return saved_objects.parsed(text)


def compose_services() -> Json:
    """The services of compose.yaml."""
    services: Json = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return services


@pytest.fixture(scope="module")
def kibana() -> Iterator[FakeKibana]:
    with fake_kibana() as running:
        yield running


@pytest.fixture(scope="module")
def node(kibana: FakeKibana, tmp_path_factory: pytest.TempPathFactory, _elasticsearch_node: str) -> Iterator[str]:
    """An Elasticsearch after the commands of compose.yaml."""
    shell, option, script = compose_services()["espcap"]["command"]
    assert (shell, option) == ("sh", "-euc")
    addressed = script.replace("http://elasticsearch:9200", _elasticsearch_node)
    addressed = addressed.replace("http://localhost:5601", kibana.url)
    ran = run(f"set -eu\n{addressed}", furnished(tmp_path_factory.mktemp("compose")))
    assert f"263 packets read, {PACKETS} stored" in ran.stderr
    span = "?_g=(time:(from:'2023-11-14T23:00:00.000Z',to:'2024-05-01T10:00:03.140Z'))"
    dashboard = f"{kibana.url}/app/dashboards#/view/espcap-packets{span}"
    assert ran.stderr.endswith(f"dashboard Packets (espcap): {dashboard}\n")
    call(_elasticsearch_node, "POST", "/packets-*/_refresh")
    yield _elasticsearch_node
    remove_packets(_elasticsearch_node)


@pytest.fixture(scope="module")
def types(node: str) -> Types:
    """Fields that can be searched or summed up, and their types: what Kibana knows of them."""
    fields = call(node, "GET", "/packets-*/_field_caps?fields=*")["fields"]
    return {
        name: {type for type, caps in kinds.items() if caps["aggregatable"]}
        for name, kinds in fields.items()
        if name.split(".")[0] not in ("_id", "_index", "_source")
    }


def test_fields_exist_and_fit(objects: list[Json], types: Types) -> None:
    named = {use.field for item in objects for use in saved_objects.uses(item)}
    assert len(named) > 12
    assert {"@timestamp", "network.bytes", "layers.dns.qry_name", "layers.http.request_full_uri"} <= named
    assert saved_objects.field_problems(objects, types) == []


def test_a_wrong_field_is_found(text: str, objects: list[Json], types: Types) -> None:
    """Wherever it is named, and also where it exists but is of another type."""
    for field in {use.field for item in objects for use in saved_objects.uses(item)}:
        for place in re.finditer(rf'(?<=")({re.escape(field)})(?=\\?")', text):
            mutated = f"{text[: place.start()]}nowhere{text[place.end() :]}"
            problems = saved_objects.field_problems(saved_objects.parsed(mutated), types)
            assert problems == ["nowhere: no such field"], text[place.start() - 40 : place.start()]
    for field, other in {"network.bytes": "protocol", "@timestamp": "sniff_timestamp", "source.ip": "protocol"}.items():
        mutated = text.replace(f'sourceField\\":\\"{field}', f'sourceField\\":\\"{other}')
        [problem] = saved_objects.field_problems(saved_objects.parsed(mutated), types)
        assert problem.startswith(f"{other}: ")
    asking = [{"language": "kuery", "query": "protocol : dns and layers.dns.flags_rcodes > 0"}]
    assert saved_objects.field_problems(asking, types) == ["layers.dns.flags_rcodes: no such field"]


def test_fields_exist_before_a_packet_has_them(objects: list[Json]) -> None:
    """Kibana would warn of them in the place of a chart, or beside it."""
    template = json.loads(espcap("setup", "--print").output)
    for field in {use.field for item in objects for use in saved_objects.uses(item)}:
        mapping = template["template"]["mappings"]
        for name in field.split("."):
            assert name in mapping["properties"], field
            mapping = mapping["properties"][name]


def test_references_resolve(text: str, objects: list[Json]) -> None:
    view, packet_list, dashboard = objects
    assert saved_objects.reference_problems(objects) == []
    assert len(saved_objects.reference_problems([view, dashboard])) == 1
    assert len(saved_objects.reference_problems([packet_list, dashboard])) > len(saved_objects.lens(dashboard))
    renamed = saved_objects.parsed(text.replace("panel-3:indexpattern", "panel-X:indexpattern"))
    [problem] = saved_objects.reference_problems(renamed)
    assert problem == "dashboard: nothing is called panel-3:indexpattern-datasource-layer-packets"


def test_charts_and_places(text: str, objects: list[Json]) -> None:
    dashboard = objects[2]
    assert saved_objects.column_problems(dashboard) == []
    assert saved_objects.place_problems(dashboard) == []
    assert set(dashboard["attributes"]) <= saved_objects.DASHBOARD_KEYS
    renamed = saved_objects.parsed(text.replace('xAccessor\\":\\"time', 'xAccessor\\":\\"thyme'))[2]
    assert saved_objects.column_problems(renamed)
    moved = saved_objects.parsed(text.replace('\\"y\\":5', '\\"y\\":4'))[2]
    assert saved_objects.place_problems(moved)


def test_nothing_is_empty_with_the_sample_captures(node: str, objects: list[Json]) -> None:
    """What each chart asks for has an answer, and the dashboard's range of time has every packet."""
    dashboard = objects[2]
    attributes = dashboard["attributes"]
    span = {"range": {"@timestamp": {"gte": attributes["timeFrom"], "lte": attributes["timeTo"]}}}
    assert call(node, "POST", "/packets-*/_count", {"query": span})["count"] == PACKETS
    for chart in saved_objects.lens(dashboard):
        [layer] = saved_objects.layers(chart).values()
        body = {"size": 0, "track_total_hits": True, "query": span} | aggregations(list(layer["columns"].items()))
        answer = call(node, "POST", "/packets-*/_search", body)
        assert not empty(answer), layer["columns"]


def aggregations(columns: list[tuple[str, Json]]) -> dict[str, Any]:
    """What Lens asks of Elasticsearch for these columns: each bucket within that before it, numbers in the last."""
    asked: dict[str, Any] = {}
    for index, (name, column) in enumerate(columns):
        field = {"field": column["sourceField"]}
        if column["operationType"] == "terms":
            kind = {"terms": field | {"size": column["params"]["size"]}}
        elif column["operationType"] == "date_histogram":
            kind = {"date_histogram": field | {"fixed_interval": "30d", "min_doc_count": 1}}
        else:
            kind = {
                {"sum": "sum", "unique_count": "cardinality", "count": "value_count"}[column["operationType"]]: field
            }
            if column["operationType"] != "count":
                asked[name] = kind
            continue
        return {"aggs": {name: kind | aggregations(columns[index + 1 :])}}
    return {"aggs": asked} if asked else {}


def empty(answer: dict[str, Any]) -> bool:
    """Whether there is nothing to show: no packet, no bucket, or a number that is 0."""
    count = answer["doc_count"] if "doc_count" in answer else answer["hits"]["total"]["value"]
    inner = [value for name, value in (answer.get("aggregations") or answer).items() if isinstance(value, dict)]
    numbers = [value["value"] for value in inner if "value" in value]
    buckets = [value["buckets"] for value in inner if "buckets" in value]
    return not count or 0 in numbers or any(not found or empty(found[0]) for found in buckets)


def test_file_is_that_of_the_program(text: str) -> None:
    ran = subprocess.run([sys.executable, ROOT / "scripts/dashboard.py"], capture_output=True, text=True, check=True)
    assert ran.stdout == text, "run: python scripts/dashboard.py > kibana/packets.ndjson"


def test_command(kibana: FakeKibana, node: str, tmp_path: Path) -> None:
    """A node is not needed, except for the time of its packets; a local one is a misunderstanding."""
    kibana.spaces["alone"] = {}
    alone = espcap("setup", "--kibana", f"{kibana.url}/s/alone")
    assert (alone.status, len(alone.lines), alone.output) == (0, 1, b"")
    assert alone.summary.startswith("Kibana has data view Packets (espcap), packet list Packets (espcap), dashboard")
    assert "_g=" not in alone.summary
    assert len(kibana.spaces["alone"]) == len(kibana.spaces[DEFAULT_SPACE]) == 3
    local = espcap("setup", "--node", f"local:{tmp_path}/index", "--kibana", kibana.url)
    assert (local.status, len(local.lines)) == (2, 1)
    assert "Kibana cannot read a local index" in local.summary
    assert not (tmp_path / "index").exists()
    away = espcap("setup", "--node", node, "--kibana", "127.0.0.1:1")
    assert (away.status, len(away.lines)) == (1, 2)
    assert away.summary == (
        "Error: http://127.0.0.1:1 refuses connections (start Kibana there, or give another address with --kibana)"
    )
    swapped = espcap("setup", "--kibana", node)
    assert (swapped.status, len(swapped.lines)) == (1, 1)


def test_credentials_are_those_of_the_options(kibana: FakeKibana, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a2V5\n")
    kibana.authorization = "ApiKey a2V5"
    try:
        assert espcap("setup", "--kibana", kibana.url, "--api-key-file", tmp_path / "key").status == 0
        refused = espcap("setup", "--kibana", kibana.url, "--user", "u", ESPCAP_PASSWORD="s3cret")
    finally:
        kibana.authorization = None
    assert refused.status == 1
    assert "rejects the credentials (401)" in refused.summary
    assert "s3cret" not in refused.errors


def test_wheel_has_the_saved_objects(kibana: FakeKibana, tmp_path: Path) -> None:
    """What compose.yaml copies is all that the wheel needs, and the wheel finds its objects without the checkout."""
    source = tmp_path / "source"
    source.mkdir()
    for name in copied():
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    shutil.unpack_archive(wheel, tmp_path / "installed", "zip")
    before = len(kibana.requests)
    ran = subprocess.run(
        [sys.executable, "-m", "espcap", "setup", "--kibana", kibana.url],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(tmp_path / "installed")),
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert len(kibana.requests) == before + 2


def copied() -> list[str]:
    """What the image of espcap is made from."""
    lines = re.findall(r"^COPY (.*) \S+$", compose_services()["espcap"]["build"]["dockerfile_inline"], re.M)
    return [name for line in lines for name in line.split()]


def test_compose_versions_are_those_of_the_tests(node: str) -> None:
    services = compose_services()
    [running] = call(node, "GET", "/_nodes?filter_path=nodes.*.version")["nodes"].values()
    images = [services[name]["image"] for name in ("elasticsearch", "kibana")]
    assert images == [f"docker.elastic.co/{name}/{name}:{VERSION}" for name in ("elasticsearch", "kibana")]
    assert running["version"] == VERSION
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert f"python:{requires.removeprefix('>=')}-" in services["espcap"]["build"]["dockerfile_inline"]


def test_compose_waits_and_listens_on_loopback_alone() -> None:
    services = compose_services()
    assert set(services) == {"elasticsearch", "kibana", "espcap"}
    ports = {name: service.get("ports", []) for name, service in services.items()}
    assert ports == {"elasticsearch": ["127.0.0.1:9200:9200"], "kibana": ["127.0.0.1:5601:5601"], "espcap": []}
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert services[other]["healthcheck"]["test"][0] == "CMD", (name, other)
    assert set(services["espcap"]["depends_on"]) == {"elasticsearch", "kibana"}
    assert services["espcap"]["network_mode"] == "service:kibana"
    assert services["elasticsearch"]["environment"]["discovery.type"] == "single-node"
    assert urlsplit(services["kibana"]["environment"]["ELASTICSEARCH_HOSTS"]).hostname == "elasticsearch"
    [mounted] = services["espcap"]["volumes"]
    assert (ROOT / mounted.split(":")[0]).is_dir()


def test_compose_is_one_for_docker() -> None:
    docker = [shutil.which("docker") or "docker", "compose"]
    try:
        subprocess.run([*docker, "version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("docker compose is not installed")
    variables = os.environ | {"COMPOSE_FILE": str(ROOT / "compose.yaml")}
    ran = subprocess.run([*docker, "config", "--format", "json"], env=variables, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert set(json.loads(ran.stdout)["services"]) == set(compose_services())
