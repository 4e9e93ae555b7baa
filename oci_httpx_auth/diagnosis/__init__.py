"""`check`: would OCI accept a call from here, and if not, why not?"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable

from .._auth_service.regions import is_known, region_domain, region_id
from .._credential import CredentialProvider
from .._errors import ConfigError
from .._signer import OCISigner
from ..credentials._config import env_value
from .credential import fetch_credential
from .generative_ai import call_generative_ai
from .identity import call_identity
from .network import describe_proxies, first_sentence_cause
from .report import Finding, Line, Notebook, Report
from .source import choose_provider
from .verdicts import cause
from .walk import BearerKey, Walk

__all__ = ["DEFAULT_MODEL", "Finding", "Line", "Report", "check"]

DEFAULT_MODEL = "openai.gpt-oss-20b"


def check(
    credentials: CredentialProvider | None = None,
    *,
    auth: str | None = None,
    profile: str | None = None,
    config_file: str | os.PathLike[str] | None = None,
    region: str | None = None,
    compartment_id: str | None = None,
    project_id: str | None = None,
    model: str = DEFAULT_MODEL,
    endpoint: str | None = None,
    base_url: str | None = None,
    clock: Callable[[], float] = time.time,
    listener: Callable[[Line | str], object] | None = None,
) -> Report:
    """Walk through all that a signed call needs, and make one; with a compartment or project, also one to Generative AI.

    credentials, auth, profile, config_file: as for `OCISigner`. region, compartment_id, project_id: as for `create_openai`,
    with the same variables. The call to Generative AI is a chat completion of one token, by this model.
    endpoint, base_url: of Identity and of Generative AI, instead of the region's.
    listener: called with each line of the report as it is found, and with a text of what is being waited for.

    No step waits for longer than 5 seconds. Raises nothing for what is wrong: the report says it. It holds no key, token or
    passphrase, but OCIDs in full.
    """
    walk = Walk(
        notes=Notebook(listener),
        clock=clock,
        auth=auth,
        profile_name=profile,
        config_file=config_file,
        region=region,
        compartment=compartment_id or env_value(("OCI_COMPARTMENT_ID",)),
        project=project_id or env_value(("OCI_PROJECT_ID", "OCI_GENAI_PROJECT_ID")),
        model=model,
        endpoint=endpoint,
        base_url=base_url or env_value(("OCI_GENAI_BASE_URL",)),
    )
    try:
        describe_proxies(walk.notes)
        key = env_value(("OCI_GENAI_API_KEY",))
        if key and not (credentials or auth or profile or config_file or env_value(("OCI_CLI_AUTH",))):
            walk.signer = BearerKey(key)
            walk.notes.line("ok", "source", "a Generative AI API key, from OCI_GENAI_API_KEY; requests are not signed")
            if walk.base_url or _find_region(walk):
                call_generative_ai(walk)
        else:
            _check_signed_calls(walk, credentials)
    except Exception as error:  # a report that is cut short is better than none
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(where.filename)}, line {where.lineno}"
        walk.notes.find(cause("internal", kind=type(error).__name__, place=place))
    return walk.notes.report()


def _check_signed_calls(walk: Walk, credentials: CredentialProvider | None) -> None:
    if credentials is not None:
        walk.notes.line("ok", "source", f"{getattr(credentials, 'mode', 'custom')}, as given: {credentials!r}")
    provider = credentials or choose_provider(walk)
    if provider is None:
        return
    walk.provider, walk.signer = provider, OCISigner(provider, clock=walk.clock)
    if not fetch_credential(walk) or not (_find_region(walk) or walk.endpoint) or not call_identity(walk):
        return
    walk.compartment = walk.compartment or walk.signer.compartment
    walk.project = walk.project or walk.signer.project
    if not walk.compartment and not walk.project:
        walk.notes.line("note", "Generative AI", "not called: neither a compartment nor a project is given")
    elif walk.base_url is None and walk.region is None:
        walk.notes.line("note", "Generative AI", "not called: no region is known")
    else:
        call_generative_ai(walk)


def _find_region(walk: Walk) -> bool:
    """The region that calls go to. False if none is known, with a finding if one is needed."""
    variables = ("OCI_GENAI_REGION", "OCI_CLI_REGION", "OCI_REGION")
    variable = next((name for name in variables if env_value((name,))), "")
    origin = "as given" if walk.region else variable or "of the source"
    name = walk.region or env_value((variable,)) or walk.signer.region
    walk.region = None
    if name is None:
        if walk.endpoint is None:
            resource = walk.signer.mode == "resource_principal"
            walk.notes.find(cause("region-unknown/resource" if resource else "region-unknown"))
        return False
    try:
        name = region_id(name)
        domain = region_domain(name)
    except (ValueError, ConfigError) as error:
        walk.notes.find(first_sentence_cause("not-a-region", error))
        return False
    walk.region = name
    if is_known(name):
        walk.notes.line("ok", "region", f"{name} ({origin}), domain {domain}")
    else:
        walk.notes.line("warning", "region", f"{name} ({origin}) is unknown; its domain, {domain}, is a guess")
        walk.notes.find(cause("region-unknown/guess", region=name, domain=domain), "warning")
    return True
