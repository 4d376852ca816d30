"""The desk's command line: serve it, or make a token for somebody."""

import logging
import os
import socket
import sys

import click

from asset_registry_pipeline.registry.roles import Role
from migration_kit.failures import MigrationError

_STOPS_WITHIN_SECONDS = 10


@click.group()
def main() -> None:
    """The curators' desk: pages and REST API of the asset registry's migration."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where it listens.")
@click.option("--port", default=8090, show_default=True, help="0 takes a free one.")
def serve(host: str, port: int) -> None:
    """Serve the desk until Ctrl-C; the environment says where the registry is and who may come in."""
    import uvicorn

    from asset_registry_pipeline.desk.app import create_app
    from asset_registry_pipeline.desk.log import log_redacted
    from asset_registry_pipeline.desk.state import opened_desk, settings_of

    log_redacted(logging.INFO)
    try:
        with opened_desk(settings_of(os.environ), os.environ) as desk, _listening(host, port) as listening:
            config = uvicorn.Config(
                create_app(desk),
                log_config=None,
                access_log=False,
                server_header=False,
                # Whom a proxy says it speaks for is believed of a proxy on this machine only.
                forwarded_allow_ips="127.0.0.1",
                timeout_graceful_shutdown=_STOPS_WITHIN_SECONDS,
            )
            address = desk.address.origin or f"http://{host}:{listening.getsockname()[1]}"
            click.echo(f"The desk is at {address}")
            uvicorn.Server(config).run(sockets=[listening])
    except MigrationError as error:
        raise click.ClickException(str(error)) from None


@main.command()
@click.argument("name")
@click.argument("role", type=click.Choice([str(role) for role in Role]))
def token(name: str, role: str) -> None:
    """Make a token for NAME: it is printed once and kept nowhere."""
    from asset_registry_pipeline.desk.security.tokens import line_of, new_token

    made = new_token()
    try:
        line = line_of(name, Role(role), made)
    except MigrationError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"For {name}, shown this once: {made}", err=not sys.stdout.isatty())
    click.echo(line)


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; the port is known before the server runs."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise click.ClickException(f"{host}:{port} cannot be listened on: {error.strerror}") from None


if __name__ == "__main__":
    main(prog_name="python -m asset_registry_pipeline.desk")
