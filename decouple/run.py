"""`python -m decouple.run`: Hydra in, one pipeline call, exit code out.

Exit codes: 0 done; 2 something the user can mend, said in one line; 130 interrupted. Any other
exception is a defect of this package and shows its traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hydra import initialize_config_dir
from omegaconf import DictConfig

from decouple.command_line import (
    cells,
    compose_checked,
    help_page,
    launcher_of,
    sweep_folder,
    verified_run,
)
from decouple.config import config_folder, register
from decouple.errors import ConfigError, DecoupleError, unknown_name
from decouple.execution import carry_out, quiet_tensorflow
from decouple.launching import check_launcher, hand_to_hydra

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
            hand_to_hydra(arguments)
            return 0
        unknown = [f for f in flags if f not in ("-m", "--multirun")]
        if unknown:
            raise ConfigError(unknown_name("flag", unknown[0], ["--help", "-m", "--cfg", "--info"]))
        repeated = verified_run(overrides)
        if repeated is not None:
            return _verify(*repeated)
        check_launcher(launcher_of(overrides), sweeping=bool(flags))
        if flags:
            # Every cell of the sweep is checked before the first one runs.
            every = cells(overrides)
            if any(word.startswith("resume=") for cell in every for word in cell):
                raise ConfigError("resume= goes on with one run, and has no meaning in a sweep")
            configs = [compose_checked(cell) for cell in every]
            place = sweep_folder(every[0])
        else:
            config = compose_checked(overrides)
    if flags:
        from decouple.sweeps import sweep  # it draws

        return sweep(arguments, configs, place)
    carry_out(config)
    return 0


def _verify(run_dir: str, config: DictConfig) -> int:
    """Repeat a run, and print how alike the two are."""
    quiet_tensorflow()
    from decouple.pipeline.verify import verify

    print(verify(run_dir, config, carry_out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
