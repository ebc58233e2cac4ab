"""Whether a scripted server has a kind: only a server that says so itself has it not.

Not here: a CRD that is deleted from a real server (`tests/integration/kube`).
"""

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pipeline.settings import load_settings
from tests.fakes.api_server import Answer, FakeApiServer, refused, text
from watcher.cluster.api import ApiServer
from watcher.cluster.discovery import is_served
from watcher.cluster.kinds import POLICIES, WORKLOADS, ServedKind

GROUP = "policy.sigstore.dev"


def groups(*versions: str) -> dict[str, Any]:
    ours = {"name": GROUP, "versions": [{"groupVersion": f"{GROUP}/{version}"} for version in versions]}
    apps = {"name": "apps", "versions": [{"groupVersion": "apps/v1"}]}
    return {"kind": "APIGroupList", "groups": [apps, *([ours] if versions else [])]}


def resources(*names: str) -> dict[str, Any]:
    return {"kind": "APIResourceList", "resources": [{"name": name} for name in names]}


def by_path(answers: dict[str, Any]) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        found = answers.get(request.path)
        return await (refused(404) if found is None else text(json.dumps(found)))(request)

    return answer


@pytest.mark.parametrize(
    ("answers", "served"),
    [
        ({"/apis": groups()}, False),
        ({"/apis": groups("v1"), f"/apis/{GROUP}/v1": resources("trustroots")}, False),
        ({"/apis": groups("v1"), f"/apis/{GROUP}/v1": resources("trustroots", POLICIES.plural)}, True),
        ({"/apis": groups("v1")}, True),
        ({"/apis": {"groups": []}}, True),
        ({"/apis": {"message": "welcome to the proxy"}}, True),
        ({}, True),
    ],
)
async def test_a_kind_is_missing_only_by_the_word_of_the_server(
    tmp_path: Path, answers: dict[str, Any], served: bool
) -> None:
    assert await asked(tmp_path, answers, POLICIES) is served


async def test_kinds_of_the_core_are_always_there(tmp_path: Path) -> None:
    core = next(kind for kind in WORKLOADS if not kind.group)
    assert await asked(tmp_path, {"/apis": groups()}, core)


async def asked(folder: Path, answers: dict[str, Any], kind: ServedKind) -> bool:
    server = FakeApiServer(folder)
    server.scripts["list"] = [by_path(answers)]
    async with server.running():
        settings = load_settings(kubeconfig=str(server.kubeconfig)).api_server
        async with ApiServer.connect(settings) as api:
            return await is_served(api, kind)
