"""What the chosen codecs alone take: CPU seconds of decoding, encoding and hashing the same files, nothing around them.

Counted for each file, in one process without any concurrency, is what the contract cannot do without: decoding the
source, the one encoding that was chosen (the last one tried where the source was kept after a try), decoding its result
(every result is compared with its source), and SHA-256 of source, result and what is read back. Not counted, and so
part of what the pipeline is measured against: comparing, encodings that were tried in vain before, reading, sending,
ledger, processes and their start. `Alone.once` leaves the result's decoding out, too.

The calls are those that the pipeline itself makes, caught where it calls the libraries: how it chooses does not matter
here.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from unittest.mock import patch

DECODERS = (
    ("PIL.ImageFile", "ImageFile.load"),
    ("PIL.WebPImagePlugin", "WebPImageFile.load"),
    ("PIL.GifImagePlugin", "GifImageFile.load"),
    ("PIL.TiffImagePlugin", "TiffImageFile.load"),
    ("pyvips", "Image.write_to_memory"),
    ("pyvips", "Image.numpy"),
    ("pyvips", "Image.copy_memory"),
    ("simplejpeg", "decode_jpeg"),
)
ENCODERS = (
    ("PIL.Image", "Image.save"),
    ("pyvips", "Image.write_to_buffer"),
    ("pyvips", "Image.write_to_target"),
    ("simplejpeg", "encode_jpeg"),
    ("oxipng", "optimize_from_memory"),
    ("oxipng", "optimize"),
    ("mozjpeg_lossless_optimization", "optimize"),
)
"""Module and name of each library call by which a picture can be decoded or encoded."""


@dataclass
class Calls:
    """CPU seconds of the outermost codec calls of one file, in their order."""

    seen: list[tuple[str, float]] = field(default_factory=list)
    _depth: int = 0

    def timed(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its CPU time noted unless another noted call is around it."""

        def call(*arguments: Any, **named: Any) -> Any:
            self._depth += 1
            began = time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self.seen.append((kind, time.process_time() - began))

        return call

    @property
    def once(self) -> float:
        """Seconds of the source's decoding (all calls before the first encoding) and of the last encoding."""
        kinds = [kind for kind, _ in self.seen]
        first = kinds.index("encode") if "encode" in kinds else len(kinds)
        encodings = [seconds for kind, seconds in self.seen if kind == "encode"]
        return sum(seconds for _, seconds in self.seen[:first]) + sum(encodings[-1:])

    @property
    def checks(self) -> float:
        """Seconds of decoding what the last encoding made."""
        kinds = [kind for kind, _ in self.seen]
        after = len(kinds) - kinds[::-1].index("encode") if "encode" in kinds else len(kinds)
        return sum(seconds for _, seconds in self.seen[after:])


@dataclass(frozen=True)
class Alone:
    """CPU seconds as defined above: sources decoded and encoded (`once`), results decoded (`checks`), `hashing`."""

    once: float
    checks: float
    hashing: float


def codecs_alone(files: Iterator[tuple[bytes, str, Any]], rules: Any, max_side: Mapping[str, int]) -> Alone:
    """Compresses files (bytes, type, the bucket's rules) as the pipeline does and counts its codecs' calls."""
    from nabo_pipeline.codecs.compress import compress
    from nabo_pipeline.media.compression import Rejected, Task

    once = checks = hashing = 0.0
    for data, mime, bucket in files:
        task = Task(data, mime, bucket.types, bucket.size_limit, max_side.get(bucket.name), rules)
        with _noting() as calls:
            result = compress(task)
        once += calls.once
        checks += calls.checks
        began = time.process_time()
        hashlib.sha256(data)
        if not isinstance(result, Rejected):
            hashlib.sha256(result.data)
            hashlib.sha256(result.data)
        hashing += time.process_time() - began
    return Alone(once, checks, hashing)


@contextmanager
def _noting() -> Iterator[Calls]:
    calls = Calls()
    with ExitStack() as stack:
        for kind, places in (("decode", DECODERS), ("encode", ENCODERS)):
            for module, path in places:
                if find_spec(module) is None:
                    continue
                owner: Any = import_module(module)
                *outer, name = path.split(".")
                for part in outer:
                    owner = getattr(owner, part, None)
                function = vars(owner).get(name) if owner is not None else None
                if callable(function):
                    stack.enter_context(patch.object(owner, name, calls.timed(kind, function)))
        yield calls
