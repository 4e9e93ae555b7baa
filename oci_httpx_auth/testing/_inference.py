"""Generative AI's OpenAI-compatible surface: chat completions, responses and conversations, under each base path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from ._chat import chat_completion
from ._exchange import Endpoint, Exchange, compile_path
from ._model import Model
from ._responses import Responses
from ._wire import Refused, Reply, Request, parameter_message

BASES = r"(?P<base>/openai/v1|/20231130/actions/v1|/20231130/openai/v1)"
# A model deployment belongs to a compartment by itself, so callers name none.
DEPLOYMENT = r"/ocid1\.datasciencemodeldeployment[^/]*/predict(?:WithResponseStream)?/v1"
ITEMS = "(?P<items>/items(?:/(?P<item>[^/]+))?)?"


def inference_endpoints(model: Model, *, strict: bool) -> Iterator[Endpoint]:
    """What is served, most special first."""
    responses = Responses(model)
    for path, methods, act in (
        ("/chat/completions", ["POST"], partial(chat_completion, model)),
        ("/responses", ["POST"], responses.create),
        ("/responses/(?P<id>[^/]+)(?P<below>/.*)?", ["GET", "POST", "DELETE"], responses.serve_response),
        (f"/conversations(?:/(?P<id>[^/]+){ITEMS})?/?", ["GET", "POST", "DELETE"], responses.serve_conversation),
        ("(?:/.*)?", [], _refuse_path),
    ):
        pattern = compile_path(f"(?:{BASES}|{DEPLOYMENT})(?P<rest>{path})")
        yield Endpoint("inference", pattern, methods, partial(_serve, act, strict))


def _serve(act: Callable[[Exchange], Reply], strict: bool, exchange: Exchange) -> Reply:
    request, base, rest = exchange.request, exchange.match["base"], exchange.match["rest"]
    scheme, _, secret = request.header("authorization").partition(" ")
    bearer = scheme == "Bearer" and secret.startswith("sk-")
    if bearer:
        exchange.identify(exchange.identities.find_bearer(secret))
    else:
        exchange.verify()
    if base and not bearer:
        _check_scope(request)
        if strict:
            _check_store(request, rest)
    try:
        if base and strict:
            _check_model(request, rest)
        return act(exchange)
    except Refused as refused:
        if refused.status == 400 and refused.message == refused.reason:
            refused.message = parameter_message(refused.reason)
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # Documents are read without a schema: what does not have the expected form shows as one of these.
        reason = f"the body does not have the expected form: {error!r}"
        raise Refused(reason, status=400, message=parameter_message(reason)) from error


def _refuse_path(_exchange: Exchange) -> Reply:
    raise Refused("there is no such path", status=404, message="HTTP 404 Not Found")


def _check_scope(request: Request) -> None:
    """Refuse a request that names neither compartment nor project."""
    compartment = request.header("opc-compartment-id") or request.header("compartmentid")
    if not compartment and not request.header("openai-project"):
        message = "Missing opc-compartment-id or OpenAI-Project header."
        raise Refused("neither compartment nor project is named", status=400, message=message)


def _check_store(request: Request, path: str) -> None:
    """Refuse to store anything without a project or a compartment's conversation store."""
    if request.method != "POST" or request.header("openai-project") or request.header("opc-conversation-store-id"):
        return
    if path.startswith("/conversations") or (path == "/responses" and request.json().get("store") is not False):
        message = "Missing OpenAI-Project or opc-conversation-store-id header."
        raise Refused("neither project nor conversation store is named", status=400, message=message)


def _check_model(request: Request, path: str) -> None:
    """Refuse a model that this surface does not serve.

    The service's own models have names such as openai.gpt-oss-120b, and those on dedicated clusters an endpoint's OCID.
    """
    if request.method != "POST" or path not in ("/chat/completions", "/responses"):
        return
    model = request.json().get("model")
    if not isinstance(model, str) or not model:
        return
    if "." not in model:
        raise Refused("no model has this name", status=404, message=f"Entity with key {model} not found")
    if model.startswith("cohere."):
        raise Refused("Cohere's models are served by OCI's own chat operation", status=400)
