"""An `OCISigner` for `requests`, LiteLLM, and everything else that accepts a signer of the OCI SDK."""

from __future__ import annotations

from typing import Any

from ._credential import CredentialProvider
from ._errors import SigningError
from ._signer import OCISigner, as_signer


class RequestSigner:
    """Signs the requests of `requests` and of LiteLLM, in every auth mode, without the OCI SDK.

    `requests.get(url, auth=RequestSigner(OCISigner()))`, and `litellm.completion(…, oci_signer=RequestSigner(OCISigner()))`.

    The credential is renewed before it expires. A 401 is left to the caller, because neither library calls its signer
    again. Raises `SigningError` for a streamed body, and whatever `OCISigner` raises for a request.
    """

    def __init__(self, signer: OCISigner | CredentialProvider | None = None) -> None:
        self.signer: OCISigner = as_signer(signer)

    def __call__(self, request: Any) -> Any:
        """Sign a prepared request, and return it."""
        body = request.body if request.body is not None else b""
        if isinstance(body, str):
            body = body.encode()
        if not isinstance(body, (bytes, bytearray)):
            raise SigningError("A streamed body cannot be signed here. Pass the body as bytes, or use httpx.")
        request.headers.update(self.signer.signed_headers(request.method, request.url, request.headers, bytes(body)))
        if not any(name.lower() == "accept-encoding" for name in request.headers):
            # LiteLLM sends these headers by httpx, which asks for zstd, and breaks off after the first event of a stream.
            request.headers["accept-encoding"] = "gzip, deflate"
        return request

    def do_request_sign(self, request: Any, enforce_content_headers: bool = True) -> Any:  # noqa: ARG002
        """The method that signers of the OCI SDK have. The signature always covers the body."""
        return self(request)

    def __repr__(self) -> str:
        return f"<RequestSigner of {self.signer!r}>"
