"""Projects: what one Supabase project stores, and the projects of one server, each in a folder of its own.

The project without a name is the one at the server's root; tests have as many named ones as they like.
"""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from local_stack.storage_api import errors
from local_stack.storage_api.blobs import Blobs
from local_stack.storage_api.catalogue import Catalogue, Content, StoredObject
from local_stack.storage_api.faults import Faults

_NAME = re.compile(r"[a-z0-9-]{1,63}")


@dataclass(frozen=True)
class Project:
    """One project: its rows, its bytes, the secret its tokens are signed with, and the faults a test has ordered."""

    name: str
    folder: Path
    secret: str = field(repr=False)
    catalogue: Catalogue
    blobs: Blobs
    faults: Faults

    def object(self, bucket_id: str, key: str) -> StoredObject:
        """The object; raises NoSuchKey."""
        found = self.catalogue.find(bucket_id, key)
        if found is None:
            raise errors.no_such_object()
        return found

    def put(
        self, bucket_id: str, key: str, content: Content, *, upsert: bool, ends: str | None = None
    ) -> StoredObject:
        """Record an object and remove the bytes it replaces; its own bytes are removed if it is refused.

        `ends` names the resumable upload that is finished with it.
        """
        try:
            stored, replaced = self.catalogue.put(bucket_id, key, content, upsert=upsert, ends=ends)
        except BaseException:
            self.blobs.remove([content.blob])
            raise
        if replaced is not None:
            self.blobs.remove([replaced])
        return stored

    def spoil(self, bucket_id: str, key: str) -> None:
        """Flip a bit in the middle of an object's bytes; its row stays as it is."""
        blob = self.object(bucket_id, key).content.blob
        with self.blobs.open(blob) as file:
            content = bytearray(file.read())
        if content:
            content[len(content) // 2] ^= 1
        self.blobs.replace(blob, bytes(content))

    def remove(self, bucket_id: str, keys: Iterable[str]) -> list[StoredObject]:
        """Remove objects with their bytes; returns those that were there."""
        removed = self.catalogue.remove(bucket_id, keys)
        self.blobs.remove(gone.content.blob for gone in removed)
        return removed


class Projects:
    """The projects of one server, opened when first asked for."""

    def __init__(self, folder: Path, secret: str) -> None:
        """Keep the projects below this folder; all share one secret."""
        self._folder = folder
        self._secret = secret
        self._open: dict[str, Project] = {}

    def __getitem__(self, name: str) -> Project:
        """The project of this name, made if there is none yet; the empty name is the server's own."""
        if name not in self._open:
            self._open[name] = self._load(name)
        return self._open[name]

    def remove(self, name: str) -> None:
        """Remove a project with everything in it."""
        project = self._open.pop(name, None)
        if project is not None:
            project.catalogue.close()
        shutil.rmtree(self._place(name), ignore_errors=True)

    def _place(self, name: str) -> Path:
        if name and not _NAME.fullmatch(name):
            raise errors.malformed("a project's name consists of a-z, 0-9 and -")
        return self._folder / (f"project-{name}" if name else "default")

    def _load(self, name: str) -> Project:
        folder = self._place(name)
        blobs = Blobs(folder / "blobs")
        blobs.folder.mkdir(parents=True, exist_ok=True)
        catalogue = Catalogue(folder / "catalogue.sqlite")
        blobs.remove_all_but(catalogue.blobs())
        return Project(name, folder, self._secret, catalogue, blobs, Faults())
