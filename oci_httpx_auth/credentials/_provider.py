"""The base class of all providers: their source, repr, the files that they read, and pickling."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from .._auth_service.service import AuthService
from .._errors import ConfigError
from ._files import file_state, read_small_file
from ._settings import Settings

P = TypeVar("P", bound="Provider")

# A provider with any other argument is not pickled, because an argument that only a subclass has may be a secret.
_PICKLED = frozenset(
    {"source", "tenancy", "user", "fingerprint", "region", "base", "key_file", "token_file", "ca_file"}
    | {"host", "port", "auth_endpoint", "metadata_url", "federation_endpoint"}
)


class Provider:
    """A source of credentials.

    source: where the identity is from, for logs and errors. compartment, project: from the source, if it names any.
    """

    compartment: str | None = None
    project: str | None = None

    _recipe: Callable[[], Any] | None  # pickled in place of the provider; `None` if secrets are needed to make it again

    def __new__(cls: type[P], *arguments: Any, **options: Any) -> P:
        self = object.__new__(cls)
        given = {name: value for name, value in options.items() if value is not None and not name.startswith("_")}
        self._recipe = partial(cls, **given) if not arguments and given.keys() <= _PICKLED else None
        return self

    def __init__(self, source: str, settings: Settings | None = None, service: AuthService | None = None) -> None:
        self.source: str = source
        self._settings = settings
        self._service = service or AuthService()
        self._seen: dict[str, object] = {}
        if settings is not None:
            self.source = settings.source
            self.compartment = settings.get("compartment_id", "compartment-id", "compartment")
            self.project = settings.get("project_id", "project-id", "project")
            self._recipe = partial(rebuild, type(self), settings.again)

    def changed(self) -> bool:
        """Whether the files that the last credential was made from have changed since they were read."""
        return any(file_state(path) != seen for path, seen in self._seen.items())

    def _note(self, path: str | os.PathLike[str]) -> None:
        """Remember a file's state. Done before reading it, so that no change in between is missed."""
        self._seen = {**self._seen, os.path.expanduser(path): file_state(path)}

    def _note_again(self) -> None:
        """Note every file at the start of a fetch: one that a failed fetch never came to read has not changed since then."""
        for path in self._seen:
            self._note(path)

    def _read_file(self, path: str | os.PathLike[str], what: str) -> bytes:
        self._note(path)
        return read_small_file(path, what)

    def _read_text(self, path: str | os.PathLike[str], what: str) -> str:
        return self._read_file(path, what).decode(errors="replace").strip()

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


def rebuild(provider_class: Any, again: Callable[[], Settings]) -> Any:
    """A provider from newly resolved settings. Providers pickle as a call of this."""
    return provider_class.from_settings(again())
