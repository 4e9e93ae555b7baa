"""The call to Generative AI, and why it was refused although Identity takes the signature."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import httpx

from .._auth_service.regions import inference_endpoint
from .._causes import PRINCIPALS
from .._verdicts import Cause
from .network import from_oci, message_of, send
from .ocids import cut_off_cause, elsewhere_cause, parse_ocid, place_cause, policy_for
from .verdicts import cause
from .walk import BearerKey, Walk

_PATHS = ("/openai/v1", "/20231130/actions/v1", "/20231130/openai/v1")
_DEPLOYMENT = re.compile(r"/ocid1\.datasciencemodeldeployment[^/]*/(?:predict|predictWithResponseStream)/v1")


def call_generative_ai(walk: Walk) -> None:
    """A chat completion of one token, and what keeps it from working."""
    url = (walk.base_url or f"{inference_endpoint(walk.region or '')}/openai/v1").rstrip("/")
    wrong = walk.compartment and place_cause(walk.compartment, "compartment", ("compartment", "tenancy"))
    wrong = wrong or (walk.project and place_cause(walk.project, "project", ("generativeaiproject",)))
    if wrong:
        walk.notes.find(wrong)
        return
    answer = _chat(walk, "Generative AI", url, walk.compartment)
    if isinstance(answer, httpx.Response) and answer.status_code == 400 and _about_length(answer):
        answer = _chat(walk, "without a limit", url, walk.compartment, limit=None)
    if isinstance(answer, Cause):
        walk.notes.find(_unreachable_cause(walk, answer))
    elif answer.status_code != 200 or not from_oci(answer):
        refused = _refusal_cause(walk, url, answer)
        walk.notes.find(refused, "warning" if refused.code == "throttled" else "error")


def _chat(walk: Walk, subject: str, url: str, compartment: str | None, limit: int | None = 1) -> httpx.Response | Cause:
    body: dict[str, Any] = {"model": walk.model, "messages": [{"role": "user", "content": "Hi"}]}
    if limit is not None:
        body["max_tokens"] = limit
    headers = {"opc-compartment-id": compartment, "OpenAI-Project": walk.project}
    sent = {name: value for name, value in headers.items() if value}
    return send(walk.notes, subject, walk.signer, "POST", f"{url}/chat/completions", headers=sent, body=body)


def _about_length(answer: httpx.Response) -> bool:
    """Whether the limit of one token is what is refused, which is our own doing."""
    return re.search(r"max_(?:completion_|output_)?tokens|maxTokens", answer.text) is not None


def _unreachable_cause(walk: Walk, wrong: Cause) -> Cause:
    if wrong.code == "name-not-found" or (wrong.code == "proxy" and re.search(r"\(50[234]\)", wrong.text)):
        return cause("not-offered", region=walk.region or "this region")
    return replace(wrong, text=f"Generative AI: {wrong.text}")


def _refusal_cause(walk: Walk, url: str, answer: httpx.Response) -> Cause:
    status, message = answer.status_code, message_of(answer)
    region = walk.region or "this region"
    if status in (404, 405) and (wrong := _path_cause(url)):
        return wrong
    if not from_oci(answer):
        return cause("proxy/answers", status=status)
    if status == 401 and isinstance(walk.signer, BearerKey):
        return cause("bearer-key-refused", region=region, policy=policy_for(walk))
    if status == 401:
        return cause("not-subscribed/generative-ai", region=region)
    if status in (400, 404) and (wrong := _model_cause(walk, message)):
        return wrong
    if re.search(r"LimitExceeded|QuotaExceeded|service limit", message):
        return cause("limit-reached", message=message)
    if status in (403, 404):
        return _permission_cause(walk, url)
    if status == 400:
        return cause("bad-request", message=message, model=walk.model)
    if status == 429:
        return cause("throttled", message=message)
    return cause("service-down", service="Generative AI", status=status, message=message)


def _path_cause(url: str) -> Cause | None:
    """A base URL that does not lead to OpenAI's API."""
    target = httpx.URL(url)
    path = target.path.rstrip("/")
    if path.endswith(_PATHS) or _DEPLOYMENT.fullmatch(path):
        return None
    if target.host.startswith("modeldeployment.") or "/ocid1.datasciencemodeldeployment" in path:
        return cause("wrong-path/deployment", path=repr(path or "/"))
    if not target.host.startswith("inference.generativeai."):
        return None
    base = f"{target.scheme}://{target.netloc.decode()}"
    return cause("wrong-path/native" if "/20231130" in path else "wrong-path", path=repr(path or "/"), base=base)


def _model_cause(walk: Walk, message: str) -> Cause | None:
    """An answer that is about the model, as far as its words and the model's name tell."""
    endpoint = parse_ocid(walk.model)
    if endpoint is not None and (elsewhere := elsewhere_cause(walk.model, "endpoint", walk.region)):
        return elsewhere
    if endpoint is not None and endpoint.kind != "generativeaiendpoint":
        return cause("model-unknown/kind", kind=endpoint.kind_with_article)
    if walk.model.lower() in message.lower() or re.search(r"\bmodels?\b", message, re.IGNORECASE):
        return cause("model-unknown", region=walk.region or "this region", model=walk.model, message=message)
    return None


def _permission_cause(walk: Walk, url: str) -> Cause:
    """A 403 or 404, by which OCI says that something is not there or may not be used."""
    if "modeldeployment" in url:
        return cause("deployment-not-found", policy=policy_for(walk, "{DATA_SCIENCE_MODEL_DEPLOYMENT_PREDICT}"))
    for value, name in ((walk.compartment, "compartment"), (walk.project, "project")):
        if elsewhere := elsewhere_cause(value, name, walk.region):
            return elsewhere
    place, mode, tenancy = walk.compartment or walk.project, walk.signer.mode, walk.signer.tenancy
    if walk.compartment and tenancy and walk.compartment != tenancy and mode not in PRINCIPALS:
        root = _chat(walk, "root compartment", url, tenancy)
        if isinstance(root, httpx.Response) and root.status_code == 200:
            return cause("wrong-compartment", place=place)
    if walk.compartment and (cut := cut_off_cause(compartment=walk.compartment)):
        return cut
    if walk.fallen_through:
        return cause("not-the-workload/denied", reason=walk.fallen_through)
    if mode in PRINCIPALS:
        return cause("no-policy/principal", who=mode.replace("_", " "), place=place, policy=policy_for(walk))
    who = "This API key" if isinstance(walk.signer, BearerKey) else "This user"
    return cause("no-policy", who=who, place=place, policy=policy_for(walk))
