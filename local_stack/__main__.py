"""The command line of the local stack: `python -m local_stack up`, `down`, `env`, `clean`.

Here belongs what a person types and reads. `up` stays in the foreground until Ctrl-C; `down` ends an `up`
that runs elsewhere, `env` prints its variables for a shell, `clean` removes its data.
"""

import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from local_stack.ending import end_on_signals
from local_stack.given import place
from local_stack.lock import running_pid, the_only_one
from local_stack.servers import ServerFailed
from local_stack.stack import (
    PREFERRED_PORTS,
    Stack,
    default_data_dir,
    make_data_dir,
    remove_data,
    running_stack,
)

_STOPS_WITHIN_SECONDS = 60.0
_data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the servers keep their data. [default: .local/stack in the project, if PostgreSQL can reach it]",
)


@click.group()
def main() -> None:
    """Real servers on this machine: PostgreSQL, MongoDB, an S3 store and a Supabase Storage stand-in."""


@main.command()
@_data_dir
@click.option(
    "--env-file", type=click.Path(path_type=Path, dir_okay=False), help="Also write the variables there."
)
def up(data_dir: Path | None, env_file: Path | None) -> None:
    """Run the stack until Ctrl-C. Servers given in the environment are used instead of our own."""
    end_on_signals()
    with _clear_errors():
        folder = make_data_dir(data_dir or default_data_dir())
        with (
            the_only_one(folder),
            running_stack(folder, preferred_ports=PREFERRED_PORTS) as stack,
            _written(stack, [folder / "environment", *([env_file] if env_file else [])]),
        ):
            _print_addresses(stack)
            _watch(stack)


@main.command()
@_data_dir
def down(data_dir: Path | None) -> None:
    """End the stack that runs on this data folder."""
    folder = data_dir or default_data_dir()
    pid = running_pid(folder)
    if pid is None:
        click.echo("No stack is running.")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOPS_WITHIN_SECONDS
    while running_pid(folder) == pid:
        if time.monotonic() > deadline:
            raise click.ClickException(f"the stack (process {pid}) has not ended; look there")
        time.sleep(0.1)
    click.echo("The stack has ended; its data stay.")


@main.command()
@_data_dir
def env(data_dir: Path | None) -> None:
    """Print the running stack's variables: eval "$(python -m local_stack env)"."""
    folder = data_dir or default_data_dir()
    file = folder / "environment"
    if running_pid(folder) is None or not file.exists():
        raise click.ClickException("no stack is running: start one with `python -m local_stack up`")
    click.echo(file.read_text(encoding="utf-8"), nl=False)


@main.command()
@_data_dir
def clean(data_dir: Path | None) -> None:
    """Remove the data of a stack that does not run."""
    folder = data_dir or default_data_dir()
    if (pid := running_pid(folder)) is not None:
        raise click.ClickException(
            f"the stack runs (process {pid}): end it first with `python -m local_stack down`"
        )
    with _clear_errors():
        remove_data(folder)
    click.echo(f"{folder} is gone.")


def as_exports(environment: Mapping[str, str]) -> str:
    """The variables as lines for a shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items()))


@contextmanager
def _written(stack: Stack, files: list[Path]) -> Iterator[None]:
    """The variables in these files; the first, in the data folder, is there only as long as the stack runs."""
    for file in files:
        _write_private(file, as_exports(stack.environment))
    try:
        yield
    finally:
        files[0].unlink(missing_ok=True)


@contextmanager
def _clear_errors() -> Iterator[None]:
    """What went wrong as one line instead of a traceback."""
    try:
        yield
    except ServerFailed as failure:
        raise click.ClickException(str(failure)) from None
    except KeyboardInterrupt:
        click.echo("Ended before all servers were up.", err=True)
        sys.exit(130)


def _watch(stack: Stack) -> None:
    """Return when a signal ends the stack; raises ServerFailed when a server dies."""
    with suppress(KeyboardInterrupt):
        while (failure := stack.dead_server()) is None:
            time.sleep(1.0)
        raise failure


def _print_addresses(stack: Stack) -> None:
    for name, server in sorted(stack.servers.items()):
        click.echo(f"{name:9} {place(server.url)}")
    click.echo(f"data in   {stack.data_dir}")
    click.echo('Variables: eval "$(python -m local_stack env)". Ctrl-C ends the servers.')


def _write_private(path: Path, text: str) -> None:
    """Write a file with secrets in it: nobody else may read it, not even for a moment."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main(prog_name="python -m local_stack")
