"""OpenAI's own client for the stand-in's tests.

Its requests are signed by an `Auth` of a dozen lines, so that nothing here depends on the signer of this library.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ..byhand import Draft
from ..standin import FakeOCI

openai = pytest.importorskip("openai")
pydantic = pytest.importorskip("pydantic")

PROJECT = "ocid1.generativeaiproject.oc1.us-chicago-1.example"
MODEL = "openai.gpt-oss-120b"


def auth_for(library: Any, credential: Any) -> Any:
    """Signs with the code of these tests."""

    class ByHand(library.Auth):  # type: ignore[misc]
        requires_request_body = True

        def auth_flow(self, request: Any) -> Iterator[Any]:
            draft = Draft(credential, request.method, request.url.raw_path.decode(), request.content)
            draft.set("host", request.headers["host"])
            if request.content:
                draft.set("content-type", request.headers["content-type"])
            for name, value in draft.sign().headers:
                request.headers[name] = value
            yield request

    return ByHand()


def default_client(oci: FakeOCI, kind: str) -> Any:
    """An HTTP client of the library that this major of openai is made of."""
    base = getattr(openai, kind)
    library = next(module for module in (_imported("httpx2"), httpx) if module and issubclass(base, _bases(module)))
    # With zstandard installed httpx asks for zstd, and breaks off after the first event.
    headers = {"accept-encoding": "gzip, deflate"} if library is httpx else {}
    return base(auth=auth_for(library, oci.add_api_key()), headers=headers)


def _imported(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError:
        return None


def _bases(library: Any) -> tuple[type, ...]:
    return (library.Client, library.AsyncClient)


def tool(name: str = "get_weather", parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    schema = parameters or {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "name": name, "description": "…", "parameters": schema}


def chat_tool(**options: Any) -> dict[str, Any]:
    made = tool(**options)
    return {"type": "function", "function": {key: value for key, value in made.items() if key != "type"}}


def say(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


class Colour(pydantic.BaseModel):  # type: ignore[misc, name-defined]
    name: str
    red: int = pydantic.Field(ge=3, le=9)
    light: float = pydantic.Field(gt=0, lt=1)


class Palette(pydantic.BaseModel):  # type: ignore[misc, name-defined]
    title: str = pydantic.Field(min_length=12)
    colours: list[Colour] = pydantic.Field(min_length=2)
    favourite: Colour | None
    parent: Palette | None = None
