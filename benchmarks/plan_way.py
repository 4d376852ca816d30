"""The migration as the first plan has it: a `file` process and an ImageMagick process a file, uploads one by one.

As it was planned: JPEG at 85, PNG at quality 90, WebP at 80, TIFF at 85, GIF kept; nothing is read back, hashed or
compared, and no worker waits for another. Only the shell is left out: programs are started with their arguments.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QUALITIES = {"image/jpeg": 85, "image/png": 90, "image/webp": 80, "image/tiff": 85}
NAMES = {"image/jpeg": "jpeg", "image/png": "png", "image/webp": "webp", "image/tiff": "tiff"}
"""What ImageMagick calls the types: the backup's files have no extension to tell it."""
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif"}
BUCKET = "plan-way"
_ELF = b"\x7fELF"


class MissingProgramError(RuntimeError):
    """A program that the plan's way starts is not on this machine."""


@dataclass(frozen=True)
class Programs:
    """Paths of the two programs, and what ImageMagick says of itself."""

    file: str
    convert: str
    version: str


@dataclass(frozen=True)
class Carried:
    """What became of the files: wall-clock seconds, and each file's type and result (its path below `folder`)."""

    seconds: float
    results: Mapping[str, tuple[str, Path]]

    @property
    def bytes(self) -> int:
        """Bytes that were uploaded."""
        return sum(path.stat().st_size for _, path in self.results.values())


def programs() -> Programs:
    """The real programs, found on PATH. Raises MissingProgramError with what to do."""
    file = shutil.which("file")
    convert = _executable("convert-im6.q16") or _executable("magick") or _executable("convert")
    missing = [name for name, path in (("file", file), ("imagemagick", convert)) if path is None]
    if file is None or convert is None:
        raise MissingProgramError(
            f"the plan's own way needs {' and '.join(missing)}; install: sudo apt-get install {' '.join(missing)}"
        )
    told = subprocess.run([convert, "-version"], check=True, capture_output=True, text=True).stdout
    version = told.splitlines()[0].removeprefix("Version: ") if told else ""
    if not version.startswith("ImageMagick"):
        raise MissingProgramError(f"{convert} is not ImageMagick; install: sudo apt-get install imagemagick")
    return Programs(file, convert, version)


def _executable(name: str) -> str | None:
    """The first binary of this name on PATH: a script of the same name would be slower and prove nothing."""
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = Path(folder) / name
        if path.is_file() and os.access(path, os.X_OK):
            with path.open("rb") as start:
                if start.read(len(_ELF)) == _ELF:
                    return str(path)
    return None


def make_bucket(environment: Mapping[str, str]) -> None:
    """The bucket that `carry` uploads to. It takes everything: what the app's own refuse (GIF) is to be timed, too."""
    options: Any = {"public": True}
    _client(environment).storage.create_bucket(BUCKET, options=options)


def carry(
    environment: Mapping[str, str], tools: Programs, files: Iterable[tuple[str, Path]], folder: Path
) -> Carried:
    """Carries files (target path without extension, path) one after the other; results stay in `folder`.

    Raises what fails: a benchmark that left files out would measure something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    client = _client(environment)
    results = {}
    began = time.perf_counter()
    for number, (stem, path) in enumerate(files):
        told = subprocess.run(
            [tools.file, "--brief", "--mime-type", str(path)], check=True, capture_output=True, text=True
        )
        mime = told.stdout.strip()
        made = folder / f"{number}.{EXTENSIONS[mime]}"
        if mime in QUALITIES:
            source, target = f"{NAMES[mime]}:{path}", f"{NAMES[mime]}:{made}"
            subprocess.run([tools.convert, source, "-quality", str(QUALITIES[mime]), target], check=True)
        else:
            shutil.copyfile(path, made)
        client.storage.from_(BUCKET).upload(
            f"{stem}{made.suffix}", made.read_bytes(), {"content-type": mime, "cache-control": "3600"}
        )
        results[stem] = mime, made
    return Carried(time.perf_counter() - began, results)


def _client(environment: Mapping[str, str]) -> Any:
    from supabase import create_client

    return create_client(environment["SUPABASE_URL"], environment["SUPABASE_SERVICE_ROLE_KEY"])
