"""What went wrong, for people: raised by routes, shown by `errors`."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException


class Problem(HTTPException):
    """A status, a code for programs, what is wrong, and what to do about it.

    `kept`: what the person had typed, by field, handed back where nothing of it was stored.
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
    ) -> None:
        super().__init__(status, told, dict(headers or {}))
        self.code = code
        self.told = told.rstrip(".")
        self.remedy = remedy.rstrip(".")
        self.kept = dict(kept or {})

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.status_code

    def __str__(self) -> str:
        return f"{self.told}. {self.remedy}" if self.remedy else self.told
