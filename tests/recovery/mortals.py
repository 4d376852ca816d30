"""The other end of `mortal.py`: orders to run, and how each ended."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Any

from local_stack.stack import PROJECT


class Mortals:
    """The process that forks those who migrate."""

    def __init__(self, pipeline: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("mortal.py")), f"tests.recovery.{pipeline}_mortal"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1,
            cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )  # fmt: skip
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._numbers = itertools.count()
        assert json.loads(self._process.stdout.readline())["ready"]
        Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._process.stdout:
            answer = json.loads(line)
            self._waiting.pop(answer["id"]).set_result(answer)

    def run(self, environment: Mapping[str, str], **order: Any) -> dict[str, Any]:
        """One run; how it ended and what it did."""
        number, future = next(self._numbers), Future[dict[str, Any]]()
        self._waiting[number] = future
        order |= {"id": number, "environment": dict(environment)}
        self._process.stdin.write(json.dumps(order) + "\n")
        return future.result(timeout=60)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)
