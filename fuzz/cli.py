"""The command line: ``misfold``."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import NoReturn

import typer
from rich.console import Console

from misfold.programs.errors import MisfoldError, StoreError

#: What each module of ``commands`` adds, in the order of the help. Only the module of the command that is asked for is
#: imported: all of them together take longer than many a command.
COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run",),
    "browse": ("findings", "bugs", "show"),
    "reporting": ("report",),
    "summary": ("summary",),
    "rechecking": ("recheck",),
    "triaging": ("triage",),
    "replay": ("replay", "export"),
    "reducing": ("reduce", "localise"),
    "inspection": ("targets", "operators", "probe", "doctor", "selfcheck"),
    "corpus": ("corpus",),
    "known": ("known",),
    "versions": ("bisect-version",),
    "compiling": ("compile",),
    "coverage": ("coverage",),
    "tracing": ("trace",),
    "documentation": ("docs",),
    "rules": ("infer", "rules"),
    "verify": ("verify",),
    "costs": ("costs",),
}


def make_app(command: str | None = None) -> typer.Typer:
    """The command line with all commands, or with those alone that come with ``command``, if there is such a one."""
    app = typer.Typer(
        name="misfold",
        help=(
            "Find the places where tensor compilers are wrong.\n\n"
            "Start with: misfold run --time 5m. Then: misfold findings, misfold show B1, misfold export B1."
        ),
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    # A program of one command has no names of commands; with this it keeps them.
    app.callback()(lambda: None)
    wanted = [name for name, commands in COMMANDS.items() if command in commands]
    for name in wanted or COMMANDS:
        import_module(f"{__package__}.commands.{name}").register(app)
    return app


# Exit statuses: 0 all well, 1 something failed (a replay that fails, a campaign that could not go on), 2 bad input.
FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


def main() -> NoReturn:
    """Entry point. A user's mistake is one line on standard error and exit status 2, never a traceback."""
    try:
        code = make_app(sys.argv[1] if len(sys.argv) > 1 else None)(standalone_mode=False)
    except typer.TyperException as error:
        # Without arguments the help has been printed, and there is no message.
        if error.format_message():
            print(f"misfold: {error.format_message()} (see: misfold --help)", file=sys.stderr)
        sys.exit(error.exit_code)
    except typer.Exit as error:
        sys.exit(error.exit_code)
    except MisfoldError as error:
        Console(stderr=True, soft_wrap=True).print(f"misfold: {error}", style="red", markup=False, highlight=False)
        sys.exit(FAILED if isinstance(error, StoreError) else BAD_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader went away (misfold findings | head): not an error, but Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)
