"""What all providers have in common: where they are from, and how they are shown, watched and pickled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .._errors import ConfigError
from ._files import FileWatch
from ._settings import Settings


class Provider:
    """A source of credentials.

    source: where the identity is from, for logs and errors. compartment, project: the source's own, if it names any.
    """

    compartment: str | None = None
    project: str | None = None

    def __init__(self, source: str, arguments: dict[str, Any] | None = None, settings: Settings | None = None) -> None:
        """arguments: make the same provider in another process; `None` if some of them are secrets."""
        self.source: str = source
        # Pickled in the provider's place.
        self._recipe: Callable[[], Any] | None = None if arguments is None else partial(type(self), **arguments)
        self._settings = settings
        self._watch = FileWatch()
        if settings is not None:
            self.source = settings.source
            self.compartment = settings.get("compartment_id", "compartment-id", "compartment")
            self.project = settings.get("project_id", "project-id", "project")
            self._recipe = partial(rebuild, type(self), settings.again)

    def changed(self) -> bool:
        """Whether the files that the last credential was made of have changed since they were read."""
        return self._watch.changed()

    def _label(self, argument: str, field: str = "") -> str:
        """What errors call an argument's value: the field of a profile or the variable, if it is from there."""
        return argument if self._settings is None else self._settings.label(field or argument)

    def __reduce__(self) -> Any:
        if self._recipe is None:
            raise ConfigError(
                f"{self!r} was made from secrets in memory and is not pickled. Make it from a config profile, "
                "the environment or an unencrypted key file, which each worker can read for itself."
            )
        return self._recipe, ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.source}>"


def rebuild(provider_class: Any, again: Callable[[], Settings], **options: Any) -> Any:
    """A provider from newly resolved settings: what is pickled in its place."""
    return provider_class.from_settings(again(), **options)
