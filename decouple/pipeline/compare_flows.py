"""Self-transfer of one image by many methods, at equal budgets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from decouple.experiments.compare_flows import split_method
from decouple.flows import Flow, Gradient, Lift, Projected, optimizer, stepper
from decouple.parsing import stop_rules
from decouple.pipeline.forecast import ROUND_TRIP, Forecast, Untold, of_walks
from decouple.pipeline.inputs import Inputs
from decouple.pipeline.kept import RESULTS
from decouple.pipeline.running import Run
from decouple.pipeline.self_transfer import self_transfer
from decouple.record.compounds import Record, Table
from decouple.record.forms import Count, Plain
from decouple.record.table import write_table
from decouple.report.flows import plot_flows
from decouple.stages import StageError


def compare_flows(run: Run) -> None:
    """Each method in a run folder of its own below this one; then one table and one figure."""
    settings = run.config.compare_flows
    rows: list[dict[str, Any]] = []
    passes = settings.passes
    for method in settings.methods:
        run.progress.finish()
        run.say(f"{method}:")
        done = run.once(method, partial(_row, run, method, passes))
        rows.append(done.row)
        if passes is None:
            passes = done.passes
    run.record(compare_flows={"rows": rows, "passes_per_layer": passes})
    write_table(run.recorder.folder, "compare_flows", rows)
    run.draw(plot_flows)


def forecast(inputs: Inputs) -> Forecast | Untold:
    """Passes and time, at most: those of the first method for each."""
    settings = inputs.config.compare_flows
    flow = method_flow(inputs, settings.methods[0], settings.passes)
    return of_walks(inputs, lambda _: ROUND_TRIP, flow, methods=len(settings.methods))


def method_flow(inputs: Inputs, method: str, passes: int | None) -> Flow:
    """The flow that `FLOW:STEPPER` or `FLOW:OPTIMIZER` names, within a budget of passes."""
    flow, how = split_method(method)
    if flow == "lift":
        return Lift(stepper(how))
    stop = stop_rules(inputs.config.stop, inputs.weights)
    if passes is not None:
        stop = stop.within(passes)
    if flow == "gradient":
        return Gradient(optimizer(how), stop)
    return Projected(optimizer(how), stop, flow.removeprefix("projected_"))


@dataclass(frozen=True)
class Row:
    """One method's `row`, and the `passes` that it took a stage and layer on average."""

    row: dict[str, Any]
    passes: int


RESULTS.add(Record(Row, 1, {"row": Table(Plain()), "passes": Count()}))


def _row(run: Run, method: str, passes: int | None) -> Row:
    """Carry out one method."""
    failure = None
    with run.method(method, method_flow(run.inputs, method, passes)) as one:
        try:
            self_transfer(one)
        except StageError as error:
            failure = str(error)
            run.say(failure)
    stages = one.recorder.stages
    active = [row["feature_mse"][row["layer"]] for row in stages]
    held = [mse for row in stages for k, mse in row["feature_mse"].items() if k != row["layer"]]
    result = one.recorder.results.get("self_transfer", {})
    moved = result.get("psnr_db", math.inf) < math.inf
    spent = sum(row["passes"] for row in stages)
    row = {
        "method": method,
        # A method that never moves the image gives it back for nothing.
        "psnr_db": result.get("psnr_db") if moved else None,
        "excursion_recovered": result.get("excursion_recovered"),
        "active_mse": max(active, default=None),
        "held_mse": max(held, default=None),
        "passes": spent,
        "seconds": sum(row["seconds"] for row in stages),
        "stop_reasons": ", ".join(dict.fromkeys(row["stop_reason"] for row in stages)),
        "folder": str(Path("methods") / one.recorder.folder.path.name),
    }
    if failure is None and not moved:
        failure = "the image was never moved: its first step already failed or was not needed"
    if failure is not None:
        row["failure"] = failure
    return Row(row, -(-spent // max(len(stages), 1)))
