"""Keeps secrets out of reprs, out of tracebacks with local variables, and out of quoted values."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from itertools import pairwise
from typing import ParamSpec, TypeVar, overload

P = ParamSpec("P")
T = TypeVar("T")


class Hidden(str):
    """A string whose repr is hidden. Strings derived from it are ordinary ones."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<hidden>"


@overload
def hidden(secret: str | bytes) -> Hidden: ...
@overload
def hidden(secret: str | bytes | None) -> Hidden | None: ...
def hidden(secret: str | bytes | None) -> Hidden | None:
    """A secret to keep in an attribute. Bytes are decoded as UTF-8 with `surrogateescape`."""
    if secret is None:
        return None
    return Hidden(secret if isinstance(secret, str) else secret.decode(errors="surrogateescape"))


def hides_locals(function: Callable[P, T]) -> Callable[P, T]:
    """Clear the local variables in the tracebacks of errors that leave `function`.

    They hold keys and tokens, and error reporting tools show them. Apply it to public entry points; internal
    functions need nothing.
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
    """Clear the frames of an error and its causes. `outer` was being handled before, so it belongs to the caller."""
    links: list[BaseException | None] = [error]
    seen = {id(None), id(outer)}
    while links:
        link = links.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            traceback.clear_frames(link.__traceback__)  # except frames that are still running
            if link.__suppress_context__:
                link.__context__ = None  # otherwise still reachable after `from None`
            links += (link.__cause__, link.__context__)


# What keys and tokens look like, in an argument, a variable, a file or a service's response.
_PUBLIC_KEY = r"-----BEGIN PUBLIC KEY-----[^-]*-----END PUBLIC KEY-----"
_REQUEST_ID = r"(?i:(?:opc-)?request-id)[^\w\s]*[=:\s][^\w\s]*[\w/.:-]+"
_PRIVATE_KEY = r"(?s:-----BEGIN (?:[A-Z0-9]+ )*KEY-----(?:\\+[nr]|\s)*\w{4}.*?(?:-----END (?:[A-Z0-9]+ )*KEY-----|\Z))"
# Tokens by their scheme, JSON in base64, DER in base64, PEM in base64, and Generative AI's own API keys.
_TOKENS = r"\bST\$[\w.-]*|(?<![\w-])(?:eyJ[\w-]{4,}(?:\.[\w-]*)*|MII[\w+/]{20,}=*|LS0tLS1[\w+/]{20,}=*|sk-[\w-]{16,})"
# With the lines that follow, however they are indented, quoted or escaped: some lines of a key alone aren't mixed enough.
_RUN = r"[A-Za-z0-9+/_-]{%d,}(?:(?:\\+[nr]|[\s\"',])+[A-Za-z0-9+/_-]{20,}|(?:\\+[nr]|[\r\n])+[A-Za-z0-9+/_-]+)*={0,2}"
_WINDOW = 40  # characters of base64 that are distinguished from a path or an id by their mixture of letters and digits
_HIDDEN = "(a key or token?)"


def hide_secrets(text: str) -> str:
    """The text with every key and token in it replaced. Public keys and request ids stay.

    A key is recognised by its PEM lines, a token by its first letters, and a piece of either by its mixture of
    lower-case letters, capitals and digits, which paths, OCIDs, fingerprints and hexadecimal ids do not have.
    """
    kept = f"{_PUBLIC_KEY}|{_REQUEST_ID}"
    pattern = f"(?P<kept>{kept})|(?P<secret>{_PRIVATE_KEY}|{_TOKENS})|(?P<run>{_RUN % _WINDOW})|://(?P<user>[^/@\\s]+)@"

    def replace(match: re.Match[str]) -> str:
        if match["kept"] is not None or (match["run"] is not None and not _is_base64(match["run"])):
            return match[0]
        return "://…@" if match["user"] is not None else _HIDDEN

    return re.sub(pattern, replace, text)


def looks_secret(value: str) -> bool:
    """Whether a value contains a key or token."""
    return _HIDDEN in hide_secrets(value)


def secret_in_place_of(what: str, value: str) -> str | None:
    """The error message for a key or token that was given where a path or a name belongs; None if it is neither."""
    if not looks_secret(value):
        return None
    is_key = re.search(r"KEY-----|^\s*(?:MII|LS0tLS1)", value)
    secret, other_place = ("the key", "OCI_CLI_KEY_CONTENT, or to ") if is_key else ("a key or token", "")
    place = f"{other_place}a separate file, mode 0600, and give the path of that file"
    return f"{what} holds {secret} itself; move it to {place}."


def quote_value(value: str) -> str:
    """A value for an error message: in quotes, short, on one line, and never a key or token."""
    if looks_secret(value) or "\n" in value.strip():
        return _HIDDEN
    return repr(value if len(value) <= 100 else value[:100] + "…")


def quote_name(name: str) -> str:
    """A profile's or key's name for an error message."""
    return name if len(name) <= 100 and name.isprintable() and not looks_secret(name) else quote_value(name)


def quote_path(path: str | os.PathLike[str]) -> str:
    """A path for an error message, without quotes; hidden if it is a key or token."""
    text = os.fspath(path)
    if looks_secret(text) or len(text) > 1000 or not text.isprintable():
        return quote_value(text)
    return text


def _is_base64(run: str) -> bool:
    """Whether some part of the run is as mixed as base64; words and hexadecimal numbers change less between kinds."""
    kinds = ["a" if c.islower() else "A" if c.isupper() else "0" for c in run[:800] if c.isalnum()]
    for start in range(max(len(kinds) - _WINDOW, 0) + 1):
        window = kinds[start : start + _WINDOW]
        changes = sum(before != after for before, after in pairwise(window))
        if changes >= 16 and window.count("0") >= 1 and min(window.count("a"), window.count("A")) >= 4:
            return True
    return False
