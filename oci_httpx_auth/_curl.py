"""The `curl` command: sends one signed request."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing, nullcontext
from pathlib import Path

import httpx

from ._causes import request_cause
from ._errors import OCIAuthError
from ._secrecy import hide_secrets
from ._signer import OCISigner
from .diagnosis.report import printable

_TIMEOUT = httpx.Timeout(600.0, connect=10.0)  # seconds; a model may think for minutes


def parse_url(text: str) -> str:
    """The type of the `URL` argument."""
    if "://" not in text:
        raise argparse.ArgumentTypeError(f"{hide_secrets(text)} is not a URL; it starts with https://")
    return text


def parse_header(text: str) -> tuple[str, str]:
    """The type of `-H`."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError("a header looks like 'Name: value'")
    return name.strip(), value.strip()


def parse_data(text: str) -> bytes:
    """The type of `-d`."""
    if text == "@-":
        return sys.stdin.buffer.read()
    if not text.startswith("@"):
        return text.encode(errors="surrogateescape")
    try:
        return Path(text[1:]).expanduser().read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{hide_secrets(text[1:])} cannot be read: {error.strerror}") from None


def send_request(options: argparse.Namespace) -> int:
    """Send the request and print the response, or an error to standard error. Returns the exit status."""
    method, url = (options.method or ("GET" if options.data is None else "POST")).upper(), options.url
    headers = httpx.Headers(options.header)
    if options.data is not None:
        headers.setdefault("content-type", "application/json")
    safe_url = hide_secrets(url)
    try:
        signer = OCISigner(auth=options.auth, profile=options.profile, config_file=options.config_file)
        if options.print_headers:
            for name, value in signer.signed_headers(method, url, headers, options.data or b"").items():
                print(f"{name}: {value}")
            return 0
        return _send(signer, httpx.Request(method, url, headers=headers, content=options.data), options)
    except OCIAuthError as error:
        print(error, file=sys.stderr)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
        print(f"{safe_url}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        raise
    except (httpx.HTTPError, ImportError, ValueError, TypeError, OSError) as error:
        reason = hide_secrets(str(error)) or type(error).__name__
        print(f"{safe_url}: {request_cause(error, url)} ({reason})", file=sys.stderr)
    return 1


def _send(signer: OCISigner, request: httpx.Request, options: argparse.Namespace) -> int:
    with (
        httpx.Client(auth=signer, timeout=_TIMEOUT) as client,
        closing(client.send(request, stream=True)) as response,
        open(options.output, "wb") if options.output else nullcontext(sys.stdout.buffer) as out,
    ):
        request_id = response.headers.get("opc-request-id", "none")
        status = f"{response.status_code} {response.reason_phrase}"
        print(printable(f"{status} (opc-request-id {request_id})"), file=sys.stderr, flush=True)
        if options.include:
            fields = (b": ".join(pair) for pair in response.headers.raw)
            out.write(b"\r\n".join([f"HTTP/1.1 {status}".encode(), *fields, b"", b""]))
        try:
            for chunk in response.iter_bytes():
                out.write(chunk)
                out.flush()
        except httpx.HTTPError as error:
            received = response.num_bytes_downloaded
            print(f"The response broke off after {received} bytes ({error or type(error).__name__}).", file=sys.stderr)
            return 1
        return 0 if response.status_code < 400 else 1
