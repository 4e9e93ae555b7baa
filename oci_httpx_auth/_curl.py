"""One signed request from the command line, as `curl` would send it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx

from ._errors import OCIAuthError
from ._secrecy import hide_secrets
from ._signer import OCISigner
from .diagnosis.network import failure_cause
from .diagnosis.page import printable

_TIMEOUT = httpx.Timeout(600.0, connect=10.0)  # seconds; a model may think for minutes


def send_request(options: argparse.Namespace) -> int:
    """The exit status; what went wrong is on standard error."""
    try:
        method, url = _target(options)
        headers, content = _headers(options.header), _data(options.data)
    except ValueError as error:
        print(f"curl: {hide_secrets(str(error))}", file=sys.stderr)
        return 2
    if content is not None and "content-type" not in headers:
        headers["content-type"] = "application/json"
    shown = hide_secrets(url)
    try:
        signer = OCISigner(auth=options.auth, profile=options.profile, config_file=options.config_file)
        if options.print_headers:
            for name, value in signer.signed_headers(method, url, headers, content or b"").items():
                print(f"{name}: {value}")
            return 0
        return _send(signer, httpx.Request(method, url, headers=headers, content=content), options)
    except OCIAuthError as error:
        print(error, file=sys.stderr)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
        print(f"{shown}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        raise
    except (httpx.HTTPError, ImportError, ValueError, TypeError, OSError) as error:
        reason = hide_secrets(str(error)) or type(error).__name__
        print(f"{shown}: {failure_cause(error, url)} ({reason})", file=sys.stderr)
    return 1


def _send(signer: OCISigner, request: httpx.Request, options: argparse.Namespace) -> int:
    with httpx.Client(auth=signer, timeout=_TIMEOUT, follow_redirects=False) as client, ExitStack() as stack:
        answer = client.send(request, stream=True)
        stack.callback(answer.close)
        out = stack.enter_context(open(options.output, "wb")) if options.output else sys.stdout.buffer
        request_id = answer.headers.get("opc-request-id", "none")
        status = f"{answer.status_code} {answer.reason_phrase}"
        print(printable(f"{status} (opc-request-id {request_id})"), file=sys.stderr, flush=True)
        if options.include:
            fields = (b": ".join(pair) for pair in answer.headers.raw)
            out.write(b"\r\n".join([f"HTTP/1.1 {status}".encode(), *fields, b"", b""]))
        received = 0
        try:
            for chunk in answer.iter_bytes():
                received += len(chunk)
                out.write(chunk)
                out.flush()
        except httpx.HTTPError as error:
            print(f"The answer broke off after {received} bytes ({error or type(error).__name__}).", file=sys.stderr)
            return 1
        return 0 if answer.status_code < 400 else 1


def _target(options: argparse.Namespace) -> tuple[str, str]:
    """Method and URL. Raises `ValueError`."""
    *method, url = options.target
    if len(method) > 1 or (method and options.request):
        raise ValueError("one method and one URL are needed")
    if "://" not in url:
        raise ValueError(f"{url} is not a URL; it begins with https://")
    named = options.request or (method[0] if method else None)
    return (named or ("GET" if options.data is None else "POST")).upper(), url


def _headers(given: Sequence[str]) -> httpx.Headers:
    """The `-H` options, a repeated one repeatedly. Raises `ValueError`."""
    headers = []
    for header in given:
        name, colon, value = header.partition(":")
        if not colon or not name.strip():
            raise ValueError("a header looks like 'Name: value'")
        headers.append((name.strip(), value.strip()))
    return httpx.Headers(headers)


def _data(given: str | None) -> bytes | None:
    """The `-d` option. Raises `ValueError` for a file that cannot be read."""
    if given is None or not given.startswith("@"):
        return None if given is None else given.encode(errors="surrogateescape")
    if given == "@-":
        return sys.stdin.buffer.read()
    try:
        return Path(given[1:]).expanduser().read_bytes()
    except OSError as error:
        raise ValueError(f"{given[1:]} cannot be read: {error.strerror}") from None
