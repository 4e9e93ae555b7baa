"""The call to Generative AI, and why it was refused although Identity takes the signature."""

from __future__ import annotations

import re
from typing import Any

import httpx

from .._causes import PRINCIPALS, Cause
from .bearer import BearerKey
from .network import from_oci, message_of, not_oci_cause, send
from .ocids import cut_off_cause, elsewhere_cause, parse_ocid, place_cause
from .policy import policy_for
from .walk import Walk

_PATHS = ("/openai/v1", "/20231130/actions/v1", "/20231130/openai/v1")
_DEPLOYMENT = re.compile(r"/ocid1\.datasciencemodeldeployment[^/]*/(?:predict|predictWithResponseStream)/v1")
_PLACES = (("compartment", ("compartment", "tenancy")), ("project", ("generativeaiproject",)))


def call_generative_ai(walk: Walk, url: str) -> None:
    """A chat completion of one token, and what keeps it from working."""
    url = url.rstrip("/")
    for what, kinds in _PLACES:
        value = walk.compartment if what == "compartment" else walk.project
        if value and (cause := place_cause(value, what, kinds)):
            walk.notes.found(cause)
            return
    answer = _chat(walk, "Generative AI", url, walk.compartment)
    if isinstance(answer, httpx.Response) and answer.status_code == 400 and _about_length(answer):
        answer = _chat(walk, "without a limit", url, walk.compartment, limit=None)
    if isinstance(answer, Cause):
        walk.notes.found(_unreachable_cause(walk, answer))
    elif answer.status_code != 200 or not from_oci(answer):
        cause = _refusal_cause(walk, url, answer)
        walk.notes.found(cause, "warning" if cause.code == "throttled" else "error")


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


def _unreachable_cause(walk: Walk, cause: Cause) -> Cause:
    if cause.code == "name-not-found" or (cause.code == "proxy" and re.search(r"\(50[234]\)", cause.text)):
        return Cause(
            "not-offered",
            f"Generative AI is not offered in {walk.region or 'this region'}: its host has no address there, although that of "
            "Identity has one.",
            "Choose a region that has the service, e.g. us-chicago-1, and subscribe the tenancy to it.",
        )
    return Cause(cause.code, f"Generative AI: {cause.text}", cause.remedy)


def _refusal_cause(walk: Walk, url: str, answer: httpx.Response) -> Cause:
    status, said = answer.status_code, message_of(answer)
    if status in (404, 405) and (wrong := _path_cause(url)):
        return wrong
    if not from_oci(answer):
        return not_oci_cause(answer)
    if status == 401 and isinstance(walk.signer, BearerKey):
        return Cause(
            "bearer-key-refused",
            f"Generative AI in {walk.region or 'this region'} does not accept the API key of {walk.signer.source}: it belongs to "
            "another region, has expired or was deleted, or it was made before there was a policy for it, and then stays refused.",
            f"Check region and state of the key in the console. If the policy is younger than the key, make a new key:\n"
            f"{policy_for(walk, 'generative-ai-family')}",
        )
    if status == 401:
        return Cause(
            "not-subscribed",
            f"Generative AI in {walk.region or 'this region'} does not know this identity, although Identity accepts it: "
            "probably the tenancy is not subscribed to the region.",
            "Subscribe to the region in the console, or choose another one.",
        )
    if status in (400, 404) and (model := _model_cause(walk, said)):
        return model
    if status in (403, 404):
        return _permission_cause(walk, url)
    if status == 400:
        return Cause(
            "bad-request",
            f"Generative AI took the signature, but not the request{said}.",
            f"Check that the model {walk.model} is served in this region, and the compartment or project.",
        )
    if status == 429:
        return Cause(
            "throttled", "Generative AI is throttling this tenancy.", "Retry later, or ask for a higher limit."
        )
    return Cause(
        "service-down",
        f"Generative AI answered {status}{said}.",
        "Try again later; OCI's status page tells about outages.",
    )


def _path_cause(url: str) -> Cause | None:
    """A base URL that is not one of an OpenAI-compatible surface."""
    target = httpx.URL(url)
    path = target.path.rstrip("/")
    if path.endswith(_PATHS) or _DEPLOYMENT.fullmatch(path):
        return None
    if target.host.startswith("modeldeployment.") or "/ocid1.datasciencemodeldeployment" in path:
        return Cause(
            "wrong-path",
            f"The base URL ends with {path or '/'!r}, where a model deployment is called below '<OCID>/predict/v1'.",
            "Use https://modeldeployment.REGION.oci.customer-oci.com/DEPLOYMENT_OCID/predict/v1 as the base URL.",
        )
    if not target.host.startswith("inference.generativeai."):
        return None
    native = "/20231130" in path
    return Cause(
        "wrong-path",
        f"The base URL ends with {path or '/'!r}, "
        + (
            "which is the path of the service's own API, and not of the OpenAI-compatible one."
            if native
            else "so there is nothing of OpenAI's API below it."
        ),
        f"Use {target.scheme}://{target.netloc.decode()}/openai/v1 as the base URL.",
    )


def _model_cause(walk: Walk, said: str) -> Cause | None:
    """An answer that is about the model, as far as its words and the model's name tell."""
    endpoint = parse_ocid(walk.model)
    if endpoint is not None:
        if elsewhere := elsewhere_cause(walk.model, "endpoint", walk.region):
            return elsewhere
        if endpoint.kind != "generativeaiendpoint":
            return Cause(
                "model-unknown",
                f"The model is the OCID of a {endpoint.kind}; a model on a dedicated AI cluster is called by the OCID of its endpoint.",
                "Take the endpoint's OCID ('ocid1.generativeaiendpoint.…'), or a model's name such as openai.gpt-oss-120b.",
            )
    if walk.model.lower() in said.lower() or re.search(r"\bmodels?\b", said, re.IGNORECASE):
        return Cause(
            "model-unknown",
            f"Generative AI in {walk.region or 'this region'} does not serve the model {walk.model}{said}.",
            "Choose a model that the region has (OCI's list of models by region), or another region; check the name's spelling, "
            "e.g. openai.gpt-oss-120b.",
        )
    return None


def _permission_cause(walk: Walk, url: str) -> Cause:
    """A 403 or 404, by which OCI says that something is not there or may not be used."""
    if "modeldeployment" in url:
        return Cause(
            "deployment-not-found",
            "The model deployment is not there, is not active, or may not be called by this identity.",
            f"Check the deployment's OCID and state, and write a policy:\n{policy_for(walk, '{DATA_SCIENCE_MODEL_DEPLOYMENT_PREDICT}')}",
        )
    for value, what in ((walk.compartment, "compartment"), (walk.project, "project")):
        if elsewhere := elsewhere_cause(value, what, walk.region):
            return elsewhere
    where = walk.compartment or walk.project
    tenancy = walk.signer.tenancy
    if walk.compartment and tenancy and walk.compartment != tenancy and walk.signer.mode not in PRINCIPALS:
        root = _chat(walk, "root compartment", url, tenancy)
        if isinstance(root, httpx.Response) and root.status_code == 200:
            return Cause(
                "wrong-compartment",
                f"{where} is not a compartment that this user may use; the root compartment is.",
                "Correct the compartment's OCID, or write a policy for that compartment.",
            )
    if walk.compartment and (cut := cut_off_cause(compartment=walk.compartment)):
        return cut
    if walk.fallen_through:
        return Cause(
            "not-the-workload",
            f"{walk.fallen_through} So the call was signed by the node's instance principal, which may not use Generative AI.",
            "Mend the workload's identity; only if the node is meant, write a policy for its dynamic group.",
        )
    policy = policy_for(walk, "generative-ai-family")
    if walk.signer.mode in PRINCIPALS:
        return Cause(
            "no-policy",
            f"No policy lets this {walk.signer.mode.replace('_', ' ')} use Generative AI in {where}: no dynamic group with a "
            "policy matches it, or the OCID is wrong.",
            f"Check the OCID, and write a policy:\n{policy}",
        )
    who = "This API key" if isinstance(walk.signer, BearerKey) else "This user"
    return Cause(
        "no-policy",
        f"{who} may not use Generative AI in {where}, or there is no such place.",
        f"Correct the OCID, or write a policy:\n{policy}",
    )
