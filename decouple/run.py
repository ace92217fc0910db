"""`python -m decouple.run`: Hydra in, one pipeline call, exit code out.

Exit codes: 0 done; 2 something the user can mend, said in one line; 130 interrupted. Any other
exception is a defect of this package and shows its traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hydra import initialize_config_dir
from omegaconf import DictConfig

from decouple import __version__
from decouple.arguments import parse
from decouple.command_line import (
    cells,
    check_names,
    compose_checked,
    help_page,
    indexed_folder,
    sweep_folder,
    verified_run,
)
from decouple.config import config_folder, register
from decouple.errors import ConfigError, DecoupleError
from decouple.execution import carry_out, draw_into_files, quiet_tensorflow
from decouple.launching import check_hydra, hand_to_hydra
from decouple.legible import printable
from decouple.plugins import load_for
from decouple.streams import LastingStream, lasting_streams
from decouple.words import read


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    draw_into_files()
    with lasting_streams() as (output, _):
        code = _obey(list(sys.argv[1:] if arguments is None else arguments))
        return code or _told(output)


def _told(output: LastingStream) -> int:
    """The exit code where all went well: 2 if the answer could not be written.

    A reader who has left (`| head -1`) had what it wanted.
    """
    output.flush()
    if output.lost is None or isinstance(output.lost, BrokenPipeError):
        return 0
    print(f"error: cannot write to standard output: {output.lost.strerror}", file=sys.stderr)
    return 2


def _obey(arguments: list[str]) -> int:
    """The exit code; what went wrong has been said."""
    with_traceback = "--traceback" in arguments
    arguments = [a for a in arguments if a != "--traceback"]
    try:
        return _dispatch(arguments)
    except DecoupleError as error:
        if with_traceback:
            raise
        # A name that it quotes may hold line breaks.
        print("error:", printable(" ".join(str(error).splitlines())), file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(printable(": ".join(["interrupted", *map(str, error.args)])), file=sys.stderr)
        return 130


def _dispatch(arguments: list[str]) -> int:
    register()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        told = parse(arguments)
        load_for(told.settings)
        if not arguments or told.helped:
            print(help_page())
            return 0
        if told.version:
            print(f"decouple {__version__}")
            return 0
        if told.completion:
            hand_to_hydra(arguments)
            return 0
        folder = indexed_folder(told.settings)
        if folder is not None:
            return _index(folder)
        repeated = verified_run(told.settings)
        if repeated is not None:
            return _verify(*repeated)
        settings = read(told.settings, told.sweeping)
        check_hydra(settings, told.sweeping or bool(told.shown))
        # As Hydra is to read them; what is chosen by chance is chosen once.
        words = [setting.input_line or "" for setting in settings]
        if told.shown:
            for setting in settings:
                if setting.is_sweep_override():
                    raise ConfigError(f"{setting.input_line}: --cfg and --info show one run")
            check_names(words)
            hand_to_hydra([*told.shown, *words])
            return 0
        if told.sweeping:
            # Every cell of the sweep is checked before the first one runs.
            every = cells(words)
            if any(word.startswith("resume=") for cell in every for word in cell):
                raise ConfigError("resume= goes on with one run, and has no meaning in a sweep")
            configs = [compose_checked(cell) for cell in every]
            given = sweep_folder(every[0])
        else:
            config = compose_checked(words)
    if told.sweeping:
        from decouple.sweeps import sweep  # it draws

        return sweep(words, configs, given)
    carry_out(config)
    return 0


def _index(folder: str) -> int:
    """Write the page over a folder of runs, and say where it is."""
    from decouple.report.index import write_index  # it draws nothing, but reads pictures

    page, count = write_index(folder)
    print(printable(f"{page} ({count} run{'' if count == 1 else 's'})"))
    return 0


def _verify(run_dir: str, config: DictConfig) -> int:
    """Repeat a run, and print how alike the two are."""
    quiet_tensorflow()
    from decouple.pipeline.verify import verify

    print(printable(verify(run_dir, config, carry_out)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
