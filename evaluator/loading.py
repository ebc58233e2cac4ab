"""From a ClusterImagePolicy object to something that can be evaluated, or the reason why not."""

from dataclasses import dataclass
from functools import cached_property

from evaluator.lint.linting import lint, stored
from evaluator.policies.authorities import Failed, Passed, Unknown, admit
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

TEXT_FIELD = "spec.policy.data"
"""What lines and columns of a policy's text are lines of."""


@dataclass(frozen=True)
class LoadedPolicy:
    """A valid policy. `module` is None where it has no Rego, or none that can be evaluated.

    `problem` says why every verdict of this policy is an error; empty where it works.
    """

    policy: Policy
    module: Module | None = None
    problem: str = ""

    @cached_property
    def admission(self) -> Passed | Failed | Unknown:
        """What its authorities say, of whatever image."""
        return admit(self.policy)

    @property
    def fetches(self) -> bool:
        """Whether it needs the config of each image."""
        return self.policy.rego is not None and self.policy.rego.fetch_config_file

    @property
    def changes_by_itself(self) -> bool:
        """Whether its verdicts may change with no event: by the time, or by a tag that moves."""
        return self.module is not None and (self.fetches or not self.module.pure)

    @cached_property
    def document_key(self) -> DocumentKey | None:
        """Which input document it asks for; None where it asks for none."""
        if self.policy.rego is None or not isinstance(self.admission, Passed):
            return None
        return document_key(self.policy.rego, self.admission.authority_matches)


async def load(
    applied: PolicyApplied, compiler: Compiles, engine: EngineChoice
) -> tuple[LoadedPolicy | None, PolicyChecked]:
    """Parse, validate and compile. None for a policy whose fields are not valid: it matches nothing."""
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
    checked = PolicyChecked(
        cluster=applied.cluster,
        policy=policy.ref,
        file=applied.file,
        engine=choice.module.engine.value if choice.module else "",
        error=_located(choice),
        unsupported=policy.unsupported,
        refusals=dict(choice.refusals),
        reads=describe(choice.module.reads) if choice.module else (),
        memo="" if choice.module is None or choice.module.pure else IMPURE,
        findings=stored(lint(applied, choice)),
    )
    problem = checked.error or checked.unsupported
    return LoadedPolicy(policy, choice.module, problem), checked


async def _compile(policy: Policy, compiler: Compiles, engine: EngineChoice) -> Choice:
    """Only text that is Rego and at hand can be compiled; the rest is `unsupported` already."""
    if policy.rego is None or not policy.rego.text or policy.rego.type != "rego":
        return Choice()
    return await choose(compiler, engine, policy.rego.text)


def _located(choice: Choice) -> str:
    if not choice.error:
        return ""
    place = f"{TEXT_FIELD}:{choice.line}:{choice.column}" if choice.line else TEXT_FIELD
    return f"{place}: {choice.error}"
