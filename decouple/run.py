"""`python -m decouple.run`: Hydra in, one pipeline call, exit code out.

Exit codes: 0 done; 2 something the user can mend, said in one line; 130 interrupted. Any other
exception is a defect of this package and shows its traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from hydra import initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from decouple.command_line import cells, compose_checked, help_page, verified_run
from decouple.config import config_folder, register
from decouple.errors import ConfigError, DecoupleError, FailedRun, unknown_name

_FLAGS_OF_HYDRA = {"--cfg", "-c", "--info", "-i", "--shell-completion", "-sc", "--resolve"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    with_traceback = "--traceback" in arguments
    arguments = [a for a in arguments if a != "--traceback"]
    try:
        return _dispatch(arguments)
    except DecoupleError as error:
        if with_traceback:
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(": ".join(["interrupted", *map(str, error.args)]), file=sys.stderr)
        return 130


def _dispatch(arguments: list[str]) -> int:
    register()
    flags = [a for a in arguments if a.startswith("-")]
    overrides = [a for a in arguments if not a.startswith("-")]
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        if not arguments or {"--help", "-h"} & set(flags):
            print(help_page())
            return 0
        if _FLAGS_OF_HYDRA & set(flags):
            return _hand_to_hydra(arguments)
        unknown = [f for f in flags if f not in ("-m", "--multirun")]
        if unknown:
            raise ConfigError(unknown_name("flag", unknown[0], ["--help", "-m", "--cfg", "--info"]))
        repeated = verified_run(overrides)
        if repeated is not None:
            return _verify(*repeated)
        if flags:
            # Every cell of the sweep is checked before the first one runs.
            for cell in cells(overrides):
                if any(word.startswith("resume=") for word in cell):
                    raise ConfigError("resume= goes on with one run, and has no meaning in a sweep")
                compose_checked(cell)
        else:
            config = compose_checked(overrides)
    if flags:
        return _sweep(arguments)
    _run(config)
    return 0


def _run(config: DictConfig) -> Path | None:
    """One run, from a composed and checked configuration; returns its folder, if it has one."""
    _quiet_tensorflow()
    from decouple import pipeline

    return pipeline.run(config)


def _verify(run_dir: str, config: DictConfig) -> int:
    """Repeat a run, and print how alike the two are."""
    _quiet_tensorflow()
    from decouple.pipeline.verify import verify

    print(verify(run_dir, config, _run))
    return 0


def _sweep(arguments: list[str]) -> int:
    """Every cell of `-m`, and a page on them all; a failing one is reported, the rest go on."""
    from hydra.core.hydra_config import HydraConfig

    from decouple.report.sweep import Failure, write_sweep_page

    outcomes: list[Path | Failure] = []
    folders: set[Path] = set()  # Hydra tells it only while a cell runs; it is one for all

    def task(config: DictConfig) -> None:
        folders.add(Path(HydraConfig.get().sweep.dir))
        try:
            folder = _run(config)
            outcomes.extend([folder] if folder is not None else [])
        except DecoupleError as error:
            cell = OmegaConf.to_container(config, resolve=True)
            left = error.folder if isinstance(error, FailedRun) else None
            outcomes.append(Failure(cast("dict[str, Any]", cell), str(error), left))
            print(f"error: {error}", file=sys.stderr)

    _hand_to_hydra(arguments, task)
    failures = sum(isinstance(outcome, Failure) for outcome in outcomes)
    if failures:
        print(f"{failures} of the sweep's runs failed", file=sys.stderr)
    if outcomes:
        page = write_sweep_page(outcomes, folders.pop() / "report.html")
        print(f"The sweep's report is {page}", file=sys.stderr)
    return 2 if failures else 0


def _hand_to_hydra(arguments: list[str], task: Any = lambda _: None) -> int:
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    sys.argv = [sys.argv[0], *arguments]
    hydra.main(config_path=str(config_folder()), config_name="config", version_base="1.3")(task)()
    return 0


def _quiet_tensorflow() -> None:
    """Import TensorFlow without its start-up chatter, which no setting of its own stops."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        import tensorflow as tf

        tf.constant(0.0)  # the devices report at the first operation
        # Each depth of the network is traced once, which TensorFlow takes for retracing.
        tf.get_logger().setLevel("ERROR")
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


if __name__ == "__main__":
    sys.exit(main())
