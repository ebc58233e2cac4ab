"""The evaluator as a service on Kafka: one `Evaluator` for each partition that is here.

They share engines, answers remembered, and loaded policies. A partition that arrives
brings its resources and last verdicts from the compacted topics; everything is
judged again by the policies of now, and only what differs is told.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from evaluator.app import GROUP, Evaluator
from evaluator.images.port import KnowsImages
from evaluator.library import Library
from evaluator.rego.memo import Memo
from evaluator.rego.questions import Rego
from evaluator.state import State
from evaluator.sweeps import Turns
from pipeline.bus import Consumer, Delivery, Publisher, Record
from pipeline.events import PolicyApplied, ResourceApplied, Topic, Verdict
from pipeline.kafka.assignment import Assignment
from pipeline.kafka.broadcast import Broadcast
from pipeline.kafka.claim import Claim
from pipeline.kafka.topics import require
from pipeline.settings import EvaluatorSettings, KafkaSettings
from pipeline.waivers import WaiverApplied, waiver_key

_log = logging.getLogger(__name__)


class PartitionedEvaluator:
    """Evaluates whatever partitions Kafka gives to this process."""

    def __init__(
        self,
        settings: EvaluatorSettings,
        kafka: KafkaSettings,
        rego: Rego,
        clock: Callable[[], datetime],
        images: KnowsImages | None = None,
        watched: Callable[[Claim], tuple[Consumer, Publisher]] = lambda claim: (claim, claim),
    ) -> None:
        self._settings = settings
        self._kafka = kafka
        self._rego = rego
        self.memo = Memo(rego)
        self._watched = watched
        self._turns = Turns(settings.workers + 1)  # each worker has the next one waiting
        self.library = Library(rego, settings)
        self._clock = clock
        self._images = images
        self._assignment: Assignment | None = None

    @property
    def lag(self) -> dict[tuple[Topic, int], int]:
        """How far it is behind, by partition."""
        return self._assignment.lag if self._assignment else {}

    async def run(self, stop: asyncio.Event, going: Callable[[], None]) -> None:
        """Until `stop`. `going` is called when Kafka is there. Raises groups of LogErrors."""
        await require(self._kafka)
        going()
        policies = Broadcast(self._kafka, Topic.POLICIES)
        async with asyncio.TaskGroup() as group:
            following = group.create_task(policies.follow(), name="policies")
            self._assignment = Assignment(self._kafka, GROUP, policies, self._work)
            await self._assignment.run(stop)
            following.cancel()

    async def _work(self, claim: Claim) -> None:
        state = State(remember=True)
        policies = await claim.restore(lambda record: remember(state, record))
        state.keep_only(())  # the policies topic says what there is
        evaluator = Evaluator(
            self._settings,
            self._rego,
            state,
            self._clock,
            self._images,
            memo=self.memo,
            library=self.library,
            turns=self._turns,
        )
        consumer, publisher = self._watched(claim)
        applied = [record.event.data for record in policies if record.event]
        for waiver in applied:
            if isinstance(waiver, WaiverApplied):
                state.put_waiver(waiver_key(waiver.cluster, waiver.name), waiver)
        await evaluator.catch_up([data for data in applied if isinstance(data, PolicyApplied)], publisher)
        await claim.acknowledge(Delivery((), {}))
        _log.info("partition %d taken over, with %d resources", claim.number, len(state.resource_keys()))
        await evaluator.run(consumer, publisher)


def remember(state: State, record: Record) -> None:
    """Take a record of the compacted topics into a state."""
    data = record.event.data if record.event else None
    match data:
        case ResourceApplied():
            state.put_resource(record.key, data)
        case Verdict() if record.event:
            state.restore(record.key, record.event.id, data)
        case None if record.topic is Topic.RESOURCES:
            state.drop_resource(record.key)
        case _:
            return  # the tombstone of a verdict follows its withdrawal
