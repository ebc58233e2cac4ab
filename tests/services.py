"""The real services that tests run against: fetched and built by public tools, kept in a cache.

`make services` runs this module. What a machine has no tool for is left out with
one line; the tests that need it are skipped there. The cache is outside the
checkout, by pinned version, so that a fresh clone on the same machine finds it.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

OPA_VERSION = "v1.22.2"
"""The reference for what Rego means."""

KUBERNETES_VERSION = "v1.36.3"
"""Of the API server; `tests/kube/go.mod` says the same, and which etcd goes with it."""

POD_SECURITY_VERSION = "v0.37.0"
"""Of k8s.io/pod-security-admission, whose fixtures are the reference for the catalog's two profiles."""

REGISTRY_VERSION = "v3.1.2"
"""Of CNCF distribution, the registry most others are compared with."""

COSIGN_VERSION = "v2.6.1"
"""Of cosign, whose signatures are the reference for what a signed image is."""

COMPOSE_GO_VERSION = "v2.16.2"
"""Of github.com/compose-spec/compose-go, which has the JSON schema of compose files."""

KAFKA_VERSION = "4.1.1"
"""Of the broker; `tests/kafka/pom.xml` says the same."""

_KAFKA_POM = Path(__file__).parent / "kafka" / "pom.xml"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
API_SCHEMAS = {
    "wgpolicyk8s.io/v1alpha2": (
        "sigs.k8s.io/wg-policy-prototypes@v0.0.0-20230505033312-51c21979086a", "policy-report/crd/v1alpha2",
    ),
    "openreports.io/v1alpha1": ("github.com/openreports/reports-api@v0.2.1", "config/crd"),
    "eventing.knative.dev/v1": ("knative.dev/eventing@v0.44.0", "config/core/resources"),
    "argoproj.io/v1alpha1": ("github.com/argoproj/argo-events@v1.9.7", "api/jsonschema"),
}  # fmt: skip
"""Modules with the CRDs or JSON Schemas of objects that Tocsin writes or shows, and the folder in each."""

_KUBE_MODULE = Path(__file__).parent / "kube"
_REQUIRED = "TOCSIN_REQUIRE_SERVICES"


def cache_folder() -> Path:
    """Where services are kept on this machine."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "tocsin" / "services"


def opa_path() -> Path:
    """Where the OPA binary is, once built."""
    return cache_folder() / f"opa-{OPA_VERSION}" / "opa"


def registry_path() -> Path:
    """Where the registry's binary is, once built."""
    return cache_folder() / f"registry-{REGISTRY_VERSION}" / "registry"


def registry() -> Path:
    """The registry's binary for a test; skips or fails like `opa`."""
    return _there(registry_path(), f"registry {REGISTRY_VERSION}")


def cosign_path() -> Path:
    """Where the cosign binary is, once built."""
    return cache_folder() / f"cosign-{COSIGN_VERSION}" / "cosign"


def cosign() -> Path:
    """The cosign binary for a test; skips or fails like `opa`."""
    return _there(cosign_path(), f"cosign {COSIGN_VERSION}")


def kube_folder() -> Path:
    """Where `etcd` and `kube-apiserver` are, once built; KUBEBUILDER_ASSETS where that is set."""
    given = os.environ.get("KUBEBUILDER_ASSETS")
    return Path(given) if given else cache_folder() / f"kubernetes-{KUBERNETES_VERSION}"


def opa() -> Path:
    """The OPA binary for a test; skips the test where there is none, or fails it where one is required."""
    return _there(opa_path(), f"OPA {OPA_VERSION}")


def pod_security_folder() -> Path:
    """Where the fixtures of the Pod Security Standards are, once fetched: `PROFILE/pass`, `PROFILE/fail`."""
    return cache_folder() / f"pod-security-{POD_SECURITY_VERSION}"


def pod_security() -> Path:
    """The fixtures of the Pod Security Standards for a test; skips or fails like `opa`."""
    return _there(pod_security_folder(), f"pod-security-admission {POD_SECURITY_VERSION}")


def compose_schema_path() -> Path:
    """Where the JSON schema of compose files is, once fetched."""
    return cache_folder() / f"compose-spec-{COMPOSE_GO_VERSION}.json"


def compose_schema() -> Path:
    """The JSON schema of compose files for a test; skips or fails like `opa`."""
    return _there(compose_schema_path(), f"compose-spec {COMPOSE_GO_VERSION}")


def kube() -> Path:
    """The folder with `etcd` and `kube-apiserver` for a test; skips or fails like `opa`."""
    return _there(kube_folder() / "kube-apiserver", f"kube-apiserver {KUBERNETES_VERSION}").parent


def kafka_folder() -> Path:
    """Where the jars of Apache Kafka are, once fetched."""
    return cache_folder() / f"kafka-{KAFKA_VERSION}"


def kafka() -> Path:
    """The folder with the jars of Apache Kafka for a test; skips or fails like `opa`."""
    if shutil.which("java") is None:
        absent("Apache Kafka needs Java 17, which is not here")
    return _there(kafka_folder(), f"Apache Kafka {KAFKA_VERSION}", "Java and Maven")


def _there(path: Path, name: str, tool: str = "Go") -> Path:
    if not path.exists():
        absent(f"{name} is not here: run `make services` (needs {tool})")
    return path


def absent(reason: str) -> NoReturn:
    """Skip the test for want of a service, or fail it where every service is required."""
    if os.environ.get(_REQUIRED) == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def build_opa() -> None:
    """Build OPA with Go, unless it is there."""
    path = opa_path()
    if go := _needed(path, f"OPA {OPA_VERSION}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        module = f"github.com/open-policy-agent/opa@{OPA_VERSION}"
        subprocess.run([go, "install", module], env={**os.environ, "GOBIN": str(path.parent)}, check=True)


def build_registry() -> None:
    """Build the registry with Go, unless it is there."""
    path = registry_path()
    if go := _needed(path, f"registry {REGISTRY_VERSION}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        module = f"github.com/distribution/distribution/v3/cmd/registry@{REGISTRY_VERSION}"
        subprocess.run([go, "install", module], env={**os.environ, "GOBIN": str(path.parent)}, check=True)


def build_cosign() -> None:
    """Build cosign with Go, unless it is there."""
    path = cosign_path()
    if go := _needed(path, f"cosign {COSIGN_VERSION}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        module = f"github.com/sigstore/cosign/v2/cmd/cosign@{COSIGN_VERSION}"
        subprocess.run([go, "install", module], env={**os.environ, "GOBIN": str(path.parent)}, check=True)


def build_kube() -> None:
    """Build the API server and etcd with Go, unless they are there."""
    folder = kube_folder()
    if go := _needed(folder / "kube-apiserver", f"kube-apiserver {KUBERNETES_VERSION}"):
        folder.mkdir(parents=True, exist_ok=True)
        version = f"-X k8s.io/component-base/version.gitVersion={KUBERNETES_VERSION}"
        build = [go, "build", "-trimpath", "-ldflags", f"-s -w {version}", "-o", f"{folder}/", "./cmd/..."]
        subprocess.run(build, cwd=_KUBE_MODULE, check=True)


def fetch_pod_security() -> None:
    """Fetch the fixtures with Go, unless they are there: those of the version that is newest in them."""
    folder = pod_security_folder()
    if go := _needed(folder, f"pod-security-admission {POD_SECURITY_VERSION}"):
        module = f"k8s.io/pod-security-admission@{POD_SECURITY_VERSION}"
        fetch = [go, "mod", "download", "-json", module]
        run = subprocess.run(fetch, capture_output=True, text=True, check=True, cwd=_KUBE_MODULE)
        data = Path(json.loads(run.stdout)["Dir"]) / "test" / "testdata"
        minor = POD_SECURITY_VERSION.split(".")[1]
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        for profile in ("baseline", "restricted"):
            shutil.copytree(data / profile / f"v1.{minor}", part / profile, copy_function=shutil.copyfile)
        part.rename(folder)


def fetch_compose_schema() -> None:
    """Fetch the schema with Go, unless it is there."""
    path = compose_schema_path()
    if go := _needed(path, f"compose-spec {COMPOSE_GO_VERSION}"):
        module = f"github.com/compose-spec/compose-go/v2@{COMPOSE_GO_VERSION}"
        fetch = [go, "mod", "download", "-json", module]
        run = subprocess.run(fetch, capture_output=True, text=True, check=True, cwd=_KUBE_MODULE)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        shutil.copyfile(Path(json.loads(run.stdout)["Dir"]) / "schema" / "compose-spec.json", part)
        part.rename(path)


def fetch_kafka() -> None:
    """Fetch Kafka and what it needs at run time from Maven Central, unless they are there."""
    folder = kafka_folder()
    if maven := _needed(folder, f"Apache Kafka {KAFKA_VERSION}", "mvn"):
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        copy = [maven, "-q", "-B", "-f", str(_KAFKA_POM), _COPY]
        subprocess.run([*copy, "-DincludeScope=runtime", f"-DoutputDirectory={part}"], check=True)
        part.rename(folder)


def api_schemas_folder(api: str) -> Path:
    """Where the schemas of an API are, once fetched."""
    return cache_folder() / f"crds-{API_SCHEMAS[api][0].rpartition('/')[2]}"


def api_schemas(api: str) -> Path:
    """The folder with the schemas of an API for a test; skips or fails like `opa`."""
    return _there(api_schemas_folder(api), f"the schemas of {api}")


def fetch_api_schemas() -> None:
    """Fetch the schemas of APIs with Go, unless they are there."""
    for api, (module, schemas) in API_SCHEMAS.items():
        folder = api_schemas_folder(api)
        if go := _needed(folder, f"the schemas of {api}"):
            fetch = [go, "mod", "download", "-json", module]
            run = subprocess.run(fetch, capture_output=True, text=True, check=True, cwd=_KUBE_MODULE)
            part = folder.with_name(f"{folder.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(
                Path(json.loads(run.stdout)["Dir"]) / schemas, part, copy_function=shutil.copyfile
            )
            part.rename(folder)


def _needed(path: Path, name: str, tool: str = "go") -> str | None:
    """The path of the tool where something is to be built."""
    go = shutil.which(tool)
    if path.exists():
        print(f"{name}: there")
        return None
    if go is None:
        print(f"{name}: left out, there is no {tool} on this machine")
        return None
    print(f"{name}: building (a few minutes) ...", flush=True)
    return go


if __name__ == "__main__":
    from tests.consumers import node

    build_opa()
    build_registry()
    build_cosign()
    fetch_kafka()
    fetch_pod_security()
    fetch_compose_schema()
    fetch_api_schemas()
    node.install()
    build_kube()
    sys.exit(0)
