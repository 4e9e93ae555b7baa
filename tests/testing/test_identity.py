"""Who may call: API keys and sessions, as tests register them."""

from __future__ import annotations

import pytest

from ..standin import FakeOCI


@pytest.mark.generates_keys
def test_every_profile_of_the_stand_in_has_a_key_of_its_own(oci: FakeOCI) -> None:
    """Two API keys of one user have two fingerprints, and key ids that end with them."""
    first, second = oci.add_api_key(), oci.add_api_key()
    assert first.key_id != second.key_id
