"""When a policy is set aside, and when it is let out again. Not covered: who counts (`tests/faults`)."""

from dataclasses import replace

from evaluator.rego.engine import EngineName
from evaluator.rego.quarantine import Quarantine
from evaluator.rego.questions import Module

MODULE = Module(1, EngineName.REGORUS, "package sigstore")
AFTER, COOL_DOWN = 3, 600.0


def _struck(times: int) -> Quarantine:
    quarantine = Quarantine(AFTER, COOL_DOWN, capacity=2)
    for _ in range(times):
        quarantine.strike(MODULE, 0.0)
    return quarantine


def test_a_policy_is_set_aside_after_its_last_strike_and_not_before() -> None:
    assert not _struck(AFTER - 1).reason(MODULE, 1.0)
    assert "3 times" in _struck(AFTER).reason(MODULE, 1.0)


def test_the_same_text_compiled_again_stays_set_aside() -> None:
    assert _struck(AFTER).reason(replace(MODULE, ref=2), 1.0)


def test_another_text_and_another_engine_are_free() -> None:
    quarantine = _struck(AFTER)
    assert not quarantine.reason(replace(MODULE, text="package sigstore\n"), 1.0)
    assert not quarantine.reason(replace(MODULE, engine=EngineName.REGOPY), 1.0)


def test_after_the_cool_down_there_is_one_try_and_not_three() -> None:
    quarantine = _struck(AFTER)
    assert not quarantine.reason(MODULE, COOL_DOWN)
    quarantine.strike(MODULE, COOL_DOWN)
    assert quarantine.reason(MODULE, COOL_DOWN + 1)


def test_strikes_far_apart_do_not_add_up() -> None:
    quarantine = Quarantine(AFTER, COOL_DOWN)
    for number in range(10):
        quarantine.strike(MODULE, number * COOL_DOWN)
    assert not quarantine.reason(MODULE, 10 * COOL_DOWN)


def test_only_the_policies_struck_last_are_remembered() -> None:
    quarantine = _struck(AFTER)
    for number in range(2):
        quarantine.strike(replace(MODULE, text=f"package p{number}"), 1.0)
    assert not quarantine.reason(MODULE, 1.0)
