"""What went wrong, for people: raised by routes, shown by `errors`."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException


class Problem(HTTPException):
    """A status, a code for programs, what is wrong, and what to do about it.

    `kept`: what the person had typed, by field, handed back where nothing of it was stored. `details`: more of what is
    wrong, for programs, in a form that JSON has.
    """

    def __init__(
        self,
        status: int,
        code: str,
        told: str,
        remedy: str = "",
        headers: Mapping[str, str] | None = None,
        *,
        kept: Mapping[str, str] | None = None,
        details: Any = None,
    ) -> None:
        super().__init__(status, told, dict(headers or {}))
        self.code = code
        self.told = told.rstrip(".")
        self.remedy = remedy.rstrip(".")
        self.kept = dict(kept or {})
        self.details = details

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.status_code

    def __str__(self) -> str:
        return f"{self.told}. {self.remedy}" if self.remedy else self.told
