"""Observers made of observers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decouple.flows.trace import Observer, StepReport


def fan_out(*observers: Observer) -> Observer:
    """Hand each report to every observer, in the given order."""

    def observe(report: StepReport) -> None:
        for observer in observers:
            observer(report)

    return observe
