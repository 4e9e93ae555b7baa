"""The base class of all providers: their source, repr, file watch and pickling."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .._errors import ConfigError
from ._files import FileWatch
from ._settings import Settings


class Provider:
    """A source of credentials.

    source: where the identity is from, for logs and errors. compartment, project: from the source, if it names any.
    """

    compartment: str | None = None
    project: str | None = None

    def __init__(self, source: str, arguments: dict[str, Any] | None = None, settings: Settings | None = None) -> None:
        """arguments: recreate the provider in another process; `None` if some of them are secrets."""
        self.source: str = source
        # Pickled in place of the provider.
        self._recipe: Callable[[], Any] | None = None if arguments is None else partial(type(self), **arguments)
        self._settings = settings
        self._watch = FileWatch()
        if settings is not None:
            self.source = settings.source
            self.compartment = settings.get("compartment_id", "compartment-id", "compartment")
            self.project = settings.get("project_id", "project-id", "project")
            self._recipe = partial(rebuild, type(self), settings.again)

    def changed(self) -> bool:
        """Whether the files that the last credential was made from have changed since they were read."""
        return self._watch.changed()

    def _label(self, argument: str, field: str = "") -> str:
        """An argument's name in errors: the profile's field or the variable that it came from, if any."""
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
    """A provider from newly resolved settings. Providers pickle as a call of this."""
    return provider_class.from_settings(again(), **options)
