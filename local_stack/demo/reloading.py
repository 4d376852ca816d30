"""Live reload: a code location is loaded anew when a file of its package, or of the kit, has changed.

``dagster dev`` itself reloads only at the press of a button.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from local_stack.dagster_api import Dagster
from local_stack.demo.migrations import LOCATIONS

WATCHED = (".py", ".sql", ".yaml")
SETTLE_SECONDS = 0.5


class _Changes(FileSystemEventHandler):
    """Collects the packages with changes, and reloads their locations when the files have settled."""

    def __init__(self, url: str, console: Console) -> None:
        self._url = url
        self._console = console
        self._packages: set[str] = set()
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def on_any_event(self, event: FileSystemEvent) -> None:
        path = Path(str(event.dest_path or event.src_path))
        if event.event_type in {"opened", "closed_no_write"} or path.suffix not in WATCHED:
            return
        package = next((part for part in path.parts if part in {*LOCATIONS.values(), "migration_kit"}), None)
        if package is None:
            return
        with self._lock:
            self._packages.add(package)
            if self._timer:
                self._timer.cancel()
            self._timer = threading.Timer(SETTLE_SECONDS, self._reload)
            self._timer.daemon = True
            self._timer.start()

    def _reload(self) -> None:
        with self._lock:
            packages, self._packages = self._packages, set()
        everything = "migration_kit" in packages
        with Dagster(self._url) as api:
            for location in LOCATIONS.values():
                if everything or location in packages:
                    error = api.reload(location)
                    told = f"[red]does not load:[/] {error}" if error else "reloaded"
                    self._console.print(f"{location} {told}")


@contextmanager
def reloading(url: str, project: Path, console: Console) -> Iterator[None]:
    """Watch the project's packages while the block runs."""
    observer = Observer()
    changes = _Changes(url, console)
    for package in (*LOCATIONS.values(), "migration_kit"):
        observer.schedule(changes, str(project / package), recursive=True)
    observer.start()
    try:
        yield
    finally:
        observer.stop()
        observer.join()
