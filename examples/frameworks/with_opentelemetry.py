"""OpenTelemetry, and Logfire on top of it: every signed request is a span, and no span holds a credential.

python examples/frameworks/with_opentelemetry.py
"""

from __future__ import annotations

import asyncio
import os

import httpx
import logfire
from _common import OCI, oci
from endpoints import identity
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

# Capturing headers (capture_headers=True, or OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST) exports
# `authorization`. A signature is good for five minutes, and that of a session or a principal contains its whole token.
# So name what you want, or keep these two out:
os.environ["OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS"] = "authorization,opc-obo-token"


async def asynchronous(place: OCI) -> None:
    async with httpx.AsyncClient(auth=place.signer) as client:
        print("async regions:", (await client.get(f"{place.identity}/20160918/regions")).status_code)


def main() -> None:
    exporter = InMemorySpanExporter()  # in your program: wherever your spans go
    logfire.configure(send_to_logfire=False, console=False, additional_span_processors=[SimpleSpanProcessor(exporter)])
    logfire.instrument_httpx(capture_headers=True)
    with oci(identity.add_to) as place:
        with httpx.Client(auth=place.signer) as client:
            print("regions:", client.get(f"{place.identity}/20160918/regions").status_code)
        asyncio.run(asynchronous(place))
    for span in exporter.get_finished_spans():
        exported = span.to_json()
        print("span:", span.name, "with headers" if "http.request.header.date" in exported else "")
        if "keyId" in exported:
            raise SystemExit("a span holds a signature")


if __name__ == "__main__":
    main()
