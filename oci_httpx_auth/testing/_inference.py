"""Generative AI's OpenAI-compatible surface: chat completions, responses and conversations, under each base path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ._chat import chat_completion
from ._exchange import Endpoint, Exchange, compile_path
from ._model import Model
from ._responses import Responses
from ._wire import Refused, Reply, Request

BASES = r"(?P<base>/openai/v1|/20231130/actions/v1|/20231130/openai/v1)"
# A model deployment belongs to a compartment by itself, so callers name none.
DEPLOYMENT = r"/ocid1\.datasciencemodeldeployment[^/]*/predict(?:WithResponseStream)?/v1"


class Inference:
    """The inference side of the stand-in. Its methods are called under the stand-in's lock."""

    def __init__(self, stream_delay: float) -> None:
        self.model = Model()
        self._responses = Responses(self.model)
        self.stream_delay = stream_delay

    def endpoints(self) -> Iterator[Endpoint]:
        """What is served, most special first."""
        for path, methods, act in (
            ("/chat/completions", ["POST"], self._chat),
            ("/responses", ["POST"], self._create_response),
            ("/responses/.+", ["GET", "POST", "DELETE"], self._one_response),
            ("/conversations(?:/.*)?", ["GET", "POST", "DELETE"], self._conversations),
            ("(?:/.*)?", [], _nothing),
        ):
            pattern = compile_path(f"(?:{BASES}|{DEPLOYMENT})(?P<rest>{path})")
            yield Endpoint("inference", pattern, methods, _signed_and_scoped(act))

    def _chat(self, exchange: Exchange, _rest: list[str]) -> Reply:
        return chat_completion(exchange.request.json(), self.model, exchange.now, self.stream_delay)

    def _create_response(self, exchange: Exchange, _rest: list[str]) -> Reply:
        return self._responses.create(exchange.request.json(), exchange.now, self.stream_delay)

    def _one_response(self, exchange: Exchange, rest: list[str]) -> Reply:
        return self._responses.one(exchange.request.method, rest[1], rest[2:])

    def _conversations(self, exchange: Exchange, rest: list[str]) -> Reply:
        request = exchange.request
        document = request.json() if request.method == "POST" and request.body else {}
        return self._responses.conversations(request.method, rest[1:], document, exchange.now)


def _nothing(_exchange: Exchange, _rest: list[str]) -> Reply:
    raise Refused("there is no such path", status=404)


def has_scope(request: Request) -> bool:
    """Whether a request names the compartment or the project that it belongs to."""
    return any(request.header(name) for name in ("opc-compartment-id", "compartmentid", "openai-project"))


def _signed_and_scoped(act: Callable[[Exchange, list[str]], Reply]) -> Callable[[Exchange], Reply]:
    def serve(exchange: Exchange) -> Reply:
        request = exchange.request
        scheme, _, secret = request.header("authorization").partition(" ")
        bearer = scheme == "Bearer" and secret.startswith("sk-")
        if bearer:
            exchange.findings.principal = exchange.identities.find_bearer(secret)
        else:
            exchange.verify()
        match: Any = compile_path(f"(?:{BASES}|{DEPLOYMENT})(?P<rest>.*)").fullmatch(request.path)
        if match["base"] and not bearer and not has_scope(request):
            message = "Missing opc-compartment-id or OpenAI-Project header."
            raise Refused("neither compartment nor project is named", status=400, message=message)
        try:
            return act(exchange, match["rest"].strip("/").split("/"))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            # Documents are read without a schema: what does not have the expected form shows as one of these.
            reason = f"the body does not have the expected form: {error!r}"
            raise Refused(reason, status=400) from error

    return serve
