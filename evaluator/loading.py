"""From a ClusterImagePolicy object to something that can be evaluated, or the reason why not."""

from dataclasses import dataclass
from functools import cached_property

from evaluator.lint.checks_redaction import Look, look
from evaluator.lint.linting import lint, stored
from evaluator.policies.authorities import Depends, Failed, Passed, Unknown, admit
from evaluator.policies.document import DocumentKey, document_key
from evaluator.policies.model import Policy
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
    """

    policy: Policy
    module: Module | None = None
    problem: str = ""
    reads_redacted: bool = False

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
    choice = await _compile(policy, compiler, engine)
    seen = look(policy, choice.module.reads) if redacted and choice.module else Look.NEVER
    checked = PolicyChecked(
        cluster=applied.cluster,
        policy=policy.ref,
        file=applied.file,
        engine=choice.module.engine.value if choice.module else "",
        error=_error(policy, choice),
        unsupported=policy.unsupported,
        refusals=dict(choice.refusals),
        reads=describe(choice.module.reads) if choice.module else (),
        memo="" if choice.module is None or choice.module.pure else IMPURE,
        findings=stored(lint(applied, choice, seen)),
    )
    problem = checked.error or checked.unsupported
    return LoadedPolicy(policy, choice.module, problem, seen is Look.CERTAINLY), checked


async def _compile(policy: Policy, compiler: Compiles, engine: EngineChoice) -> Choice:
    """Only text that is Rego and at hand can be compiled; the rest is `unsupported` already."""
    if policy.rego is None or not policy.rego.text or policy.rego.type != "rego":
        return Choice()
    return await choose(compiler, engine, policy.rego.text)


def _error(policy: Policy, choice: Choice) -> str:
    """Why it has no text, or what is wrong with it and where."""
    if policy.rego is None:
        return ""
    field = policy.rego.field
    if policy.rego.problem:
        return f"{field}: {policy.rego.problem}"
    if not choice.error:
        return ""
    place = f"{field}:{choice.line}:{choice.column}" if choice.line else field
    return f"{place}: {choice.error}"
