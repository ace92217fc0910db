"""What the scripts share: run the command line in this process, read what it measured."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from decouple.record.metrics import read_metrics
from decouple.run import main

REPORTS = Path(__file__).resolve().parent.parent / "reports"


def measured(*overrides: str) -> dict[str, Any]:
    """Run `python -m decouple.run` with these settings; its metrics.json.

    Raises
    ------
    SystemExit : the run failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder) / "run"
        code = main([*overrides, f"run_dir={run_dir}"])
        if code:
            raise SystemExit(code)
        return read_metrics(run_dir)


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
