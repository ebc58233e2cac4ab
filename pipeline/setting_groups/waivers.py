"""Waivers: where they are, and how far ahead they may end."""

from pydantic import BaseModel, Field


class WaiverFields(BaseModel):
    """What is set for waivers."""

    waivers: str = Field(
        default="", description="File or folder of waivers, for `scan`, `run` and `watch`; empty: none."
    )
    waiver_namespace: str = Field(
        default="",
        pattern=r"^$|^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
        description="Namespace of ConfigMaps that hold waivers (label tocsin.dev/waivers=true); empty: none.",
    )
    waiver_max_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="Days from now in which a waiver has to end, or it is refused; 0: any end will do.",
    )
