"""The experiments as compositions of stages, and what each leaves in its run folder."""

from decouple.pipeline.lifecycle import run

__all__ = ["run"]
