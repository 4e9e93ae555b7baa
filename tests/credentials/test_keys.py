"""RSA keys generated for a session."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa

from oci_httpx_auth import InvalidKeyError
from oci_httpx_auth.credentials._keys import generate_private_key, load_private_key, public_key_der

from ..conftest import Key
from ..world import World, private_pem


@pytest.mark.generates_keys
def test_a_session_key_is_new_and_of_2048_bits() -> None:
    """With the usual public exponent; no two are alike."""
    first, second = generate_private_key(), generate_private_key()
    assert first.key_size == second.key_size == 2048
    assert first.public_key().public_numbers().e == 65537
    assert public_key_der(first) != public_key_der(second)


def test_a_dsa_key_is_not_an_rsa_key(tmp_path: Path, key: Key, other_key: Key) -> None:
    """Old DSA keys load as PEM, and the refusal says what they are."""
    world = World(tmp_path, key, other_key)
    with pytest.raises(InvalidKeyError, match="not an RSA key"):
        world.keyed(private_pem(dsa.generate_private_key(2048)))


def test_an_empty_key_is_distinguished_from_a_damaged_one(key: Key) -> None:
    """So is a key whose numbers don't match from one that cannot be read."""
    with pytest.raises(InvalidKeyError, match="is empty"):
        load_private_key(" \n", None, "The key")
    lines = key.pem(pkcs1=True).splitlines()
    lines[3] = lines[3][:20] + ("A" if lines[3][20] != "A" else "B") + lines[3][21:]
    with pytest.raises(InvalidKeyError, match="damaged"):
        load_private_key("\n".join(lines), None, "The key")
