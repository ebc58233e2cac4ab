"""The mistakes of published policies that the issue names: each found, where it is, with what to write.

Not here: lines of the YAML file (tests of `cli.authoring.positions`), and the other checks.
"""

import pytest

from tests.unit.evaluator.lint.policies import PODS, findings_of, slugs_of, the


def test_a_hyphen_in_a_reference_is_a_subtraction() -> None:
    found = the("hyphen-subtraction", 'isCompliant {\n  input.metadata.labels.approved-by == "x"\n}')
    assert (found.line, found.column) == (3, 3)
    assert found.fix == 'write `input.metadata.labels["approved-by"]`'


@pytest.mark.parametrize(
    ("reference", "written"),
    [
        ("input.metadata.labels.a-b-c", 'input.metadata.labels["a-b-c"]'),
        ("input.metadata.labels.app.kubernetes.io/name", 'input.metadata.labels["app.kubernetes.io/name"]'),
        ("input.metadata.annotations.x-y", 'input.metadata.annotations["x-y"]'),
    ],
)
def test_the_whole_name_is_put_in_quotes(reference: str, written: str) -> None:
    assert the("hyphen-subtraction", f"isCompliant {{ {reference} }}").fix == f"write `{written}`"


def test_a_subtraction_of_what_is_defined_is_one() -> None:
    rego = "limit := 5\nisCompliant { n := 3; input.spec.priority-limit > 0; input.spec.priority-n > 0 }"
    assert "hyphen-subtraction" not in slugs_of(rego)
    assert "hyphen-subtraction" not in slugs_of("isCompliant { input.spec.priority - by > 0 }")


def test_a_boolean_is_no_string() -> None:
    found = the("boolean-as-string", 'isCompliant {\n  input.spec.hostNetwork == "false"\n}')
    assert (found.line, found.column) == (3, 3)
    assert found.fix.startswith("write `not input.spec.hostNetwork`")


def test_a_boolean_is_no_string_through_variables_and_comprehensions_either() -> None:
    rego = """
    bad[c.name] { c := input.spec.containers[_]; c.securityContext.privileged == "true" }
    isCompliant { count(bad) == 0 }
    """
    assert the("boolean-as-string", rego).fix == "write `c.securityContext.privileged`"


def test_an_absent_boolean_is_undefined_not_false() -> None:
    found = the("absent-false", "isCompliant { input.spec.hostNetwork == false }")
    assert "write `not input.spec.hostNetwork`" in found.fix
    assert slugs_of("isCompliant { object.get(input.spec, `hostNetwork`, false) == false }") == []
    assert slugs_of("isCompliant { not input.spec.hostNetwork }") == []


def test_a_list_has_no_names() -> None:
    found = the("list-by-name", "isCompliant { input.spec.containers.image[_] == `nginx` }")
    assert found.fix == "write `input.spec.containers[_].image`"


def test_one_good_image_is_not_all_of_them() -> None:
    rego = """
    isCompliant {
      image := input.spec.containers[_].image
      not startswith(image, "evil.example/")
    }
    """
    found = the("some-not-all", rego)
    assert (found.line, found.column) == (4, 12)
    assert "`not` is asked of the chosen one only" in found.message
    assert "every container in input.spec.containers" in found.fix


@pytest.mark.parametrize(
    "rego",
    [
        'isCompliant { input.spec.containers[_].name == "istio-proxy" }',
        'isCompliant { some c in input.spec.containers; c.name == "istio-proxy" }',
        'isCompliant { input.spec.containers[i].name == "istio-proxy" }',
        'isCompliant { fine }\nfine { input.spec.containers[_].name == "istio-proxy" }',
        'names[n] { n := input.spec.containers[_].name }\nisCompliant { some n in names; n == "a" }',
        'isCompliant[{"result": true}] { input.spec.containers[_].name == "istio-proxy" }',
        'isCompliant[r] { c := input.config[_].created; r := {"result": c > "2026", "error": "old"} }',
    ],
)
def test_a_body_that_passes_for_any_one_is_found(rego: str) -> None:
    assert "some-not-all" in slugs_of(rego)


@pytest.mark.parametrize(
    "rego",
    [
        'isCompliant { not input.spec.containers[_].name == "evil" }',
        'isCompliant { every c in input.spec.containers { c.name != "evil" } }',
        'isCompliant { count([c | c := input.spec.containers[_]; c.name == "evil"]) == 0 }',
        'isCompliant[{"result": false, "error": n}] { n := input.spec.containers[_].name; n == "evil" }',
        'isCompliant { not bad }\nbad { input.spec.containers[_].name == "evil" }',
        "isCompliant { input.spec.containers[_] }",
        "isCompliant { input.spec.containers[0].name == `web` }",
    ],
)
def test_a_body_that_asks_for_all_is_not(rego: str) -> None:
    assert "some-not-all" not in slugs_of(rego)


def test_nginx_is_docker_hub_without_saying_so() -> None:
    rego = """
    bad[i] { i := input.spec.containers[_].image; contains(i, "docker.io") }
    isCompliant { count(bad) == 0 }
    """
    assert "index.docker.io/**" in the("docker-hub-by-name", rego).fix
    knows = rego.replace("contains(i,", 'i == concat("/", split(i, "/")); contains(i,')
    assert "docker-hub-by-name" not in slugs_of(knows)


def test_a_pods_path_is_not_there_on_workloads() -> None:
    rego = "isCompliant { count([c | c := input.spec.containers[_]; c.securityContext.privileged]) == 0 }"
    found = the("pods-only-path", rego, match=None)
    assert "Deployments" in found.message
    assert "match: [{group: '', version: v1, resource: pods}]" in found.fix
    assert slugs_of(rego, match=PODS) == []


def test_a_workload_path_leaves_out_pods_and_cron_jobs() -> None:
    rego = "isCompliant { not input.spec.template.spec.hostNetwork }"
    found = the("pods-only-path", rego, match=None)
    assert "Pods and CronJobs" in found.message
    deployments = [{"group": "apps", "version": "v1", "resource": "deployments"}]
    assert slugs_of(rego, match=deployments) == []


def test_a_pods_path_is_wrong_where_only_deployments_are_matched() -> None:
    deployments = [{"group": "apps", "version": "v1", "resource": "deployments"}]
    found = the("pods-only-path", "isCompliant { not input.spec.hostNetwork }", match=deployments)
    assert found.fix == "write `input.spec.template.spec.hostNetwork`"


def test_all_three_paths_together_see_every_kind() -> None:
    rego = """
    pods[p] { p := input.spec; p.containers }
    pods[p] { p := input.spec.template.spec }
    pods[p] { p := input.spec.jobTemplate.spec.template.spec }
    bad { pods[p]; p.hostNetwork }
    isCompliant { not bad }
    """
    assert slugs_of(rego, match=None) == []


def test_an_empty_body_does_not_parse() -> None:
    found = the("empty-body", "isCompliant {\n  # to do\n}")
    assert (found.line, found.column) == (2, 13)
    assert slugs_of("isCompliant {\n  # to do\n}") == ["empty-body"]


@pytest.mark.parametrize(
    ("read", "flag"),
    [
        ("spec.hostNetwork", "includeSpec"),
        ("metadata.labels.app", "includeObjectMeta"),
        ("typemeta.kind", "includeTypeMeta"),
        ("config[_].os", "fetchConfigFile"),
    ],
)
def test_what_is_read_has_to_be_asked_for(read: str, flag: str) -> None:
    rego = f"isCompliant {{ not input.{read} }}"
    assert the("missing-include", rego, flags={}).fix == f"add `{flag}: true` under spec.policy"
    assert "missing-include" not in slugs_of(rego, flags={flag: True})


def test_what_is_asked_for_and_not_read_is_worth_knowing() -> None:
    (found,) = findings_of(
        "isCompliant { not input.spec.hostPID }", flags={"includeSpec": True, "includeTypeMeta": True}
    )
    assert (found.check.slug, found.path) == ("unused-include", "spec.policy.includeTypeMeta")


def test_the_package_must_be_sigstore() -> None:
    found = the("wrong-package", "", whole="package main\nisCompliant { not input.spec.hostPID }\n")
    assert (found.line, found.column) == (1, 1)
    assert found.fix == "write `package sigstore`"


def test_there_must_be_a_verdict() -> None:
    assert the("no-iscompliant", "allow { not input.spec.hostPID }").fix == "rename allow to isCompliant"
    assert the("no-iscompliant", "isCompliant(x) { x }").fix == "write `isCompliant` without arguments"


@pytest.mark.parametrize(
    "rego",
    [
        "default isCompliant = false",
        "isCompliant = false { input.spec.hostPID }",
        'isCompliant[{"result": false, "error": "no"}] { input.spec.hostPID }',
    ],
)
def test_a_verdict_that_is_never_true_is_found(rego: str) -> None:
    assert "never-compliant" in slugs_of(rego)


@pytest.mark.parametrize(
    "rego",
    [
        "isCompliant = true",
        "isCompliant { true }",
        "isCompliant { 1 == 1 }",
        "default isCompliant = true",
        "import rego.v1\nisCompliant if true",
        'isCompliant[{"result": true}] { true }',
        'isCompliant[r] { r := {"result": true, "error": "", "warning": ""} }',
    ],
)
def test_a_verdict_that_is_never_false_is_found(rego: str) -> None:
    assert "always-compliant" in slugs_of(rego)


@pytest.mark.parametrize(
    "rego",
    [
        "default isCompliant = true\nisCompliant = false { input.spec.hostPID }",
        'isCompliant[r] { r := {"result": true, "warning": "this registry goes away"} }',
        "isCompliant { not input.spec.hostPID }",
    ],
)
def test_a_verdict_that_can_go_both_ways_or_warns_is_fine(rego: str) -> None:
    assert slugs_of(rego) == []


def test_a_number_is_no_string() -> None:
    rego = """
    bad { input.spec.containers[_].ports[_].hostPort != "0" }
    isCompliant { not bad }
    """
    assert "ports[_].hostPort != 0`" in the("number-as-string", rego).fix
