"""Who makes the metadata of songs from their words: one interface, and the settings' choice between those behind it.

A provider tells by whom its metadata was made. None stands in for another: where one fails, a curator is told.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from asset_registry_pipeline.providers.model import Provider, SongText, UnusableAnswerError
from asset_registry_pipeline.providers.rules import make_by_rules
from asset_registry_pipeline.stores.settings import Settings
from migration_kit.failures import PermanentError

__all__ = ["Provider", "SongText", "UnusableAnswerError", "open_provider"]


@contextmanager
def _rules(_: Settings) -> Iterator[Provider]:
    yield make_by_rules


@contextmanager
def _openai(settings: Settings) -> Iterator[Provider]:
    from asset_registry_pipeline.providers.openai_service import open_service

    with open_service(settings) as service:
        yield service


_PROVIDERS: Mapping[str, Callable[[Settings], Any]] = {"": _rules, "rules": _rules, "openai": _openai}


@contextmanager
def open_provider(settings: Settings) -> Iterator[Provider]:
    """The provider that AI_PROVIDER names, `rules` where it names none; closed at the end.

    Raises:
        PermanentError: there is no such provider, or what it needs is not set or not installed.
    """
    chosen = settings.ai_provider.strip()
    if chosen not in _PROVIDERS:
        known = ", ".join(filter(None, _PROVIDERS))
        raise PermanentError(
            f"there is no provider {chosen[:40]!r}", item="AI_PROVIDER", remedy=f"Set it to one of: {known}"
        )
    with _PROVIDERS[chosen](settings) as provider:
        yield provider
