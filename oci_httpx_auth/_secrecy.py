"""Secrets do not show: not among an object's attributes, and not in tracebacks with local variables."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar, overload

P = ParamSpec("P")
T = TypeVar("T")


class Hidden(str):
    """A text that a repr does not show. What is made of it is an ordinary text again."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<hidden>"


@overload
def hidden(secret: str | bytes) -> Hidden: ...
@overload
def hidden(secret: str | bytes | None) -> Hidden | None: ...
def hidden(secret: str | bytes | None) -> Hidden | None:
    """A secret as it is kept in an attribute. Bytes that are no UTF-8 come back by `surrogateescape`."""
    if secret is None:
        return None
    return Hidden(secret if isinstance(secret, str) else secret.decode(errors="surrogateescape"))


def hides_locals(function: Callable[P, T]) -> Callable[P, T]:
    """Have errors leave `function` with their tracebacks, but without the local variables in them.

    Those hold keys and tokens, on their way from a file or an answer to a credential; what reports errors likes to show
    them. For what callers see of this package: inside, no function has to take care.
    """

    @wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> T:
        outer = sys.exc_info()[1]
        try:
            return function(*arguments, **options)
        except BaseException as error:
            _clear(error, outer)
            del arguments, options
            raise

    return call


def _clear(error: BaseException, outer: BaseException | None) -> None:
    """Clear the frames of an error and of what led to it. `outer` was there before, and is the caller's own."""
    links: list[BaseException | None] = [error]
    seen = {id(None), id(outer)}
    while links:
        link = links.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            traceback.clear_frames(link.__traceback__)  # but for frames that are still at work
            if link.__suppress_context__:
                link.__context__ = None  # which may quote what was hidden by `from None`
            links += (link.__cause__, link.__context__)


def quote_value(value: str) -> str:
    """A value as it may stand in an error: short, on one line, and never a PEM text or a token."""
    if "-----" in value or value.startswith("eyJ") or "\n" in value.strip():
        return "(a key or token?)"
    return repr(value if len(value) <= 100 else value[:100] + "…")


def quote_name(name: str) -> str:
    """A profile's or key's name as it may stand in an error."""
    return name if len(name) <= 100 and name.isprintable() else quote_value(name)
