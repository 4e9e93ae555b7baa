"""OKE workload identity: the pod's token and authority, and the cluster's proxy."""

from __future__ import annotations

from typing import Any

import pytest

from oci_httpx_auth import ConfigError, CredentialsUnavailableError, OCIAuthError, OKEWorkloadIdentity

from ..platforms import Platform
from ..standin import FakeOCI


def test_a_rotated_service_account_token_is_read_again(platform: Platform) -> None:
    """The kubelet replaces the file; each exchange presents what it holds."""
    provider = platform.become("oke_workload_identity")
    provider.fetch()
    (platform.directory / "token").write_text(platform.oci.service_account_token() + "\n")
    provider.fetch()
    first, second = (record.header("authorization") for record in platform.oci.records)
    assert first != second


def test_an_expired_service_account_token_is_named(platform: Platform) -> None:
    """When the proxy has refused it: it might have been our clock that is wrong."""
    provider = platform.become("oke_workload_identity")
    platform.clock.now += 4000
    with pytest.raises(CredentialsUnavailableError, match=r"token in .*/token has expired"):
        provider.fetch()
    assert [record.status for record in platform.oci.records] == [401]


def test_a_basic_cluster_is_explained(platform: Platform) -> None:
    """A 403 says what the cluster lacks."""
    platform.oci.enhanced_cluster = False
    provider = platform.become("oke_workload_identity")
    with pytest.raises(CredentialsUnavailableError, match="enhanced cluster"):
        provider.fetch()
    assert len(platform.oci.records) == 1


def test_the_proxy_is_verified_against_the_clusters_authority_alone(platform: Platform) -> None:
    """Another cluster's proxy gets no service account token."""
    provider = platform.become("oke_workload_identity")
    with FakeOCI() as stranger:
        (platform.directory / "ca.crt").write_bytes(stranger.ca_pem)
        with pytest.raises(OCIAuthError, match="CERTIFICATE_VERIFY_FAILED"):
            provider.fetch()
    assert not platform.oci.records


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.monkeypatch.delenv("KUBERNETES_SERVICE_HOST"), "KUBERNETES_SERVICE_HOST is not set"),
        (lambda p: (p.directory / "token").unlink(), "service account token does not exist"),
        (lambda p: (p.directory / "token").write_text("a b"), "is not a token"),
        (lambda p: (p.directory / "ca.crt").unlink(), "CA file does not exist"),
        (lambda p: (p.directory / "ca.crt").write_text("nonsense"), "CA file holds no certificate"),
    ],
)
def test_what_the_pod_lacks_is_named(platform: Platform, change: Any, message: str) -> None:
    """Found when the provider is made."""
    platform.become("oke_workload_identity")
    change(platform)
    with pytest.raises(ConfigError, match=message):
        OKEWorkloadIdentity()


def test_an_ipv6_host_gets_its_brackets(platform: Platform) -> None:
    """Kubernetes gives the bare address."""
    platform.become("oke_workload_identity")
    assert OKEWorkloadIdentity(host="fd00::1")._url.startswith("https://[fd00::1]:12250/")
