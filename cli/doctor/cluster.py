"""The cluster to audit: reachable, who we are there, what we may do, and what to grant."""

from cli.doctor.check import Check, failed, ok, skipped
from pipeline.errors import TocsinError
from pipeline.settings import ClusterSettings
from watcher.cluster.access import Right, denied, identity, needed, served_versions, version
from watcher.cluster.api import ApiServer
from watcher.cluster.errors import ApiError, MissingError, UnauthorizedError
from watcher.cluster.kinds import POLICIES

_MANIFEST = "kubectl apply -f deploy/rbac.yaml"
_CRD = "kubectl apply -f deploy/clusterimagepolicy-crd.yaml"
_OWN_POLICIES = "cluster policies"


async def check_cluster(settings: ClusterSettings) -> list[Check]:
    """One check for the server, one for its policies, one for each right."""
    name = "cluster"
    try:
        async with ApiServer.connect(settings) as api:
            found = f"Kubernetes {await version(api)}"
            if who := await identity(api):
                found += f"; we are {who}"
            return [
                ok(name, found),
                await _check_policies(api),
                *[await _check_right(api, right) for right in needed(settings)],
            ]
    except UnauthorizedError as error:
        return [failed(name, str(error), "log in to the cluster again: its credentials are not good")]
    except ApiError as error:
        return [failed(name, str(error), "start it, or correct the kubeconfig: try `kubectl version`")]
    except TocsinError as error:
        return [failed(name, str(error), "name a context with --context")]


async def _check_policies(api: ApiServer) -> Check:
    """Whether there can be ClusterImagePolicies, in the version that is asked for."""
    wanted = POLICIES.api_version.rpartition("/")[2]
    try:
        served = await served_versions(api, POLICIES.group)
    except MissingError:
        remedy = f"{_CRD}, or name policies with -p"
        return skipped(_OWN_POLICIES, "the cluster does not have the kind ClusterImagePolicy", remedy)
    found = f"ClusterImagePolicy is served as {', '.join(served) or 'no version'}"
    if wanted in served:
        return ok(_OWN_POLICIES, found)
    return failed(_OWN_POLICIES, f"{found}, not as {wanted}", f"update policy-controller, or {_CRD}")


async def _check_right(api: ApiServer, right: Right) -> Check:
    name = f"may {' and '.join(right.verbs)} {right.resource}"
    where = f"namespace {right.namespace}" if right.namespace else "all namespaces"
    missing = await denied(api, right)
    if not missing:
        return ok(name, f"allowed in {where}")
    found = f"{' and '.join(missing)} {right.name or right.resource} is denied in {where}"
    return failed(name, found, f"grant {right.rule(missing)} in {right.role}: {_MANIFEST}")
