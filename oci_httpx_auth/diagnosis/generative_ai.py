"""The call to Generative AI, and why it was refused although Identity takes the signature."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import httpx

from .._auth_service.regions import inference_endpoint
from .._causes import PRINCIPALS
from .._verdicts import Finding
from .network import from_oci, message_of, send
from .ocids import cut_off_cause, elsewhere_cause, parse_ocid, place_cause, policy_for, with_article
from .run import Failed, Run
from .verdicts import cause

_PATHS = ("/openai/v1", "/20231130/actions/v1", "/20231130/openai/v1")
_DEPLOYMENT = re.compile(r"/ocid1\.datasciencemodeldeployment[^/]*/(?:predict|predictWithResponseStream)/v1")


def call_generative_ai(run: Run) -> None:
    """A chat completion of one token. Raises `Failed` if it does not work."""
    url = (run.base_url or f"{inference_endpoint(run.region or '')}/openai/v1").rstrip("/")
    wrong = place_cause("compartment", run.compartment, ("compartment", "tenancy"))
    if wrong := wrong or place_cause("project", run.project, ("generativeaiproject",)):
        raise Failed(wrong)
    answer = _chat(run, "Generative AI", url, run.compartment)
    if isinstance(answer, httpx.Response) and answer.status_code == 400 and _about_length(answer):
        answer = _chat(run, "without a limit", url, run.compartment, limit=None)
    if isinstance(answer, Finding):
        raise Failed(_unreachable_cause(run, answer))
    if answer.status_code != 200 or not from_oci(answer):
        raise Failed(_refusal_cause(run, url, answer))


def _chat(run: Run, subject: str, url: str, compartment: str | None, limit: int | None = 1) -> httpx.Response | Finding:
    body: dict[str, Any] = {"model": run.model, "messages": [{"role": "user", "content": "Hi"}]}
    if limit is not None:
        body["max_tokens"] = limit
    headers = {"opc-compartment-id": compartment, "OpenAI-Project": run.project}
    sent = {name: value for name, value in headers.items() if value}
    return send(run, subject, "POST", f"{url}/chat/completions", headers=sent, json=body)


def _about_length(answer: httpx.Response) -> bool:
    """Whether the limit of one token is what is refused, which is our own doing."""
    return re.search(r"max_(?:completion_|output_)?tokens|maxTokens", answer.text) is not None


def _unreachable_cause(run: Run, wrong: Finding) -> Finding:
    if wrong.code == "name-not-found" or (wrong.code == "proxy" and re.search(r"\(50[234]\)", wrong.cause)):
        return cause("not-offered", region=run.region or "this region")
    return replace(wrong, cause=f"Generative AI: {wrong.cause}")


def _refusal_cause(run: Run, url: str, answer: httpx.Response) -> Finding:
    status, message = answer.status_code, message_of(answer)
    region = run.region or "this region"
    if status in (404, 405) and (wrong := _path_cause(url)):
        return wrong
    if not from_oci(answer):
        return cause("proxy/answers", status=status)
    if status == 401 and run.mode == "generative_ai_api_key":
        return cause("bearer-key-refused", region=region, policy=policy_for(run))
    if status == 401:
        return cause("not-subscribed/generative-ai", region=region)
    if status in (400, 404) and (wrong := _model_cause(run, message)):
        return wrong
    if re.search(r"LimitExceeded|QuotaExceeded|service limit", message):
        return cause("limit-reached", message=message)
    if status in (403, 404):
        return _permission_cause(run, url)
    if status == 400:
        return cause("bad-request", message=message, model=run.model)
    if status == 429:
        return cause("throttled", message=message)
    return cause("service-down", service="Generative AI", status=status, message=message)


def _path_cause(url: str) -> Finding | None:
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


def _model_cause(run: Run, message: str) -> Finding | None:
    """An answer that is about the model, as far as its words and the model's name tell."""
    endpoint = parse_ocid(run.model)
    if elsewhere := elsewhere_cause("endpoint", run.model, run.region):
        return elsewhere
    if endpoint and endpoint["kind"] != "generativeaiendpoint":
        return cause("model-unknown/kind", kind=with_article(endpoint["kind"]))
    if run.model.lower() in message.lower() or re.search(r"\bmodels?\b", message, re.IGNORECASE):
        return cause("model-unknown", region=run.region or "this region", model=run.model, message=message)
    return None


def _permission_cause(run: Run, url: str) -> Finding:
    """A 403 or 404, by which OCI says that something is not there or may not be used."""
    if "modeldeployment" in url:
        return cause("deployment-not-found", policy=policy_for(run, "{DATA_SCIENCE_MODEL_DEPLOYMENT_PREDICT}"))
    elsewhere = elsewhere_cause("compartment", run.compartment, run.region)
    if elsewhere := elsewhere or elsewhere_cause("project", run.project, run.region):
        return elsewhere
    place = run.compartment or run.project
    if run.compartment and run.tenancy not in (None, run.compartment) and run.mode not in PRINCIPALS:
        root = _chat(run, "root compartment", url, run.tenancy)
        if isinstance(root, httpx.Response) and root.status_code == 200:
            return cause("wrong-compartment", place=place)
    if run.compartment and (cut := cut_off_cause(compartment=run.compartment)):
        return cut
    if run.fallen_through:
        return cause("not-the-workload/denied", reason=run.fallen_through)
    if run.mode in PRINCIPALS:
        return cause("no-policy/principal", who=run.mode.replace("_", " "), place=place, policy=policy_for(run))
    who = "This API key" if run.mode == "generative_ai_api_key" else "This user"
    return cause("no-policy", who=who, place=place, policy=policy_for(run))
