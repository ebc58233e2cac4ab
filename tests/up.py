"""`make up` and `make down`: what compose.yaml describes, as processes on this machine.

Kafka and PostgreSQL are those that the tests use; jobs and services, their commands, environment
and order are read from compose.yaml itself, so that what works here is what is written there. Only the names
of hosts, the ports and the mounted folders are this machine's. State and logs are in `.up/`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from tests import postgres
from tests.compose.project import FILE, Project, load
from tests.kafka.broker import Broker
from tests.kube.cluster import free_port
from tests.services import kafka_folder

TOCSIN = Path(sys.executable).with_name("tocsin")
READY_SECONDS = 120.0
GRACE_SECONDS = 30.0
_GIVEN = ("kafka", "postgres")


class UpError(Exception):
    """Why it does not come up; one line."""


@dataclass(frozen=True)
class Started:
    """A process that was started here; `created` tells it from a later one with the same number."""

    name: str
    pid: int
    created: float
    url: str = ""


@dataclass
class Up:
    """What runs, as it is written down in `.up/state.json`."""

    folder: Path

    def known(self) -> list[Started]:
        try:
            found = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        return [Started(**each) for each in found]

    def add(self, name: str, pid: int, url: str = "") -> None:
        """Write it down before anything else is done: whatever happens then, `down` finds it."""
        started = Started(name, pid, psutil.Process(pid).create_time(), url)
        known = [asdict(each) for each in (*self.known(), started)]
        (self.folder / "state.json").write_text(json.dumps(known, indent=1), encoding="utf-8")


def up(folder: Path, environment: Mapping[str, str]) -> list[Started]:
    """Start everything, wait until it is ready. Raises UpError."""
    state = Up(folder)
    if any(_alive(each) for each in state.known()):
        raise UpError("it is up already: make down ends it")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    project = load(environment)
    hosts = {"kafka:9092": _start_kafka(state), "postgres:5432": _start_postgres(state, project)}
    for name in project.order:
        if name in _GIVEN:
            continue
        service = project.services[name]
        if name in project.jobs:
            _run_job(state, name, service, hosts)
        else:
            _start_service(state, name, service, hosts)
    for each in state.known():
        if each.url:
            _until_ready(state, each)
    return state.known()


def down(folder: Path) -> list[str]:
    """End exactly what `up` started, the last first. Returns the names of those that had to be killed."""
    state, killed = Up(folder), []
    for each in reversed(state.known()):
        if not _alive(each):
            continue
        process = psutil.Process(each.pid)
        if each.name == "postgres":
            postgres.stop_in(Path((folder / "postgres").read_text(encoding="utf-8")))
        else:
            process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            killed.append(each.name)
    data = folder / "postgres"
    if data.exists():
        shutil.rmtree(data.read_text(encoding="utf-8"), ignore_errors=True)
    (folder / "state.json").unlink(missing_ok=True)
    return killed


def _start_kafka(state: Up) -> str:
    if not kafka_folder().exists():
        raise UpError("Apache Kafka is not here: make services")
    folder = state.folder / "kafka"
    folder.mkdir()
    broker = Broker(kafka_folder(), folder, free_port(), free_port(), free_port(), free_port())
    broker.format()
    try:
        broker.start()
    except RuntimeError as error:
        broker.kill()
        raise UpError(f"Kafka did not start: {error}") from error
    if broker.process is None:
        raise UpError(f"Kafka did not start: see {folder}")
    state.add("kafka", broker.process.pid)
    return broker.bootstrap


def _start_postgres(state: Up, project: Project) -> str:
    """With the user, password and database that compose.yaml gives it."""
    given = project.services["postgres"]["environment"]
    folder, port = Path(tempfile.mkdtemp(prefix="tocsin-up-")), free_port()
    (state.folder / "postgres").write_text(str(folder), encoding="utf-8")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder}"
    try:
        pid = postgres.started_in(folder, options).pid
    except (OSError, subprocess.CalledProcessError) as error:
        raise UpError(f"PostgreSQL does not start: {error}") from error
    state.add("postgres", pid)
    with psycopg.connect(
        f"host={folder} port={port} user=tocsin dbname=postgres", autocommit=True
    ) as connection:
        password = sql.Literal(given["POSTGRES_PASSWORD"])
        connection.execute(sql.SQL("ALTER ROLE tocsin PASSWORD {}").format(password))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(given["POSTGRES_DB"])))
    (state.folder / "ports.json").write_text(json.dumps({"postgres": port}), encoding="utf-8")
    return f"127.0.0.1:{port}"


def _command(service: Mapping[str, Any]) -> list[str]:
    """The container's command, with folders of this machine for those that are mounted."""
    mounted = {}
    for volume in service.get("volumes", []):
        source, target, _ = volume.rsplit(":", 2)
        mounted[target] = str((FILE.parent / Path(source).expanduser()).resolve())
    return [str(TOCSIN), *(mounted.get(word, word) for word in service["command"])]


def _environment(
    state: Up, name: str, service: Mapping[str, Any], hosts: Mapping[str, str]
) -> dict[str, str]:
    """That of the container, and of this machine only what any program needs."""
    home = state.folder / "home" / name
    home.mkdir(parents=True)
    given = {key: str(value) for key, value in service["environment"].items() if value}
    for host, here in hosts.items():
        given = {key: value.replace(host, here) for key, value in given.items()}
    return {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_STATE_HOME": str(home), **given}


def _run_job(state: Up, name: str, service: Mapping[str, Any], hosts: Mapping[str, str]) -> None:
    environment = _environment(state, name, service, hosts)
    ran = subprocess.run(
        _command(service),
        env=environment,
        cwd=environment["HOME"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    (state.folder / f"{name}.log").write_text(ran.stdout + ran.stderr, encoding="utf-8")
    if ran.returncode:
        raise UpError(f"{name} ended with {ran.returncode}: {ran.stderr.strip()}")


def _start_service(state: Up, name: str, service: Mapping[str, Any], hosts: Mapping[str, str]) -> None:
    address = f"127.0.0.1:{free_port()}"
    environment = _environment(state, name, service, {**hosts, "0.0.0.0:8080": address})
    with (state.folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            _command(service),
            env=environment,
            cwd=environment["HOME"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    state.add(name, process.pid, f"http://{address}")


def _until_ready(state: Up, each: Started) -> None:
    deadline = time.monotonic() + READY_SECONDS
    said = "no answer"
    while time.monotonic() < deadline:
        if not _alive(each):
            break
        try:
            with urllib.request.urlopen(f"{each.url}/readyz", timeout=5):  # noqa: S310 - ours, on this machine
                return
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode().strip()
        except OSError as error:
            said = str(error)
        time.sleep(0.2)  # another process has no other sign
    raise UpError(f"{each.name} is not ready: {said}; see {state.folder / each.name}.log")


def _alive(each: Started) -> bool:
    try:
        process = psutil.Process(each.pid)
        return process.create_time() == each.created and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _lines(folder: Path, started: list[Started]) -> Iterator[str]:
    for each in started:
        yield f"{each.name:10} {each.url or f'process {each.pid}'}"
    yield f"logs       {folder}/NAME.log"


def main() -> int:
    """Up or down; exit code 3 where it does not come up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("up", "down"))
    parser.add_argument("--folder", type=Path, default=FILE.parent / ".up")
    arguments = parser.parse_args()
    if arguments.what == "down":
        for name in down(arguments.folder):
            print(f"{name} had to be killed", file=sys.stderr)
        return 0
    try:
        started = up(arguments.folder, os.environ)
    except UpError as error:
        print(f"error: {error}", file=sys.stderr)
        down(arguments.folder)
        return 3
    print("\n".join(_lines(arguments.folder, started)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
