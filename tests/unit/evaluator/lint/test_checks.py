"""The checks beyond the tutorial's mistakes: each finds its mistake, and lets what is right be.

Not here: places in files, formats, exit codes (`tests/e2e/test_lint.py`).
"""

from typing import Any

import pytest

from evaluator.lint.finding import Finding
from evaluator.lint.linting import lint
from evaluator.rego.choice import Choice
from tests.unit.evaluator.lint.policies import findings_of, slugs_of, the
from tests.unit.evaluator.policy_objects import applied_policy, policy_object

FINE = "isCompliant { not input.spec.hostPID }"
BAD_WHERE = "bad {{ {} }}\nisCompliant {{ not bad }}"
KEYLESS = {"keyless": {"url": "https://fulcio.sigstore.dev", "identities": [{"issuer": "a", "subject": "b"}]}}
PASS, FAIL = {"static": {"action": "pass"}}, {"static": {"action": "fail"}}
SPEC = {"includeSpec": True}


def of_object(rego: str = FINE, **spec: Any) -> list[Finding]:
    """Findings of the object's fields."""
    return [each for each in findings_of(rego, **{"flags": SPEC, **spec}) if not each.line]


def names_of_object(**spec: Any) -> list[str]:
    return [each.check.slug for each in of_object(**spec)]


def test_a_policy_that_is_right_has_no_findings() -> None:
    assert findings_of(FINE, flags=SPEC) == ()


# --- the object


def test_every_invalid_field_is_a_finding() -> None:
    found = of_object(mode="loud", images=[{"glob": "a b"}])
    assert {each.path for each in found} == {"spec.mode", "spec.images[0].glob"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("fetchconfigFile", "fetchConfigFile"),
        ("includeMetadata", None),
        ("IncludeSpec", "includeSpec"),
        ("includeObjectmeta", "includeObjectMeta"),
    ],
)
def test_a_typo_of_a_field_is_found_and_what_was_meant(written: str, meant: str | None) -> None:
    (found,) = of_object(flags={**SPEC, written: True})
    assert (found.check.slug, found.path) == ("unknown-field", f"spec.policy.{written}")
    if meant is not None:
        assert found.fix == f"write `{meant}`"


def test_a_match_that_matches_nothing_is_doubtful() -> None:
    assert "doubtful-field" in names_of_object(match=[{"group": "apps"}])
    assert slugs_of(FINE, match=[{"group": "apps"}]) == ["pods-only-path"]


def test_what_is_not_evaluated_yet_is_said() -> None:
    assert "not-evaluated" in names_of_object(authorities=[{"key": {"kms": "gcpkms://a"}}])


@pytest.mark.parametrize(
    ("glob", "slug", "fix"),
    [
        ("docker.io/**", "written-name-glob", "write `index.docker.io/**`"),
        ("nginx", "written-name-glob", "write `index.docker.io/library/nginx`"),
        ("bitnami/*", "written-name-glob", "write `index.docker.io/bitnami/*`"),
        ("*", "narrow-glob", 'write `glob: "**"` for every image'),
        ("*/*", "narrow-glob", 'write `glob: "**"` for every image'),
        ("registry.example.com/app", "narrow-glob", "write `registry.example.com/app:*` or "),
    ],
)
def test_a_glob_that_misleads_is_found(glob: str, slug: str, fix: str) -> None:
    (found,) = of_object(images=[{"glob": glob}])
    assert (found.check.slug, found.path) == (slug, "spec.images[0].glob")
    assert found.fix.startswith(fix)


@pytest.mark.parametrize(
    "glob",
    [
        "**",
        "index.docker.io/**",
        "gcr.io/**",
        "localhost:5000/x:1",
        "*.gcr.io/**",
        "**/nginx:*",
        "a.b/c@sha256:*",
    ],
)
def test_a_glob_that_says_what_it_means_is_fine(glob: str) -> None:
    assert names_of_object(images=[{"glob": glob}]) == []


def test_a_glob_beside_one_that_says_it_all_is_fine() -> None:
    globs = [{"glob": "index.docker.io/**"}, {"glob": "docker.io/**"}]
    assert names_of_object(images=globs) == []


def test_no_mode_is_enforce() -> None:
    assert names_of_object(mode=None) == ["default-mode"]


def test_a_static_pass_makes_signatures_superfluous() -> None:
    assert "authority-bypassed" in names_of_object(authorities=[PASS, KEYLESS], policy=None)
    assert names_of_object(authorities=[PASS], policy=None) == ["passes-everything"]
    assert names_of_object(authorities=[FAIL]) == ["text-never-evaluated"]
    assert names_of_object(authorities=[FAIL], policy=None) == []


# --- the text as a whole


def test_what_the_engines_say_is_a_finding_unless_it_is_said_already() -> None:
    choice = Choice(error="unexpected }", line=3, column=5)
    found = the("compile", FINE, choice=choice)
    assert (found.line, found.column, found.message) == (3, 5, "unexpected }")
    assert "compile" not in slugs_of("isCompliant { }", choice=choice)
    assert "no-engine" in slugs_of(FINE, choice=Choice(error="no engine can be trusted with it (x)"))


@pytest.mark.parametrize(
    ("rego", "slug"),
    [
        ('isCompliant[{"error": "no"}] { input.spec.hostPID }', "missing-result"),
        ('isCompliant[{"result": false, "msg": "no"}] { input.spec.hostPID }', "unknown-response-field"),
        ('isCompliant["no"] { input.spec.hostPID }', "wrong-result-shape"),
        ('isCompliant = "yes" { input.spec.hostPID }', "wrong-result-shape"),
        ('isCompliant[{"result": "true"}] { input.spec.hostPID }', "wrong-result-shape"),
        ('isCompliant["a"] = {"result": true} { input.spec.hostPID }', "wrong-result-shape"),
        ("isCompliant = count(input.spec.containers)", "wrong-result-shape"),
        ('isCompliant[{"result": false}] { input.spec.hostPID }', "silent-failure"),
        ('isCompliant[{"result": false, "error": ""}] { input.spec.hostPID }', "silent-failure"),
        (f"{FINE}\nforgotten {{ input.spec.hostIPC }}", "unused-rule"),
        (f"{FINE}\nagain {{ again }}", "unused-rule"),
        ("isCompliant { data.allowed[_] == input.metadata.name }", "no-data"),
        (f"import data.lib.images\n{FINE}", "no-data"),
    ],
)
def test_a_text_that_does_not_do_what_it_says_is_found(rego: str, slug: str) -> None:
    assert slug in slugs_of(rego)


@pytest.mark.parametrize(
    "rego",
    [
        'isCompliant[r] { not bad; r := {"result": true} }\nbad { input.spec.hostPID }',
        "isCompliant { data.sigstore.good }\ngood { not input.spec.hostPID }",
        "isCompliant = x { x := f(input.spec.hostPID) }\nf(a) = true { not a }",
        "isCompliant { f(input.spec.hostPID) }\nf(true) = false\nelse = true { true }",
        "import rego.v1\nisCompliant if not bad\nbad if input.spec.hostPID",
        "import future.keywords.every\nisCompliant { every c in input.spec.containers { c.image } }",
        'isCompliant { input.spec.containers[0].image == sprintf("%s:1", ["a"]) }',
    ],
)
def test_a_text_that_does_is_fine(rego: str) -> None:
    assert slugs_of(rego) == []


# --- what is read


@pytest.mark.parametrize(
    ("reference", "fix"),
    [
        ("input.review.object.spec.hostPID", "input.spec, input.metadata and input.typemeta"),
        ("input.predicate.verified", "only the policy of an attestation sees its statement"),
        ("input.kind", "write `input.typemeta.kind`"),
        ("input.labels.app", "write `input.metadata.labels`"),
        ("input.typeMeta.kind", "write `input.typemeta`"),
        ("input.something", "read one of input.authorityMatches"),
    ],
)
def test_what_no_document_has_is_found(reference: str, fix: str) -> None:
    assert fix in the("unknown-input", f"isCompliant {{ not {reference} }}").fix


@pytest.mark.parametrize(
    ("reference", "wanted"),
    [
        ("input.spec.hostNetwrok", "input.spec.hostNetwork"),
        ("input.spec.containers[_].securitycontext", "input.spec.containers[_].securityContext"),
        ("input.metadata.label", "input.metadata.labels"),
    ],
)
def test_a_typo_of_a_kubernetes_field_is_found(reference: str, wanted: str) -> None:
    assert the("unknown-path", f"isCompliant {{ not {reference} }}").fix == f"write `{wanted}`"


def test_a_field_of_a_text_is_found() -> None:
    found = the("unknown-path", "isCompliant { not input.spec.containers[_].image.tag }")
    assert "image is a string" in found.message


def test_a_field_that_is_newer_than_the_linter_is_let_be() -> None:
    assert slugs_of("isCompliant { not input.spec.someFieldOfTomorrow }") == []


def test_an_image_config_is_by_platform() -> None:
    rego = 'isCompliant { not input.config.config.User == "root" }'
    assert "input.config[_].config.User" in the("config-by-platform", rego).fix
    right = 'isCompliant { not input.config["linux/amd64"].config.User == "root" }'
    assert slugs_of(right) == []


def test_an_alias_of_the_input_is_seen_through() -> None:
    assert "boolean-as-string" in slugs_of('import input.spec as s\nisCompliant { s.hostPID == "x" }')
    assert "boolean-as-string" in slugs_of('spec := input.spec\nisCompliant { spec.hostPID == "x" }')
    assert "boolean-as-string" in slugs_of('isCompliant { input["spec"]["hostPID"] == "x" }')


def test_who_looks_everywhere_is_believed() -> None:
    rego = "isCompliant { count([x | walk(input.spec, [_, x]); x.privileged == true]) == 0 }"
    assert slugs_of(rego, match=None) == []


# --- comparisons


@pytest.mark.parametrize(
    ("condition", "slug"),
    [
        ('input.spec.containers[_].securityContext.runAsUser == "0"', "number-as-string"),
        ('input.spec.containers[_].ports[_].containerPort < "1024"', "number-as-string"),
        ('input.spec.priority = "0"', "number-as-string"),
        ("input.spec.containers[_].image == 5", "never-equal"),
        ("input.metadata.labels.team == true", "never-equal"),
        ('input.spec.containers == "nginx"', "never-equal"),
        ("input.spec.hostPID == 0", "never-equal"),
        ("input.spec.containers[_].securityContext.privileged != true", "absent-false"),
        ("input.spec.automountServiceAccountToken", "absent-true"),
        ("input.spec.enableServiceLinks != false", "absent-true"),
    ],
)
def test_a_comparison_that_cannot_do_what_it_says_is_found(condition: str, slug: str) -> None:
    assert slug in slugs_of(BAD_WHERE.format(condition))


@pytest.mark.parametrize(
    "condition",
    [
        "input.spec.containers[_].securityContext.runAsUser == 0",
        "input.spec.containers[_].securityContext.runAsNonRoot == false",
        "input.spec.containers[_].securityContext.allowPrivilegeEscalation == false",
        "input.spec.hostPID == true",
        "input.spec.hostPID != false",
        "input.spec.hostPID == null",
        "not input.spec.automountServiceAccountToken == false",
        "input.spec.containers[_].resources.limits.cpu == 2",
        'input.spec.volumes[_].configMap.name == "x"',
        'input.metadata.labels[_] == "x"',
        "input.spec.containers[_][field] == true; field := input.metadata.name",
    ],
)
def test_a_comparison_that_does_is_fine(condition: str) -> None:
    assert slugs_of(BAD_WHERE.format(condition)) == []


# --- images


@pytest.mark.parametrize(
    ("condition", "slug", "fix"),
    [
        (
            'contains(image, "registry.example.com")',
            "registry-substring",
            'startswith(image, "registry.example.com/")',
        ),
        ('not startswith(image, "registry.example.com")', "registry-prefix", '"registry.example.com/"'),
        ('endswith(image, ":latest")', "untagged-is-latest", "no tag means latest"),
        ('startswith(image, "docker.io/")', "docker-hub-by-name", "index.docker.io/**"),
        ('regex.match("^docker\\\\.io/", image)', "docker-hub-by-name", "index.docker.io/**"),
    ],
)
def test_an_image_name_that_slips_through_is_found(condition: str, slug: str, fix: str) -> None:
    rego = BAD_WHERE.format(f"image := input.spec.containers[_].image; {condition}")
    assert fix in the(slug, rego).fix


@pytest.mark.parametrize(
    "condition",
    [
        'not startswith(image, "registry.example.com/")',
        'contains(image, "@sha256:")',
        'endswith(image, ":latest"); contains(image, ":")',
        'contains(image, "nginx")',
    ],
)
def test_an_image_name_that_does_not_is_fine(condition: str) -> None:
    assert slugs_of(BAD_WHERE.format(f"image := input.spec.containers[_].image; {condition}")) == []


# --- built-ins


@pytest.mark.parametrize(
    ("call", "slug"),
    [
        ('http.send({"method": "get"})', "forbidden-call"),
        ("opa.runtime()", "forbidden-call"),
        ('re_match("a", input.metadata.name)', "deprecated-builtin"),
        ("any([true])", "deprecated-builtin"),
        ("time.now_ns() > 5", "reads-clock"),
        ('rand.intn("a", 2) == 1', "random"),
    ],
)
def test_a_built_in_worth_a_word_is_found(call: str, slug: str) -> None:
    assert slug in slugs_of(BAD_WHERE.format(call))


def test_a_rule_of_the_policy_is_no_built_in() -> None:
    assert slugs_of(f"any(x) {{ x }}\n{BAD_WHERE.format('any(input.spec.hostPID)')}") == []


# --- living with findings


def test_an_annotation_lets_findings_of_the_object_be() -> None:
    body = policy_object(images=[{"glob": "*"}], authorities=[FAIL])
    body["metadata"]["annotations"] = {"tocsin.dev/lint-ignore": "narrow-glob, TOC007"}
    assert lint(applied_policy(body), Choice()) == ()
