"""One fetch from an auth service: its deadline, its retries, and what an address may be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oci_httpx_auth import ConfigError, InstancePrincipal, ResourcePrincipal
from oci_httpx_auth._auth_service.service import AuthService

from ..platforms import PREFIX
from ..standin import FakeOCI


@pytest.mark.parametrize("address", ["auth.example.com", "ftp://auth.example.com", "https://", "http://a:b"])
def test_an_invalid_address_is_a_configuration_error(
    oci: FakeOCI, become: Callable[[dict[str, str]], None], address: str
) -> None:
    """It is reported at once, and not retried as if a service were down."""
    become(oci.environment("resource_principal", version="2.1"))
    become({f"{PREFIX}RPT_ENDPOINT": address})
    with pytest.raises(ConfigError, match="is not the URL of a service"):
        ResourcePrincipal(_service=AuthService(sleep=lambda _: pytest.fail("it was tried again"))).fetch()
    with pytest.raises(ConfigError, match="is not the URL of a service"):
        InstancePrincipal(
            metadata_url=address, _service=AuthService(sleep=lambda _: pytest.fail("it was tried again"))
        ).fetch()
