"""Generative AI's OpenAI-compatible API: chat completions, responses and conversations, under each base path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from ._chat import chat_completion
from ._exchange import Endpoint, Exchange, compile_path
from ._model import Model, check_model_name
from ._responses import Responses, place_of
from ._wire import Refused, Reply, Request, parameter_message

BASES = r"(?P<base>/openai/v1|/20231130/actions/v1|/20231130/openai/v1)"
# A model deployment already belongs to a compartment, so callers don't name one. It completes chats, and keeps nothing.
DEPLOYMENT = r"/ocid1\.datasciencemodeldeployment\.oc\d+\.[a-z0-9-]*\.\w+/predict(?:WithResponseStream)?/v1"
COMPARTMENT_HEADERS = ("opc-compartment-id", "compartmentid")
_COMPARTMENT = re.compile(r"ocid1\.(?:compartment|tenancy)\.oc\d+\.[a-z0-9-]*\.\w+")

ID, ITEM = "/(?P<id>[^/]+)", "/(?P<item>[^/]+)"
CHAT = "/chat/completions"


def inference_endpoints(model: Model, *, strict: bool) -> Iterator[Endpoint]:
    """The paths of this API."""
    kept = Responses(model)
    for method, path, act in (
        ("POST", CHAT, partial(chat_completion, model)),
        ("POST", "/responses", kept.create),
        ("GET", f"/responses{ID}", kept.retrieve),
        ("DELETE", f"/responses{ID}", kept.delete),
        ("GET", f"/responses{ID}/input_items", kept.list_items),
        ("POST", f"/responses{ID}/cancel", kept.cancel),
        ("POST", "/conversations", kept.create_conversation),
        ("GET", f"/conversations{ID}", kept.retrieve),
        ("POST", f"/conversations{ID}", kept.update_conversation),
        ("DELETE", f"/conversations{ID}", kept.delete),
        ("GET", f"/conversations{ID}/items", kept.list_items),
        ("POST", f"/conversations{ID}/items", kept.add_items),
        ("GET", f"/conversations{ID}/items{ITEM}", kept.retrieve_item),
        ("DELETE", f"/conversations{ID}/items{ITEM}", kept.delete_item),
        ("", "(?:/.*)?", _refuse_path),
    ):
        base = f"(?:{BASES}|{DEPLOYMENT})" if path == CHAT else BASES
        pattern = compile_path(f"{base}(?P<rest>{path})")
        yield Endpoint("inference", pattern, [method] if method else [], partial(_serve, act, strict))


def _serve(act: Callable[[Exchange], Reply], strict: bool, exchange: Exchange) -> Reply:
    exchange.verify()
    if exchange.match["base"] and not place_of(exchange.request):
        message = "Missing opc-compartment-id or OpenAI-Project header."
        raise Refused("neither compartment nor project is named", status=400, message=message)
    return answer(act, strict, exchange)


def answer(act: Callable[[Exchange], Reply], strict: bool, exchange: Exchange) -> Reply:
    """The reply to a request whose sender is known, or a refusal in Generative AI's form."""
    with refusals(exchange.request, strict=strict and bool(exchange.match["base"])):
        if exchange.match["base"] and strict:
            _check_request(exchange.request, exchange.match["rest"])
        return act(exchange)


@contextmanager
def refusals(request: Request, *, strict: bool) -> Iterator[None]:
    """Refuse (400), in Generative AI's form, an unexpected body, and if strict, a malformed compartment."""
    try:
        for name in COMPARTMENT_HEADERS if strict else ():
            if request.values(name):
                check_compartment(request.header(name), name)
        yield
    except Refused as refused:
        if refused.status == 400 and refused.message == refused.reason:
            refused.message = parameter_message(refused.reason)
        raise
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        # Documents are read without a schema, so an unexpected form raises one of these.
        reason = f"the body does not have the expected form: {error!r}"
        raise Refused(reason, status=400, message=parameter_message(reason)) from error


def _refuse_path(_exchange: Exchange) -> Reply:
    raise Refused("there is no such path", status=404, message="HTTP 404 Not Found")


def check_compartment(ocid: str, name: str) -> None:
    """Refuse (400) what is the OCID of neither a compartment nor a tenancy; `name` says where it is."""
    if not _COMPARTMENT.fullmatch(ocid):
        raise Refused(f"{name} is not the OCID of a compartment", status=400)


def _check_request(request: Request, path: str) -> None:
    """Refuse storing without a project or conversation store, and models that the path lacks.

    The service's own models have names such as openai.gpt-oss-120b; those on dedicated clusters have an endpoint's OCID.
    """
    if request.method != "POST":
        return
    model = request.json().get("model") if path in (CHAT, "/responses") else None
    stored = path.startswith("/conversations") or (path == "/responses" and request.json().get("store") is not False)
    if stored and not (request.header("openai-project") or request.header("opc-conversation-store-id")):
        message = "Missing OpenAI-Project or opc-conversation-store-id header."
        raise Refused("neither project nor conversation store is named", status=400, message=message)
    if not isinstance(model, str) or not model:
        return
    if model.lower().startswith("cohere."):
        raise Refused("Cohere's models are served by OCI's own chat operation", status=400)
    if model.startswith("meta.") and path == "/responses":
        raise Refused("Meta's models are served by chat completions, not by responses", status=400)
    check_model_name(model)
