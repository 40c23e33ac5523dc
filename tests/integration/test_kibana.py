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
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import yaml

from espcap.documents.types import PACKETS as PACKET_TYPE
from espcap.documents.types import TYPES
from espcap.stores.elasticsearch.kibana import objects_file
from espcap.stores.elasticsearch.template import build_template
from espcap.tshark.program import find_program
from espcap.tshark.registry import open_registry
from tests.support import saved_objects
from tests.support.command import ROOT, environment, espcap
from tests.support.elasticsearch_node import call, remove_packets
from tests.support.fake_kibana import DEFAULT_SPACE, VERSION, FakeKibana, fake_kibana
from tests.support.pages import furnished, run
from tests.support.saved_objects import Json, Types

PACKETS = 230
"""In all captures of test_pcaps, without those of a compressed copy."""
INDICES = "packets-*,flows-*,transactions-*"
AMBIGUOUS = ("type", "query")
"""Names of fields that are also keys of saved objects."""


@pytest.fixture(scope="module")
def text() -> str:
    """The file of saved objects."""
    return objects_file().read_text()


@pytest.fixture(scope="module")
def objects(text: str) -> list[Json]:
    """The saved objects: data views, lists of documents, dashboards."""
    return saved_objects.parsed(text)


@pytest.fixture(scope="module")
def dashboards(objects: list[Json]) -> list[Json]:
    found = [item for item in objects if item["type"] == "dashboard"]
    assert [item["id"] for item in found] == ["espcap-packets", "espcap-services"]
    return found


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
    assert "263 packets read, " in ran.stderr
    span = "?_g=(time:(from:'2023-11-14T23:00:00.000Z',to:'2024-05-01T10:00:03.140Z'))"
    addresses = [f"{kibana.url}/app/dashboards#/view/espcap-{name}{span}" for name in ("packets", "services")]
    assert ran.stderr.endswith(f"dashboard Services (espcap): {' and '.join(addresses)}\n")
    call(_elasticsearch_node, "POST", f"/{INDICES}/_refresh")
    yield _elasticsearch_node
    remove_packets(_elasticsearch_node)


@pytest.fixture(scope="module")
def types(node: str) -> Types:
    """Fields that can be searched or summed up, and their types: what Kibana knows of them."""
    fields = call(node, "GET", f"/{INDICES}/_field_caps?fields=*")["fields"]
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
        before = r'(?<=sourceField\\":\\")' if field in AMBIGUOUS else '(?<=")'
        for place in re.finditer(rf'{before}({re.escape(field)})(?=\\?")', text):
            mutated = f"{text[: place.start()]}nowhere{text[place.end() :]}"
            problems = saved_objects.field_problems(saved_objects.parsed(mutated), types)
            assert problems == ["nowhere: no such field"], text[place.start() - 40 : place.start()]
    for field, other in {"network.bytes": "protocol", "@timestamp": "sniff_timestamp", "source.ip": "protocol"}.items():
        mutated = text.replace(f'sourceField\\":\\"{field}', f'sourceField\\":\\"{other}')
        [problem] = saved_objects.field_problems(saved_objects.parsed(mutated), types)
        assert problem.startswith(f"{other}: ")
    asking = [{"language": "kuery", "query": "protocol : dns and layers.dns.flags_rcodes > 0"}]
    assert saved_objects.field_problems(asking, types) == ["layers.dns.flags_rcodes: no such field"]


def test_fields_exist_before_a_document_has_them(objects: list[Json], dashboards: list[Json]) -> None:
    """Kibana would warn of them in the place of a chart, or beside it."""
    named = [(item["id"].removeprefix("espcap-") + "-*", item) for item in objects if item["type"] == "search"]
    named += [(saved_objects.pattern_of(chart), chart) for each in dashboards for chart in saved_objects.lens(each)]
    for of in TYPES:
        registry = cast(Any, None) if of is not PACKET_TYPE else open_registry(find_program(""))
        mappings = build_template(registry, documents=of)["template"]["mappings"]
        for field in {
            use.field for pattern, item in named if pattern == of.pattern for use in saved_objects.uses(item)
        }:
            mapping = mappings
            for name in field.split("."):
                assert name in mapping["properties"], (of.name, field)
                mapping = mapping["properties"][name]


def test_references_resolve(text: str, objects: list[Json], dashboards: list[Json]) -> None:
    assert saved_objects.reference_problems(objects) == []
    for kind in ("index-pattern", "search"):
        for missing in [item for item in objects if item["type"] == kind]:
            assert saved_objects.reference_problems([item for item in objects if item is not missing])
    renamed = saved_objects.parsed(text.replace("panel-3:indexpattern", "panel-X:indexpattern"))
    for problem, item in zip(saved_objects.reference_problems(renamed), dashboards, strict=True):
        assert item["type"] == "dashboard"
        assert problem == "dashboard: nothing is called panel-3:indexpattern-datasource-layer-documents"


def test_charts_and_places(text: str, dashboards: list[Json]) -> None:
    for dashboard in dashboards:
        assert saved_objects.column_problems(dashboard) == []
        assert saved_objects.place_problems(dashboard) == []
        assert set(dashboard["attributes"]) <= saved_objects.DASHBOARD_KEYS
    for dashboard in saved_objects.parsed(text.replace('xAccessor\\":\\"time', 'xAccessor\\":\\"thyme'))[-2:]:
        assert saved_objects.column_problems(dashboard)
    for dashboard in saved_objects.parsed(text.replace('\\"y\\":5', '\\"y\\":4'))[-2:]:
        assert saved_objects.place_problems(dashboard)


def test_nothing_is_empty_with_the_sample_captures(node: str, dashboards: list[Json]) -> None:
    """What each chart asks for has an answer, and the dashboards' range of time has every packet."""
    [(first, last)] = {(item["attributes"]["timeFrom"], item["attributes"]["timeTo"]) for item in dashboards}
    span = {"range": {"@timestamp": {"gte": first, "lte": last}}}
    assert call(node, "POST", "/packets-*/_count", {"query": span})["count"] == PACKETS
    for chart in [chart for item in dashboards for chart in saved_objects.lens(item)]:
        [layer] = saved_objects.layers(chart).values()
        body = {"size": 0, "track_total_hits": True, "query": span} | aggregations(list(layer["columns"].items()))
        answer = call(node, "POST", f"/{saved_objects.pattern_of(chart)}/_search", body)
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
            kind = {OPERATIONS[column["operationType"]]: field}
            if column["operationType"] != "count":
                asked[name] = kind
            continue
        return {"aggs": {name: kind | aggregations(columns[index + 1 :])}}
    return {"aggs": asked} if asked else {}


OPERATIONS = {"sum": "sum", "unique_count": "cardinality", "count": "value_count", "percentile": "percentiles"}


def empty(answer: dict[str, Any]) -> bool:
    """Whether there is nothing to show: no packet, no bucket, or a number that is 0."""
    count = answer["doc_count"] if "doc_count" in answer else answer["hits"]["total"]["value"]
    inner = [value for name, value in (answer.get("aggregations") or answer).items() if isinstance(value, dict)]
    numbers = [value["value"] for value in inner if "value" in value]
    buckets = [value["buckets"] for value in inner if "buckets" in value]
    return not count or 0 in numbers or any(not found or empty(found[0]) for found in buckets)


def test_file_is_that_of_the_program(text: str) -> None:
    ran = subprocess.run([sys.executable, ROOT / "scripts/dashboard.py"], capture_output=True, text=True, check=True)
    assert ran.stdout == text, "run: python scripts/dashboard.py > kibana/espcap.ndjson"


def test_command(kibana: FakeKibana, node: str, tmp_path: Path) -> None:
    """A node is not needed, except for the time of its packets; a local one is a misunderstanding."""
    kibana.spaces["alone"] = {}
    alone = espcap("setup", "--kibana", f"{kibana.url}/s/alone")
    assert (alone.status, len(alone.lines), alone.output) == (0, 1, b"")
    assert alone.summary.startswith("Kibana has data view Packets (espcap), data view Flows (espcap), data view")
    assert "_g=" not in alone.summary
    assert len(kibana.spaces["alone"]) == len(kibana.spaces[DEFAULT_SPACE]) == 8
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
