"""RSA keys generated for a session."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from oci_httpx_auth.credentials._keys import generate_private_key, public_key_der

from ..conftest import KeyPool
from ..standin import FakeOCI


@pytest.mark.generates_keys
def test_a_session_key_is_new_and_of_2048_bits() -> None:
    """With the usual public exponent; no two are alike."""
    first, second = generate_private_key(), generate_private_key()
    assert first.key_size == second.key_size == 2048
    assert first.public_key().public_numbers().e == 65537
    assert public_key_der(first) != public_key_der(second)


@pytest.mark.generates_keys
def test_every_profile_of_the_stand_in_has_a_key_of_its_own(oci: FakeOCI) -> None:
    """Two API keys of one user have two fingerprints, and key ids that end with them."""
    first, second = oci.add_api_key(), oci.add_api_key()
    assert first.key_id != second.key_id


def test_the_pool_hands_out_no_key_twice_within_a_test() -> None:
    """Between tests it reuses them, the longest unused one first."""
    pool = KeyPool()
    first = [pool.generate(public_exponent=65537, key_size=2048) for _ in range(40)]
    assert len({id(key) for key in first}) == 40
    pool.start_test()
    second = [pool.generate(public_exponent=65537, key_size=2048) for _ in range(41)]
    assert second[:40] == first
    assert second[40] not in first


def test_the_pool_leaves_other_keys_alone() -> None:
    """A key of another size is really generated."""
    assert KeyPool().generate(public_exponent=65537, key_size=1024).key_size == 1024
    assert rsa.generate_private_key(public_exponent=3, key_size=1024).public_key().public_numbers().e == 3
