"""`OCISigner`: the auth hook of httpx and httpx2 that signs every request for OCI."""

from __future__ import annotations

import inspect
import os
import time
import traceback
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx

from ._auth_service.service import DEADLINE, AuthService
from ._causes import unavailable_cause
from ._credential import Credential, CredentialProvider, describe_source, mode_of
from ._errors import (
    ConfigError,
    CredentialsUnavailableError,
    OCIAuthError,
    SessionExpiredError,
    SigningError,
    error_text,
)
from ._hosts import is_link_local, is_loopback
from ._log import log_clock, log_denial, log_refresh, log_refusal
from ._secrecy import hides_locals
from ._signing.cache import CredentialCache, Flight
from ._signing.clock import ClockOffsets
from ._signing.request import is_streamed_upload, longest_timeout, sign_request, url_as_sent, was_redirected
from ._signing.signature import BODY_METHODS, content_digest
from ._signing.waiting import in_thread, wait, wait_async
from ._verdicts import Finding
from .credentials._default import default_credentials

_LARGE_BODY = 1 << 20  # bytes; hashing takes about 1 ms per MiB, so larger bodies are hashed off the event loop

if TYPE_CHECKING:

    class _Auth(httpx.Auth):
        """For type checkers: httpx's `Auth`, made callable, because httpx2 accepts a callable.

        With httpx2's class as a base, every attribute would be `Any` where httpx2 is not installed.
        """

        def __call__(self, request: Any) -> Any: ...

else:
    # httpx2 comes first, because some libraries check the first base class only. After `httpx2.alias_httpx()`, both are
    # the same class, which can be a base only once.
    try:
        import httpx2
    except ImportError:
        _Auth = httpx.Auth  # httpx2 is optional
    else:
        _Auth = type("_Auth", tuple(dict.fromkeys((httpx2.Auth, httpx.Auth))), {"__module__": __name__})


@dataclass(frozen=True)
class SignerStatus:
    """A signer's state, for health pages. Times are seconds since the epoch by this machine's clock.

    mode, source: how it authenticates, and where its credentials come from. expires_at: when the present credential
    expires; `None` without a credential or an expiry. last_refresh: when it was obtained. next_refresh: when a request
    will start to renew it. refreshing_since: when the fetch in progress began; `None` without one. last_error: why the
    latest refresh failed; `None` if it succeeded.
    """

    mode: str
    source: str
    expires_at: float | None
    last_refresh: float | None
    next_refresh: float | None
    refreshing_since: float | None
    last_error: str | None


class OCISigner(_Auth):
    """Signs requests for OCI. Give one to any httpx or httpx2 client, sync or async: `httpx.Client(auth=OCISigner())`.

    credentials: a provider such as `APIKey.from_config()`; without one, `default_credentials(auth, profile, config_file)`.
    auth: how to authenticate, as the OCI CLI spells it, e.g. `"api_key"` or `"security_token"`.
    clock: seconds since the epoch.
    allow_insecure_http: sign plain-http requests to any host, not only loopback and link-local ones. Anyone who sees a
        signed request can replay it for five minutes.

    One instance works with any number of clients, threads and event loops (asyncio and trio) at once. It pickles as a
    recipe for its credentials, never with a key.

    Raises `ConfigError` and its subclasses for bad arguments and local files. Network I/O begins with the first request,
    which raises `CredentialsUnavailableError` if there is no credential, and `SigningError` if it must not be signed.
    """

    requires_request_body = True
    _recipe: Callable[..., OCISigner]

    @hides_locals
    def __init__(
        self,
        credentials: CredentialProvider | None = None,
        *,
        auth: str | None = None,
        profile: str | None = None,
        config_file: str | os.PathLike[str] | None = None,
        clock: Callable[[], float] = time.time,
        allow_insecure_http: bool = False,
    ) -> None:
        make: Callable[..., OCISigner] = type(self)
        if credentials is None:
            self._recipe = partial(make, auth=auth, profile=profile, config_file=config_file)
            credentials = default_credentials(auth, profile, config_file, _service=AuthService(clock=clock))
        elif auth is not None or profile is not None or config_file is not None:
            raise ConfigError("Pass either credentials, or auth, profile and config_file, not both.")
        elif not callable(getattr(credentials, "fetch", None)) or isinstance(credentials, type):
            raise ConfigError(
                f"OCISigner needs a credential provider, an object with a fetch() method, not {type(credentials).__name__}."
            )
        else:
            if inspect.iscoroutinefunction(credentials.fetch):
                raise ConfigError(
                    f"{type(credentials).__name__}.fetch is asynchronous. Make it a plain function: it is called "
                    "on a worker thread."
                )
            self._recipe = partial(make, credentials)
        self._options: dict[str, Any] = {"clock": clock, "allow_insecure_http": allow_insecure_http}
        self._allow_insecure_http = allow_insecure_http
        self._provider = credentials
        self._cache = CredentialCache(credentials, clock=clock, report=partial(log_refresh, credentials))
        self._clocks = ClockOffsets(clock)
        self._denials: set[Finding] = set()  # already logged

    @property
    def mode(self) -> str:
        """How this signer authenticates, as the OCI CLI spells it; `custom` for a provider that does not say."""
        return mode_of(self._provider)

    @property
    def region(self) -> str | None:
        """The region from the credentials' source, e.g. `us-chicago-1`; `None` if not known without I/O."""
        return getattr(self._provider, "region", None)

    @property
    def tenancy(self) -> str | None:
        """The tenancy's OCID; `None` if not known without I/O."""
        return getattr(self._provider, "tenancy", None)

    @property
    def compartment(self) -> str | None:
        """The compartment's OCID from the credentials' source; `None` if it has none."""
        return getattr(self._provider, "compartment", None)

    @property
    def project(self) -> str | None:
        """The Generative AI project's OCID from the credentials' source; `None` if it has none."""
        return getattr(self._provider, "project", None)

    def status(self) -> SignerStatus:
        """A snapshot of mode, source and refreshes. Does no I/O and never blocks."""
        known = self._cache.status()
        return SignerStatus(
            mode=self.mode,
            source=describe_source(self._provider),
            expires_at=known.expires_at,
            last_refresh=known.last_refresh,
            next_refresh=known.next_refresh,
            refreshing_since=known.refreshing_since,
            last_error=None if known.last_error is None else error_text(known.last_error),
        )

    def signed_headers(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, content: bytes = b""
    ) -> dict[str, str]:
        """All headers to send with one request, for callers without an httpx client: websockets, curl, other stacks.

        They are valid for five minutes, for exactly this method, URL and content. Send the URL exactly as given;
        `ws` and `wss` count as `http` and `https`. `Host` is signed with the URL's value; it is not among the result
        unless it is in `headers`. May wait for a credential; raises the same errors as a request.
        """
        request = self._bare_request(method, url, headers, content)
        flow = self.sync_auth_flow(request)
        next(flow)
        flow.close()
        return _without_host(request, headers)

    async def asigned_headers(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, content: bytes = b""
    ) -> dict[str, str]:
        """The async form of `signed_headers`: waits without blocking the event loop."""
        request = self._bare_request(method, url, headers, content)
        flow = self.async_auth_flow(request)
        await flow.__anext__()
        await flow.aclose()
        return _without_host(request, headers)

    def auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """The auth flow of one request, as httpx's `Auth` defines it."""
        return self.sync_auth_flow(request)

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """The auth flow of one request of a sync client."""
        steps = self._steps(request, may_block=True)
        step = _next(steps, None)
        while step is not None:
            step = _next(steps, step.wait() if isinstance(step, _Pause) else (yield step))

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """The auth flow of one request of an async client."""
        steps = self._steps(request, may_block=False)
        step = _next(steps, None)
        while step is not None:
            step = _next(steps, await step.wait_async() if isinstance(step, _Pause) else (yield step))

    def _steps(self, request: Any, *, may_block: bool) -> Generator[Any, Any, None]:
        """The whole flow, without I/O: yields pauses to get their results, and requests to get their responses.

        After a 401 the clock is corrected, at most once, and the credential replaced, at most twice: the first
        replacement's fetch may have started before the cause of the 401. A streamed upload is not sent again, because
        its body is gone; the next request benefits from its 401.
        """
        streamed = is_streamed_upload(request)
        length, digest = (0, None) if streamed else (yield _ReadBody(request))
        url = request.url
        host = url.host
        self._check_transport(url.scheme, host)
        started = time.monotonic()
        offset = self._clocks.offset(host)
        credential = self._cache.acquire(offset=offset, may_block=may_block)
        if isinstance(credential, Flight):
            credential = yield from self._wait_for(credential, started + _patience(request))
        corrected, rewritten, replacements = False, False, 0
        problem = None
        while True:
            offset = self._clocks.offset(host)
            now = self._clocks.clock() + offset
            if getattr(credential.private_key, "blocking", False):
                signing = in_thread(partial(sign_request, request, length, digest, credential, now), "oci-signature")
                yield _Wait(signing)
                request.headers, covered = signing.result()
            else:
                request.headers, covered = sign_request(request, length, digest, credential, now)
            response = yield request
            if response.status_code != 401:
                self._cache.accept(credential, host)
                if response.status_code in (403, 404):
                    log_denial(self.mode, response, self._denials)
                return
            if was_redirected(response):
                break
            if not streamed and not rewritten and (sent := url_as_sent(response)) is not None:
                request.url, rewritten = sent, True  # now sign it as aiohttp writes it
                continue
            date = response.headers.get("date")
            if not corrected and self._clocks.learn(url.scheme, host, 401, date, used=offset):
                corrected = True
                log_clock(host, self._clocks.offset(host))
                if not streamed:
                    continue
                break
            if replacements == 2:
                break
            replacements += 1
            offset = self._clocks.offset(host)
            newer = self._cache.acquire(rejected=credential, offset=offset, host=host, may_block=may_block)
            if streamed:
                break
            if isinstance(newer, Flight):
                yield _Read(response)  # otherwise it would hold its connection while we wait
                try:
                    newer = yield from self._wait_for(newer, started + _patience(request))
                except OCIAuthError as error:
                    problem = str(error)
                    break
            if newer is credential:
                break
            for name in credential.headers:  # the rejected credential's own headers
                request.headers.pop(name, None)
            credential = newer
        offset = self._clocks.offset(response.request.url.host)
        expiry = credential.expiry(offset)
        expires_in = None if expiry is None else expiry - self._clocks.clock()
        log_refusal(self._provider, response, covered, expires_in=expires_in, clock_offset=offset, problem=problem)

    def _wait_for(self, fetch: Flight, ends_at: float) -> Generator[_Pause, Any, Credential]:
        """The credential from a fetch, if it arrives in time.

        Raises a new error for each caller, because one raised in many threads would accumulate their tracebacks:
        `CredentialsUnavailableError` or `SessionExpiredError`, with its cause chained.
        """
        ends_at = min(ends_at, fetch.started_at + DEADLINE)
        if not fetch.done():
            yield _Wait(fetch, max(ends_at - time.monotonic(), 0.0))
        if fetch.done():
            return credential_from(fetch, self._provider)
        seconds = time.monotonic() - fetch.started_at
        raise CredentialsUnavailableError(
            f"No OCI credential from {describe_source(self._provider)} yet: the fetch has taken {seconds:.0f} s so far, "
            "and this request waits no longer than its own timeout. The fetch continues; a later request uses its result."
        )

    def _check_transport(self, scheme: str, host: str) -> None:
        if scheme == "https" or (
            scheme == "http" and (self._allow_insecure_http or is_loopback(host) or is_link_local(host))
        ):
            return
        raise SigningError(
            f"A request to {scheme}://{host} is not signed: signatures travel over https only, except to loopback and "
            "link-local hosts. Use https, or OCISigner(allow_insecure_http=True) on a network that you trust."
        )

    def _bare_request(self, method: str, url: str, headers: Mapping[str, str] | None, content: bytes) -> httpx.Request:
        scheme, separator, rest = url.partition("://")
        scheme = {"ws": "http", "wss": "https"}.get(scheme.lower(), scheme)
        try:
            request = httpx.Request(method, f"{scheme}{separator}{rest}", headers=dict(headers or {}), content=content)
        except (httpx.InvalidURL, TypeError, ValueError) as error:
            raise SigningError(f"This request cannot be signed: {error}") from error
        return request

    def __reduce__(self) -> Any:
        return _rebuild, (self._recipe, self._options)

    def __copy__(self) -> OCISigner:
        return self

    def __deepcopy__(self, memo: Any) -> OCISigner:
        return self  # frameworks copy their settings, and a real copy would fetch its own credential

    def __repr__(self) -> str:
        return f"<OCISigner mode={self.mode} source={describe_source(self._provider)!r}>"


def as_signer(signer: OCISigner | CredentialProvider | None) -> OCISigner:
    """The signer itself, or a new one for this provider or for `default_credentials`."""
    return signer if isinstance(signer, OCISigner) else OCISigner(signer)


def credential_from(fetch: Future[Credential], provider: CredentialProvider) -> Credential:
    """A finished fetch's credential. Raises a `CredentialsUnavailableError`, or `SessionExpiredError`."""
    error = fetch.exception()
    if error is None:
        return fetch.result()
    kind = SessionExpiredError if isinstance(error, SessionExpiredError) else CredentialsUnavailableError
    cause = unavailable_cause(error)
    likely = f"{cause} Details: " if cause is not None else ""
    raise kind(f"No valid OCI credential from {describe_source(provider)}: {likely}{error_text(error)}") from error


class _Pause:
    """Something the flow waits for, in a thread or in a task."""

    def wait(self) -> Any: ...

    async def wait_async(self) -> Any: ...


class _Wait(_Pause):
    """Waits for a future, for at most `seconds`."""

    def __init__(self, future: Future[Any], seconds: float | None = None) -> None:
        self._future, self._seconds = future, seconds

    def wait(self) -> bool:
        return wait(self._future, self._seconds)

    async def wait_async(self) -> bool:
        return await wait_async(self._future, self._seconds)


class _Read(_Pause):
    """Reads the rest of a response, which frees its connection."""

    def __init__(self, response: Any) -> None:
        self._response = response

    def wait(self) -> Any:
        return self._response.read()

    async def wait_async(self) -> Any:
        return await self._response.aread()


class _ReadBody(_Pause):
    """Reads a request's body and returns its length and digest. Large bodies are hashed off the event loop."""

    def __init__(self, request: Any) -> None:
        self._request = request

    def wait(self) -> tuple[int, bytes | None]:
        body = self._request.read()
        return len(body), content_digest(body) if self._request.method in BODY_METHODS else None

    async def wait_async(self) -> tuple[int, bytes | None]:
        body = await self._request.aread()
        if len(body) <= _LARGE_BODY or self._request.method not in BODY_METHODS:
            return self.wait()
        hashing = in_thread(partial(content_digest, body), "oci-content-digest")
        await wait_async(hashing)
        return len(body), hashing.result()


def _next(steps: Generator[Any, Any, None], result: Any) -> Any:
    """The flow's next step, or `None` at its end."""
    try:
        return steps.send(result)
    except StopIteration:
        return None
    except OCIAuthError as error:
        traceback.clear_frames(error.__traceback__)  # they hold the headers of earlier attempts
        raise


def _patience(request: Any) -> float:
    """How many seconds a request may wait for its credential."""
    longest = longest_timeout(request)
    return DEADLINE if longest is None else min(longest, DEADLINE)


def _without_host(request: httpx.Request, given: Mapping[str, str] | None) -> dict[str, str]:
    headers = dict(request.headers)
    if not any(name.lower() == "host" for name in given or ()):
        del headers["host"]
    return headers


def _rebuild(recipe: Callable[..., OCISigner], options: dict[str, Any]) -> OCISigner:
    return recipe(**options)
