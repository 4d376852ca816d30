"""What tests of recovery share: a server that may die."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recovery.registry_place import Mongod


@pytest.fixture(scope="module")
def mongod() -> Iterator[Mongod]:
    """A server of one's own: it dies now and then, and its sessions are ended."""
    folder = Path(tempfile.mkdtemp(prefix="stack-of-recovery-"))
    running = Mongod(folder)
    yield running
    running.stop()
    shutil.rmtree(folder, ignore_errors=True)
