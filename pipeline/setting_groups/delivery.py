"""Deliveries of events to subscribers."""

from dataclasses import dataclass

from pydantic import BaseModel, Field


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """For deliveries to subscribers. Times in seconds."""

    file: str
    poll: float
    events: int
    size: int
    retention: float


class DeliveryFields(BaseModel):
    """What is set for deliveries."""

    subscribers: str = Field(
        default="", description="File of subscribers that events are delivered to; empty: none."
    )
    subscriber_poll: float = Field(
        default=2.0, gt=0, description="Seconds between looks at whether a subscriber was paused or resumed."
    )
    delivery_events: int = Field(
        default=1000,
        ge=1,
        description="Events in memory for each subscriber; what it has not got waits on the log.",
    )
    delivery_size_mib: int = Field(
        default=16, ge=1, description="MiB of events in memory for each subscriber; one event has 1 or 2 KiB."
    )
    outbox_hours: float = Field(
        default=168.0, gt=0, description="Hours that `run --subscribers` keeps events for a replay."
    )

    @property
    def delivery(self) -> DeliverySettings:
        """The group of deliveries."""
        return DeliverySettings(
            file=self.subscribers,
            poll=self.subscriber_poll,
            events=self.delivery_events,
            size=self.delivery_size_mib * 2**20,
            retention=self.outbox_hours * 3600,
        )
