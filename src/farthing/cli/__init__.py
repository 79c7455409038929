"""The command line: one file per command, loaded when used, so that `farthing --help` answers at once."""

import importlib
import logging
import os
import signal
import sys
from collections.abc import Sequence

import click

from farthing import __version__
from farthing.errors import FarthingError

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": (
        "farthing.cli.demo",
        "A simulated organisation and a full daily run: no AWS, no account, no key.",
    ),
    "collect": ("farthing.cli.collect", "The daily run: ask, keep, compare, alert."),
    "backfill": ("farthing.cli.backfill", "Bring history into the ledger, priced and confirmed first."),
    "import": ("farthing.cli.import_", "Bring a billing export (FOCUS, CUR) into the ledger."),
    "export": ("farthing.cli.export", "Write imported charges as FOCUS: Parquet or CSV."),
    "report": ("farthing.cli.report", "What was spent, by whatever you ask."),
    "anomalies": ("farthing.cli.anomalies", "What went otherwise than expected, and what you decide about it."),
    "budgets": ("farthing.cli.budgets", "What is spent of each budget, and how long credits last."),
    "forecast": ("farthing.cli.forecast", "What the month and the next three will cost, with intervals."),
    "explain": ("farthing.cli.explain", "Why a cost changed: a waterfall that adds up to the cent."),
    "dashboard": ("farthing.cli.dashboard", "The ledger in a browser."),
    "site": ("farthing.cli.site", "The dashboard as a static site, or one HTML file."),
    "reconcile": ("farthing.cli.reconcile", "Prove the stored totals against an independent ungrouped query."),
    "doctor": ("farthing.cli.doctor", "Configuration, access, reachability, freshness: each ok or how to mend it."),
    "price": ("farthing.cli.price", "What this configuration costs to run, before it runs."),
    "alerts": ("farthing.cli.alerts", "The alerts so far; a test message; a replay of the past."),
    "simulate": ("farthing.cli.simulate", "A local Cost Explorer for tests and trials."),
    "schema": ("farthing.cli.schema", "The JSON Schemas of what farthing keeps."),
    "completion": ("farthing.cli.completion", "Completion for bash, zsh or fish."),
}


class LazyGroup(click.Group):
    """Loads a command's module when the command is used, not when its name is listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table above."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was typed; a wrong name is answered with the nearest one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, from the table: no module is loaded for it."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="farthing")
@click.option("-v", "--verbose", is_flag=True, help="Say each step, and show the traceback of an error.")
@click.option("--home", metavar="DIR", help="The local ledger's folder (FARTHING_HOME).")
@click.option("--config", metavar="FILE", help="The configuration file (FARTHING_CONFIG).")
@click.pass_context
def group(ctx: click.Context, verbose: bool, home: str | None, config: str | None) -> None:
    """Watches what an organisation spends on AWS, and tells the right people when something is wrong and why."""
    _log_to_stderr(verbose)
    flags = {"FARTHING_HOME": home, "FARTHING_CONFIG": config}
    ctx.obj = {"environment": {**os.environ, **{name: value for name, value in flags.items() if value}}}


class _Once(logging.Filter):
    """Says each sentence once in a command: several signals meet the same broken object."""

    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it was not said before."""
        sentence = record.getMessage()
        new = sentence not in self._said
        self._said.add(sentence)
        return new


def _log_to_stderr(verbose: bool) -> None:
    log = logging.getLogger("farthing")
    for old in list(log.handlers):
        log.removeHandler(old)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("farthing: %(message)s"))
    if not verbose:
        handler.addFilter(_Once())
    log.addHandler(handler)
    log.setLevel(logging.INFO if verbose else logging.WARNING)
    log.propagate = False


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0 fine, 1 failed, 2 wrong use, 3 over a threshold."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    verbose = bool({"-v", "--verbose"} & set(arguments))
    try:
        code = group.main(arguments, prog_name="farthing", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("farthing: stopped; what was written is whole", err=True)
        return 130
    except FarthingError as error:
        return _failed(error, str(error), error.exit_code, verbose)
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`): nothing is wrong, and nothing more is to be flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # Adapters word their own; what is left is the output, e.g. a full disk behind a redirection.
        return _failed(error, f"the output cannot be written: {error.strerror or error}", 1, verbose)
    except Exception as error:
        message = f"unexpected error ({type(error).__name__}: {error}); please report it with the output of -v"
        return _failed(error, message, 1, verbose)
    return code if isinstance(code, int) else 0


def _failed(error: BaseException, message: str, code: int, verbose: bool) -> int:
    if verbose:
        import traceback

        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    click.echo(f"farthing: {' '.join(message.split())}", err=True)
    return code


def main() -> None:
    """The entry point of the `farthing` script."""
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(run())


def _stop(number: int, frame: object) -> None:
    """SIGTERM ends a command as Ctrl-C does."""
    del number, frame
    raise KeyboardInterrupt
