"""From a ClusterImagePolicy object to something that can be evaluated, or the reason why not."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from evaluator.lint.checks_redaction import Look, look
from evaluator.lint.linting import lint, stored
from evaluator.policies.authorities import Depends, Failed, Passed, Unknown, admit
from evaluator.policies.document import DocumentKey, document_key
from evaluator.policies.model import Policy
from evaluator.policies.model_authorities import Authority, Static
from evaluator.policies.model_text import Rego
from evaluator.policies.reading import InvalidPolicyError
from evaluator.policies.validation import parse, policy_ref
from evaluator.rego.choice import Choice, choose
from evaluator.rego.purity import IMPURE
from evaluator.rego.questions import Compiles, Module
from evaluator.rego.reads.paths import describe
from pipeline.events import PolicyApplied, PolicyChecked
from pipeline.settings_types import EngineChoice


@dataclass(frozen=True)
class LoadedPolicy:
    """A valid policy. `module` is None where it has no Rego, or none that can be evaluated.

    `problem` says why every verdict of this policy is an error; empty where it works.
    `reads_redacted`: it looks at environment values, and those are redacted.
    `on_statements`: its policies on attestations; one that does not compile is named where
    its authority is (`unsupported`).
    """

    policy: Policy
    module: Module | None = None
    problem: str = ""
    reads_redacted: bool = False
    on_statements: Mapping[Rego, Module] = field(default_factory=dict)

    @cached_property
    def admission(self) -> Passed | Failed | Unknown | Depends:
        """What its authorities say, of whatever image."""
        return admit(self.policy)

    @property
    def fetches(self) -> bool:
        """Whether it needs the config of each image."""
        return self.policy.rego is not None and self.policy.rego.fetch_config_file

    @property
    def verifies(self) -> bool:
        """Whether it needs the signatures of each image."""
        return isinstance(self.admission, Depends)

    @property
    def of_images(self) -> bool:
        """Whether its verdicts are of each image by itself."""
        return self.fetches or self.verifies

    @property
    def changes_by_itself(self) -> bool:
        """Whether its verdicts may change with no event: by the time, a tag that moves, a new signature."""
        if self.verifies:
            return True
        return self.module is not None and (self.fetches or not self.module.pure)

    @property
    def text_field(self) -> str:
        """What lines and columns of its text are lines of."""
        return self.policy.rego.field if self.policy.rego else ""

    @cached_property
    def document_key(self) -> DocumentKey | None:
        """Which input document it asks for; None where it asks for none."""
        if self.policy.rego is None or not isinstance(self.admission, Passed):
            return None
        return document_key(self.policy.rego, self.admission.authority_matches)


async def load(
    applied: PolicyApplied, compiler: Compiles, engine: EngineChoice, *, redacted: bool = False
) -> tuple[LoadedPolicy | None, PolicyChecked]:
    """Parse, validate and compile. None for a policy whose fields are not valid: it matches nothing.

    `redacted`: of the resources it is for, literal environment values are replaced.
    """
    try:
        policy = parse(applied)
    except InvalidPolicyError as error:
        return None, PolicyChecked(
            cluster=applied.cluster,
            policy=policy_ref(applied),
            file=applied.file,
            error=str(error),
            findings=stored(lint(applied, Choice())),
        )
    choice = await _compile(policy.rego, compiler, engine)
    policy, on_statements, problem = await _compile_on_statements(policy, compiler, engine)
    seen = look(policy, choice.module.reads) if redacted and choice.module else Look.NEVER
    checked = PolicyChecked(
        cluster=applied.cluster,
        policy=policy.ref,
        file=applied.file,
        engine=choice.module.engine.value if choice.module else "",
        error=_error(policy.rego, choice) or problem,
        unsupported=policy.unsupported,
        refusals=dict(choice.refusals),
        reads=describe(choice.module.reads) if choice.module else (),
        memo="" if choice.module is None or choice.module.pure else IMPURE,
        findings=stored(lint(applied, choice, seen)),
    )
    problem = checked.error or checked.unsupported
    seen_redacted = seen is Look.CERTAINLY
    return LoadedPolicy(policy, choice.module, problem, seen_redacted, on_statements), checked


async def _compile(rego: Rego | None, compiler: Compiles, engine: EngineChoice) -> Choice:
    """Only text that is Rego and at hand can be compiled; the rest is `unsupported` already."""
    if rego is None or not rego.text or rego.type != "rego":
        return Choice()
    return await choose(compiler, engine, rego.text)


async def _compile_on_statements(
    policy: Policy, compiler: Compiles, engine: EngineChoice
) -> tuple[Policy, Mapping[Rego, Module], str]:
    """The policies on attestations, and the first problem.

    An authority with one that does not compile is `unsupported`.
    """
    modules: dict[Rego, Module] = {}
    authorities: list[Authority] = []
    first = ""
    for authority in policy.authorities:
        problem = ""
        for wanted in authority.attestations if not isinstance(authority, Static) else ():
            rego = wanted.rego
            choice = await _compile(rego, compiler, engine)
            if rego is not None and choice.module is not None:
                modules[rego] = choice.module
            problem = problem or _error(rego, choice, wanted.path)
        if problem and not isinstance(authority, Static):
            authorities.append(replace(authority, unsupported=authority.unsupported or problem))
        else:
            authorities.append(authority)
        first = first or problem
    return replace(policy, authorities=tuple(authorities)), modules, first


def _error(rego: Rego | None, choice: Choice, path: str = "spec") -> str:
    """Why it has no text, or what is wrong with it and where. `path`: of what has the policy."""
    if rego is None:
        return ""
    field = f"{path}.policy.{rego.source}"
    if rego.problem:
        return f"{field}: {rego.problem}"
    if not choice.error:
        return ""
    place = f"{field}:{choice.line}:{choice.column}" if choice.line else field
    return f"{place}: {choice.error}"
