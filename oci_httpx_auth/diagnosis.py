"""`check`: would OCI accept a call from here, and if not, why not?"""

from __future__ import annotations

import base64
import os
import re
import textwrap
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Literal
from urllib.request import getproxies

import httpx

from ._auth_service.regions import identity_endpoint, inference_endpoint, is_known, region_domain, region_id
from ._auth_service.service import service_message
from ._auth_service.tokens import parse_security_token
from ._causes import PRINCIPALS, Cause, network_cause, refusal_cause, unavailable_cause
from ._credential import CredentialProvider
from ._errors import NoCredentialsFoundError, OCIAuthError, SessionExpiredError
from ._signer import OCISigner
from ._signing.clock import parse_http_date
from .credentials._config import DEFAULT_PROFILE, Profile, env_value, join_names, load_profile
from .credentials._default import InstancePrincipalIfAvailable, sources
from .credentials._files import read_small_file
from .credentials._keys import public_key_text
from .credentials._settings import Rank, Settings, resolve
from .credentials.api_key import APIKey
from .credentials.instance_principal import InstancePrincipal

DEFAULT_MODEL = "openai.gpt-oss-20b"

_TIMEOUT = httpx.Timeout(20.0, connect=10.0)  # seconds
_PATIENCE = 3.0  # seconds that the metadata service has to answer
_TOLERANCE = 300.0  # seconds; OCI refuses dates that are further off
_SUSPICIOUS = 60.0  # seconds that a clock may be off before it is worth a word
_OCID = re.compile(r"ocid1\.([a-z0-9]+)\.([a-z0-9-]+)\.([a-z0-9-]*)\.[.a-zA-Z0-9_-]*")
_IDENTITY_FIELDS = ("user", "tenancy", "fingerprint", "key_file")

State = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True)
class Line:
    """One thing that was looked at, and what was found."""

    state: State
    subject: str
    text: str


@dataclass(frozen=True)
class Finding:
    """Something that is wrong. code: a stable name for programs. An `error` keeps calls from working."""

    severity: Literal["error", "warning"]
    code: str
    cause: str
    remedy: str


@dataclass(frozen=True)
class Report:
    """What `check` found. lines: all that was looked at, in order. findings: what is wrong, the true cause first."""

    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether calls work from here."""
        return not any(finding.severity == "error" for finding in self.findings)

    @property
    def verdict(self) -> str:
        if self.ok:
            return "Calls are signed and accepted." + ("" if not self.findings else f" But: {self.findings[0].cause}")
        return self.findings[0].cause

    @property
    def next_step(self) -> str:
        """What to do; empty if nothing has to be done."""
        return self.findings[0].remedy if self.findings else ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"ok": self.ok, "verdict": self.verdict, "next_step": self.next_step, **asdict(self)}


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
) -> Report:
    """Walk through all that a signed call needs, and make one; with a compartment or project, also one of Generative AI.

    credentials, auth, profile, config_file: as for `OCISigner`. region, compartment_id, project_id: as for `create_openai`, with the
    same variables. The call to Generative AI is a chat completion of one token, by this model.
    endpoint: base URL of the Identity service, and base_url: of Generative AI, where the region's are not meant.

    Raises nothing for what is wrong: the report says it. It holds no key, token or passphrase, but OCIDs in full.
    """
    return _Check(
        auth=auth,
        profile=profile,
        config_file=config_file,
        region=region,
        compartment=compartment_id or env_value(("OCI_COMPARTMENT_ID",)),
        project=project_id or env_value(("OCI_PROJECT_ID", "OCI_GENAI_PROJECT_ID")),
        model=model,
        endpoint=endpoint,
        base_url=base_url,
        clock=clock,
    ).run(credentials)


@dataclass
class _Check:
    """One walk through everything: what was asked for, and what has been found so far."""

    auth: str | None
    profile: str | None
    config_file: str | os.PathLike[str] | None
    region: str | None
    compartment: str | None
    project: str | None
    model: str
    endpoint: str | None
    base_url: str | None
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._lines: list[Line] = []
        self._findings: list[Finding] = []
        self._loaded: Profile | None = None
        self._chosen_by = ""
        self._expires_at: float | None = None

    def run(self, credentials: CredentialProvider | None) -> Report:
        self._proxies()
        provider = credentials or self._choose()
        if credentials is not None:
            self._line("ok", "source", f"{getattr(credentials, 'mode', 'custom')}, as given: {credentials!r}")
        if provider is not None:
            self._call(provider)
        # Warnings may explain nothing; errors come first, each in the order in which it was met.
        self._findings.sort(key=lambda finding: finding.severity != "error")
        return Report(tuple(self._lines), tuple(self._findings))

    def _call(self, provider: CredentialProvider) -> None:
        signer = OCISigner(provider, clock=self.clock)
        if not self._credential(signer, provider):
            return
        name = self._region(signer)
        if name is None and self.endpoint is None:
            if not self._findings:
                self._error(
                    "region-unknown",
                    "No region is known, so there is no endpoint to call.",
                    "Set OCI_REGION, or add region to the profile.",
                )
            return
        if not self._signed_call(signer, provider, self.endpoint or identity_endpoint(name or ""), name):
            return
        self.compartment = self.compartment or signer.compartment
        self.project = self.project or signer.project
        if not self.compartment and not self.project:
            self._line("note", "Generative AI", "not called: neither a compartment nor a project is given")
        elif self.base_url is None and name is None:
            self._line("note", "Generative AI", "not called: no region is known")
        else:
            self._generative_ai(signer, self.base_url or f"{inference_endpoint(name or '')}/openai/v1", name)

    # What is there.

    def _proxies(self) -> None:
        proxies = {scheme: _without_userinfo(url) for scheme, url in getproxies().items() if scheme != "no"}
        if proxies:
            listed = ", ".join(f"{scheme}: {url}" for scheme, url in sorted(proxies.items()))
            self._line("note", "proxy", f"the environment sends requests through a proxy ({listed})")

    def _choose(self) -> CredentialProvider | None:
        provider: CredentialProvider | None = None
        tried: list[str] = []
        try:
            settings = resolve(self.auth, self.profile, self.config_file)
        except OCIAuthError as error:
            self._line("error", "source", str(error))
            self._found("error", self._of_setup(error))
            return None
        for name, look in sources(settings, self.clock):
            self._chosen_by = name
            try:
                found = look()
            except OCIAuthError as error:
                if name.startswith(("config file", "environment", "api_key", "security_token", "instance_obo_user")):
                    self._describe_settings(settings)
                self._line("error", "source", f"{name}: {error}")
                self._found("error", self._of_setup(error))
                return None
            if isinstance(found, str):
                self._line("note", "passed over", found)
                tried.append(found)
                continue
            provider = found
            break
        if provider is None:
            self._chosen_by = "instance metadata, as nothing else serves"
            provider = InstancePrincipalIfAvailable(tried, self.clock)
        mode = getattr(provider, "mode", "custom")
        self._line("ok", "source", f"{mode} ({self._chosen_by}), from {getattr(provider, 'source', provider)}")
        if mode in ("api_key", "security_token", "instance_obo_user"):
            self._describe_settings(settings)
        return provider

    def _describe_settings(self, settings: Settings) -> None:
        """Where each field is from: its variable, or its line of the file."""
        self._loaded = loaded = settings.profile
        if loaded is not None:
            own = sorted(name for name in loaded.own if loaded.get(name))
            inherited = sorted(name for name in loaded.values if name not in loaded.own and loaded.get(name))
            text = f"{loaded.label} sets {join_names(own) if own else 'nothing'}"
            if inherited and loaded.name != DEFAULT_PROFILE:
                text += f"; inherits {join_names(inherited)} from {DEFAULT_PROFILE}"
            self._line("ok", "profile", text)
        for name, setting in settings.fields.items():
            if loaded is None or setting.rank > Rank.PROFILE:
                over = " (over the profile's)" if loaded is not None and loaded.get(name) else ""
                self._line("ok", name, f"from {setting.origin}{over}")
        token_file = settings.get("security_token_file")
        if token_file is not None:
            with suppress(OCIAuthError, UnicodeDecodeError):
                token = read_small_file(token_file, "security_token_file").decode("ascii").strip()
                self._describe_token(token, "token in file")

    def _of_setup(self, error: OCIAuthError) -> Cause:
        """A mistake in local files or variables: the error says what, and what to do; the profile may say why."""
        kind = type(error).__name__.removesuffix("Error")
        code = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower()
        cause = _of_message(code, error)
        mixed = self._inherited_identity()
        if "has the fingerprint" in cause.text and mixed:
            return Cause("stale-inheritance", f"{mixed} {cause.text}", "Set all four in the profile itself.")
        if self._chosen_by.endswith("OCI_CLI_AUTH"):
            return Cause(code, cause.text, f"{cause.remedy} If this mode is not meant, unset OCI_CLI_AUTH.")
        return cause

    def _inherited_identity(self) -> str:
        """Whether the profile's identity is put together from two: partly its own, partly DEFAULT's."""
        if self._loaded is None or self._loaded.name == DEFAULT_PROFILE:
            return ""
        own = [name for name in _IDENTITY_FIELDS if name in self._loaded.own]
        inherited = [name for name in _IDENTITY_FIELDS if name not in self._loaded.own and self._loaded.get(name)]
        if not own or not inherited:
            return ""
        return (
            f"The identity of {self._loaded.label} is mixed: {join_names(own)} of its own, "
            f"{join_names(inherited)} inherited from {DEFAULT_PROFILE}."
        )

    # The credential.

    def _credential(self, signer: OCISigner, provider: CredentialProvider) -> bool:
        """Have one fetched, and say what it is. False if none can be had."""
        try:
            if type(provider) is InstancePrincipal:
                provider.known_region(deadline=_PATIENCE)  # while booting, an instance would be more patient
            # Signing any request shows what goes over the wire: the key id, and a signature as long as the key.
            headers = signer.signed_headers("GET", "https://localhost/")
        except OCIAuthError as error:
            reason = error if error.__cause__ is None else error.__cause__
            likely = self._of_fetch(signer, reason)
            self._line("error", "credential", str(getattr(reason, "likely", reason)))
            self._found("error", likely)
            self._describe_certificate(provider)
            return False
        parameters = dict(re.findall(r'(\w+)="([^"]*)"', headers["authorization"]))
        bits = len(base64.b64decode(parameters["signature"])) * 8
        if isinstance(provider, APIKey):
            self._line("ok", "user", f"{provider.user} of {provider.tenancy}")
            self._line("ok", "key", f"RSA, {bits} bits; its fingerprint is the configured one, {provider.fingerprint}")
        else:
            self._line("ok", "key", f"RSA, {bits} bits")
        if parameters["keyId"].startswith("ST$"):
            self._describe_token(parameters["keyId"][3:], "token")
        self._describe_certificate(provider)
        return True

    def _of_fetch(self, signer: OCISigner, reason: BaseException) -> Cause:
        if isinstance(reason, NoCredentialsFoundError):
            return Cause("no-source", reason.likely, reason.remedy)
        if isinstance(reason, SessionExpiredError):
            return _of_message("session-expired", reason)
        if signer.mode == "instance_principal" and signer.region is None:
            remedy = "Use another way to authenticate, or let this machine reach 169.254.169.254."
            if self._chosen_by.endswith("OCI_CLI_AUTH"):
                remedy = f"OCI_CLI_AUTH asks for this mode: unset it if that is not meant. {remedy}"
            return Cause("not-an-instance", f"This is no OCI instance, or its metadata is blocked. {reason}", remedy)
        likely = unavailable_cause(reason)
        if likely is None:
            return _of_message("no-credentials", reason)
        return Cause(likely.code, f"{likely.text} {reason}", likely.remedy)

    def _describe_token(self, token: str, subject: str) -> None:
        claims = parse_security_token(token, "the token")
        now = self.clock()
        holder = claims.other.get("sub") or claims.other.get("res_id") or "nobody named"
        issued = "" if claims.issued_at is None else f", issued {_ago(now - claims.issued_at)}"
        self._expires_at = claims.expires_at
        left = claims.expires_at - now
        ends = f"expires {_ago(-left)}" if left > 0 else f"expired {_ago(-left)}"
        self._line("ok" if left > 0 else "warning", subject, f"of {holder}{issued}, {ends}")

    def _describe_certificate(self, provider: CredentialProvider) -> None:
        if not isinstance(provider, InstancePrincipal) or provider.region is None:
            return
        from cryptography import x509

        try:
            leaf = x509.load_pem_x509_certificate(provider.metadata.read("/identity/cert.pem").encode())
            issuer = x509.load_pem_x509_certificate(provider.metadata.read("/identity/intermediate.pem").encode())
        except (OCIAuthError, ValueError):
            return  # the credential's own error has said so
        left = leaf.not_valid_after_utc.timestamp() - self.clock()
        chained = leaf.issuer == issuer.subject
        text = f"{'ends' if left > 0 else 'ended'} {_ago(-left)}; {'' if chained else 'not '}issued by the intermediate one"
        self._line("ok" if left > 0 and chained else "error", "certificate", text)
        if left <= 0:
            self._findings.insert(
                0,
                Finding(
                    "error",
                    "certificate-expired",
                    f"The instance's certificate ended {_ago(-left)}.",
                    "The platform renews it: check that the instance reaches the metadata service, and restart it if it stays.",
                ),
            )

    def _region(self, signer: OCISigner) -> str | None:
        name = self.region or env_value(("OCI_REGION",)) or signer.region
        if name is None:
            return None
        try:
            name = region_id(name)
        except ValueError as error:
            self._found("error", _of_message("not-a-region", error))
            return None
        origin = "as given" if self.region else "OCI_REGION" if env_value(("OCI_REGION",)) else "of the source"
        if is_known(name):
            self._line("ok", "region", f"{name} ({origin}), domain {region_domain(name)}")
        else:
            self._line(
                "warning", "region", f"{name} ({origin}) is in no table; domain {region_domain(name)} is a guess"
            )
            self._warning(
                "region-unknown",
                f"The region {name} is in no table, so its realm is a guess ({region_domain(name)}).",
                "Check its spelling; for a new region, describe it in OCI_REGION_METADATA.",
            )
        return name

    # The calls.

    def _signed_call(self, signer: OCISigner, provider: CredentialProvider, endpoint: str, region: str | None) -> bool:
        """Identity's list of regions, which needs a valid signature and no permission."""
        url = f"{endpoint.rstrip('/')}/20160918/regions"
        answer = self._send("signed call", signer, "GET", url, region=region)
        if answer is None:
            return False
        self._describe_clock(answer)
        if answer.status_code == 401:
            self._refused(signer, provider, answer)
            return False
        if answer.status_code == 200 and _from_oci(answer):
            return True
        if not _from_oci(answer):
            self._not_oci(answer)
            return False
        if answer.status_code == 429 or answer.status_code >= 500:
            self._error(
                "service-down",
                f"The service answered {answer.status_code}{_said(answer)}. That is OCI's side.",
                "Try again later; OCI's status page tells about outages.",
            )
            return False
        # 403 and 404 are said after the signature was found valid.
        self._line("note", "signed call", "the signature was accepted, the operation was not allowed")
        return True

    def _send(
        self,
        subject: str,
        signer: OCISigner,
        method: str,
        url: str,
        *,
        region: str | None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> httpx.Response | None:
        started = time.perf_counter()
        try:
            with httpx.Client(auth=signer, timeout=_TIMEOUT, follow_redirects=False) as client:
                answer = client.request(method, url, headers=headers, json=body)
        except (httpx.HTTPError, httpx.InvalidURL, OCIAuthError) as error:
            cause = network_cause(error)
            if isinstance(error, OCIAuthError):
                cause = _of_message("not-signed", error)
            elif isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
                cause = Cause("not-a-url", f"{url[:100]!r} is not a URL that can be called.", "Correct the endpoint.")
            elif cause.code in ("name-not-found", "unreachable") and region is not None and not is_known(region):
                cause = Cause(
                    "region-unknown",
                    f"The region {region} is in no table, and the host made from it is not there.",
                    "Check the region's spelling; for a new region, describe it in OCI_REGION_METADATA.",
                )
            elif getproxies() and cause.code in ("connection-refused", "unreachable", "no-answer-in-time"):
                cause = Cause(
                    "proxy",
                    "The request was to go through a proxy, which does not answer.",
                    "Correct HTTPS_PROXY, or put OCI's hosts into NO_PROXY.",
                )
            self._line("error", subject, f"{method} {url}: {str(error) or type(error).__name__}")
            self._found("error", Cause(cause.code, f"{subject}: {cause.text}", cause.remedy))
            return None
        milliseconds = (time.perf_counter() - started) * 1000
        request_id = answer.headers.get("opc-request-id", "none")
        state: State = "ok" if answer.status_code < 400 else "error"
        self._line(
            state,
            subject,
            f"{method} {url}: {answer.status_code}{_said(answer)} in {milliseconds:.0f} ms (opc-request-id {request_id})",
        )
        return answer

    def _describe_clock(self, answer: httpx.Response) -> None:
        server = parse_http_date(answer.headers.get("date"))
        if server is None:
            return
        ahead = server + 0.5 - self.clock()  # the header has whole seconds
        if abs(ahead) < _SUSPICIOUS:
            self._line("ok", "clock", "within a minute of the server's")
            return
        direction = "behind" if ahead > 0 else "ahead of"
        text = f"{_span(abs(ahead))} {direction} the server's"
        self._line("warning", "clock", text)
        off = abs(ahead) > _TOLERANCE
        self._warning(
            "clock-off",
            f"This machine's clock is {text}; {'OCI refuses what is dated so' if off else 'OCI tolerates five minutes'}"
            f"{'. This library corrects for it, other tools do not' if off else ''}.",
            "Set the clock by NTP, e.g. `sudo chronyc makestep`.",
        )

    def _refused(self, signer: OCISigner, provider: CredentialProvider, answer: httpx.Response) -> None:
        expired = self._expires_at is not None and self._expires_at <= self.clock()
        cause = refusal_cause(signer.mode, from_oci=_from_oci(answer), expired=expired)
        if "clock skew" in answer.text:
            cause = Cause(
                "clock-off",
                "This machine's clock is off by more than five minutes, and cannot be corrected for on this connection.",
                "Set the clock by NTP, e.g. `sudo chronyc makestep`.",
            )
        elif cause.code == "key-unknown" and isinstance(provider, APIKey):
            cause = self._whose_key(provider)
        self._found("error", cause)

    def _whose_key(self, provider: APIKey) -> Cause:
        """What the config file knows of a key that OCI does not take from this user."""
        body = "\n".join(textwrap.wrap(public_key_text(provider.fetch().private_key), 64))
        public = f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----"
        if self._loaded is not None:
            for other in _other_profiles(self._loaded):
                if (other.get("fingerprint") or "").lower() == provider.fingerprint and other.get(
                    "user"
                ) != provider.user:
                    return Cause(
                        "key-of-another-user",
                        f"By {other.label}, the key {provider.fingerprint} is that of user {other.get('user')}, "
                        f"and not of {provider.user}.",
                        f"Correct user or key in {self._loaded.label}, or use profile {other.name}.",
                    )
        mixed = self._inherited_identity()
        if mixed:
            return Cause(
                "stale-inheritance",
                f"{mixed} OCI knows no such combination.",
                "Set user, tenancy, fingerprint and key_file in the profile itself.",
            )
        return Cause(
            "key-unknown",
            f"OCI knows no API key {provider.fingerprint} for {provider.user} in {provider.tenancy}: it was not uploaded, "
            "was deleted, or one of the three is another's.",
            "Upload this public key in the console (user, API keys), or correct the three; a new key takes a minute to be "
            f"known.\n{public}",
        )

    def _not_oci(self, answer: httpx.Response) -> None:
        self._error(
            "proxy",
            f"An answer of {answer.status_code} without opc-request-id did not come from OCI: a proxy, a login page or a wrong "
            "endpoint is in the way.",
            "Check HTTPS_PROXY and the endpoint; put OCI's hosts into NO_PROXY.",
        )

    # Generative AI.

    def _generative_ai(self, signer: OCISigner, url: str, region: str | None) -> None:
        compartment, project = self.compartment, self.project
        for value, kinds, what in (
            (compartment, ("compartment", "tenancy"), "compartment"),
            (project, ("generativeaiproject",), "project"),
        ):
            if value and not _is_ocid(value, kinds):
                self._error(
                    f"not-a-{what}",
                    f"{value[:60]!r} is not the OCID of a {what}.",
                    f"A {what}'s OCID begins with {f'ocid1.{kinds[0]}.'!r}.",
                )
                return
        body = {"model": self.model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}

        def send(subject: str, scope: str | None) -> httpx.Response | None:
            headers = {"opc-compartment-id": scope, "OpenAI-Project": project}
            sent = {name: value for name, value in headers.items() if value}
            return self._send(
                subject, signer, "POST", f"{url.rstrip('/')}/chat/completions", region=region, headers=sent, body=body
            )

        answer = send("Generative AI", compartment)
        if answer is None or (answer.status_code == 200 and _from_oci(answer)):
            return
        if not _from_oci(answer):
            self._not_oci(answer)
        elif answer.status_code == 401:
            self._error(
                "not-subscribed",
                f"Generative AI in {region or 'this region'} does not know this identity, although Identity accepts it: "
                "probably the tenancy is not subscribed to the region.",
                "Subscribe to the region in the console, or choose another one.",
            )
        elif answer.status_code in (403, 404):
            elsewhere = None
            if compartment and signer.tenancy and compartment != signer.tenancy and signer.mode not in PRINCIPALS:
                elsewhere = send("root compartment", signer.tenancy)
            self._not_allowed(signer, elsewhere is not None and elsewhere.status_code == 200)
        elif answer.status_code == 400:
            self._error(
                "bad-request",
                f"Generative AI took the signature, but not the request{_said(answer)}.",
                f"Check that the model {self.model} is served in this region, and the compartment or project.",
            )
        elif answer.status_code == 429:
            self._warning(
                "throttled", "Generative AI is throttling this tenancy.", "Retry later, or ask for a higher limit."
            )
        else:
            self._error(
                "service-down",
                f"Generative AI answered {answer.status_code}{_said(answer)}.",
                "Try again later; OCI's status page tells about outages.",
            )

    def _not_allowed(self, signer: OCISigner, root_is_allowed: bool) -> None:
        compartment, project = self.compartment, self.project
        where = compartment or project
        scope = f"compartment id {compartment}" if compartment else "tenancy"
        if root_is_allowed:
            self._error(
                "wrong-compartment",
                f"{where} is not a compartment that this user may use; the root compartment is.",
                "Correct the compartment's OCID, or write a policy for that compartment.",
            )
        elif signer.mode in PRINCIPALS:
            self._error(
                "no-policy",
                f"No policy lets this {signer.mode.replace('_', ' ')} use Generative AI in {where}: no dynamic group with a "
                "policy matches it, or the OCID is wrong.",
                "Make a dynamic group that matches it, and a policy: "
                f"allow dynamic-group NAME to use generative-ai-family in {scope}",
            )
        else:
            self._error(
                "no-policy",
                f"This user may not use Generative AI in {where}, or there is no such place.",
                f"Correct the OCID, or write a policy: allow group NAME to use generative-ai-family in {scope}",
            )

    # The report.

    def _line(self, state: State, subject: str, text: str) -> None:
        self._lines.append(Line(state, subject, text))

    def _found(self, severity: Literal["error", "warning"], cause: Cause) -> None:
        self._findings.append(Finding(severity, cause.code, cause.text.strip(), cause.remedy))

    def _error(self, code: str, text: str, remedy: str) -> None:
        self._found("error", Cause(code, text, remedy))

    def _warning(self, code: str, text: str, remedy: str) -> None:
        self._found("warning", Cause(code, text, remedy))


def _of_message(code: str, error: BaseException) -> Cause:
    """Our errors say in their first sentence what is wrong, and then what to do."""
    text, stop, remedy = str(error).partition(". ")
    return Cause(code, text + stop.strip(), remedy)


def _from_oci(answer: httpx.Response) -> bool:
    return "opc-request-id" in answer.headers


def _said(answer: httpx.Response) -> str:
    return service_message(answer.content).rstrip(".") if answer.status_code >= 400 else ""


def _other_profiles(profile: Profile) -> list[Profile]:
    import configparser

    parser = configparser.ConfigParser(interpolation=None, default_section="", strict=False)
    parser.read(profile.path, encoding="utf-8-sig")
    others = []
    for name in parser.sections():
        with suppress(OCIAuthError):
            others.append(load_profile(name, profile.path))
    return [other for other in others if other.name != profile.name]


def _is_ocid(value: str, kinds: tuple[str, ...]) -> bool:
    match = _OCID.fullmatch(value)
    return match is not None and match[1] in kinds


def _without_userinfo(url: str) -> str:
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _span(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _ago(seconds: float) -> str:
    return f"{_span(seconds)} ago" if seconds >= 0 else f"in {_span(-seconds)}"
