"""The command line, `thv-registry-api`. Thin: reads flags, calls what does the work, prints, chooses the exit code."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
import uvloop
from rich.console import Console

from app.console.board import open_board
from app.console.runs import AT_ONCE, Operation, Verdict, Wish, cancelling, choose_sources
from app.console.table import draw_sources, list_as_json
from app.core.errors import AppError, ConfigError, RegistryNotFound, SourceError, Unavailable
from app.core.logging import configure_logging
from app.core.replacement import replacing
from app.core.settings import Settings, SourceFormat, load_settings
from app.graphql.schema import print_sdl
from app.models.views import SourceView, VersionView
from app.process import Addresses, open_catalogue, open_database, serve, take_jobs
from app.resolvers.context import now
from app.resolvers.conversion import convert_file
from app.resolvers.export import export_registry
from app.resolvers.registries import list_registries
from app.resolvers.service import get_version
from app.resolvers.sources import list_sources
from app.rest.files import FileFormat, write_file
from workers.scheduler import name_owner

T = TypeVar("T")

cli = typer.Typer(
    name="thv-registry-api",
    help="ToolHive Registry Server: the metadata hub for an organisation's MCP servers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
migrations = typer.Typer(help="Bring the database to the schema of this release.", no_args_is_help=True)
cli.add_typer(migrations, name="migrate")

ConfigOption = Annotated[Path, typer.Option("--config", help="The YAML configuration file.", show_default=False)]


@cli.command("serve")
def serve_command(
    config: ConfigOption,
    address: Annotated[
        str, typer.Option(help="Where the API listens, host:port.", envvar="THV_REGISTRY_ADDRESS")
    ] = ":8080",
    internal_address: Annotated[
        str, typer.Option(help="Where health, readiness and version listen.", envvar="THV_REGISTRY_INTERNAL_ADDRESS")
    ] = ":8081",
    auth_mode: Annotated[str | None, typer.Option(help="anonymous or oauth; goes before the file.")] = None,
) -> None:
    """Serve the API; migrates the database and loads the configured sources first."""
    settings = _load(config, auth_mode)
    _run(serve(settings, Addresses(address, internal_address), lambda: _announce(address, internal_address)))


@cli.command("worker")
def worker_command(config: ConfigOption) -> None:
    """Synchronise sources for servers with the same `redis` block, beside any number of other workers."""
    settings = _load(config, None)
    _run(take_jobs(settings, lambda owner, queue: typer.echo(f"Worker {owner} takes jobs from the queue {queue}.")))


@cli.command("check-config")
def check_config_command(
    config: ConfigOption,
    auth_mode: Annotated[str | None, typer.Option(help="anonymous or oauth; goes before the file.")] = None,
) -> None:
    """Check a configuration file; lists every problem with its place and a fix."""
    settings = _load(config, auth_mode)
    for warning in settings.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"{config}: {len(settings.sources)} sources, {len(settings.registries)} registries, no problems")


@migrations.command("up")
def migrate_up_command(
    config: ConfigOption, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
) -> None:
    """Apply every migration that is missing."""
    settings = _load(config, None)
    if not yes and not typer.confirm("Apply the missing migrations?"):
        raise typer.Exit

    async def work() -> None:
        async with open_database(settings):
            typer.echo("the database is up to date")

    _run(work())


@cli.command("convert")
def convert_command(
    file: Annotated[Path, typer.Argument(help="A registry file in the upstream or the ToolHive format.")],
    to: Annotated[SourceFormat, typer.Option(help="The format to write.")],
) -> None:
    """Write a registry file in the other format to standard output; tells what has no place there."""
    try:
        done = convert_file(file.read_bytes(), to, now())
    except OSError as error:
        _fail(f"cannot read {file}: {error.strerror}")
    except SourceError as error:
        _fail(f"{file}: {error}")
    for item in done.left_out:
        typer.echo(f"left out: {item.name or 'a document'} {item.version or ''}: {item.reason}", err=True)
    typer.echo(f"{done.converted} documents converted, {len(done.left_out)} left out", err=True)
    typer.echo(done.data, nl=False)


@cli.command("export")
def export_command(
    config: ConfigOption,
    registry: Annotated[str | None, typer.Option(help="The registry; without it, all of them together.")] = None,
    format_: Annotated[FileFormat, typer.Option("--format", help="The form of the file.")] = FileFormat.V01,
    latest: Annotated[bool, typer.Option("--latest", help="Only the latest version of each server.")] = False,
    output: Annotated[
        Path | None, typer.Option(help="The file to replace; without it, standard output.", show_default=False)
    ] = None,
) -> None:
    """Write a registry as one JSON file, whether or not a server is running with the same configuration."""
    settings = _load(config, None)

    async def work() -> None:
        async with open_catalogue(settings) as ctx:
            pages = _Counted(export_registry(ctx, registry, latest))
            try:
                await _write(write_file(format_, pages), output)
            except RegistryNotFound:
                known = ", ".join(view.name for view in await list_registries(ctx))
                _fail(
                    f"registry {registry!r} is not known; "
                    + (f"known are: {known}" if known else "nor is any other: start the server once to load them")
                )
        typer.echo(f"{pages.versions} versions of {len(pages.names)} servers exported", err=True)

    try:
        _run(work())
    except BrokenPipeError:
        raise  # nobody reads on: the command line ends quietly
    except OSError as error:
        _fail(f"cannot write to {output or 'standard output'}: {error.strerror}")


@cli.command("sync")
def sync_command(
    config: ConfigOption,
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="SOURCE", help="The sources; without any, all that are fetched.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything anew, whether or not it changed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would change.")] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Remove what the held runs of SOURCE would remove.")] = False,
) -> None:
    """Run sources now, beside a running server or without one.

    Exit code 0: all up to date, 1: one failed, 3: one is held because it would remove too much.
    """
    if accept and (dry_run or not sources):
        raise typer.BadParameter("--accept needs a SOURCE, and does not go with --dry-run")
    settings = _load(config, None)
    if settings.log_level != "debug":
        configure_logging("error")  # the command tells by itself what the log would tell once more
    wish = Wish(config, full=full, dry_run=dry_run, accept=accept)

    async def work() -> Verdict:
        with cancelling(signal.SIGTERM), open_board(Console()) as board:
            async with open_catalogue(settings) as ctx:
                chosen = await choose_sources(ctx, settings, sources or ())
                operation = Operation(ctx, name_owner(), wish, board)
                return await operation.run(chosen, min(settings.sync.concurrency, AT_ONCE))

    try:
        verdict = _run(work())
    except (KeyboardInterrupt, asyncio.CancelledError) as stopped:
        number = signal.SIGINT if isinstance(stopped, KeyboardInterrupt) else signal.SIGTERM
        typer.echo("stopped; the sources under way were given back and are run at the next opportunity", err=True)
        raise typer.Exit(128 + number) from None
    raise typer.Exit(verdict)


@cli.command("sources")
def sources_command(
    config: ConfigOption,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, with exact times.")] = False,
) -> None:
    """List the sources and how their synchronisation stands."""
    settings = _load(config, None)

    async def work() -> tuple[SourceView, ...]:
        async with open_catalogue(settings) as ctx:
            return await list_sources(ctx)

    found = _run(work())
    if as_json:
        typer.echo(json.dumps(list_as_json(found), indent=2, ensure_ascii=False))
    else:
        draw_sources(Console(), found, now())


@cli.command("export-schema")
def export_schema_command() -> None:
    """Print the GraphQL schema in the schema definition language."""
    typer.echo(print_sdl(), nl=False)


@cli.command("version")
def version_command(
    format_: Annotated[str, typer.Option("--format", help="text or json")] = "text",
) -> None:
    """Print the version."""
    found = get_version()
    if format_ == "json":
        typer.echo(json.dumps({name: getattr(found, name) for name in found.__slots__}, indent=2))
    else:
        typer.echo(f"thv-registry-api {found.version} (commit {found.commit}, {found.runtime}, {found.platform})")


class _Counted:
    """The pages of an export, and what they have held so far."""

    def __init__(self, pages: AsyncIterator[tuple[VersionView, ...]]) -> None:
        self.pages = pages
        self.versions = 0
        self.names: set[str] = set()

    async def __aiter__(self) -> AsyncIterator[tuple[VersionView, ...]]:
        async for page in self.pages:
            self.versions += len(page)
            self.names.update(view.name for view in page)
            yield page


async def _write(chunks: AsyncIterator[bytes], output: Path | None) -> None:
    with nullcontext(typer.get_binary_stream("stdout")) if output is None else replacing(output) as file:
        async for chunk in chunks:
            file.write(chunk)
        file.write(b"\n")
        file.flush()


def main() -> None:
    cli()


def _load(path: Path, auth_mode: str | None) -> Settings:
    overrides = {} if auth_mode is None else {"auth.mode": auth_mode}
    try:
        settings = load_settings(path, os.environ, overrides)
    except ConfigError as error:
        _fail(f"{path}: {len(error.problems)} problem(s)", *(f"  {problem}" for problem in error.problems))
    configure_logging(settings.log_level)
    return settings


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except AppError as error:
        reason = error.reason if isinstance(error, Unavailable) else ""
        _fail(f"{error}: {reason}" if reason else str(error))


def _fail(*lines: str) -> NoReturn:
    for number, line in enumerate(lines):
        typer.echo(line if number else f"Error: {line}", err=True)
    raise typer.Exit(1)


def _announce(address: str, internal_address: str) -> None:
    public, internal = (
        f"http://{value if not value.startswith(':') else 'localhost' + value}" for value in (address, internal_address)
    )
    typer.echo(f"API       {public}/v0.1/servers   (each registry: {public}/registry/NAME/v0.1/servers)")
    typer.echo(f"GraphiQL  {public}/graphql")
    typer.echo(f"Health    {internal}/health   {internal}/readiness   {internal}/version")
    typer.echo("Stop with Ctrl-C.")
