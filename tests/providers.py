"""Sources of credentials that tests steer."""

from __future__ import annotations

import threading

from oci_httpx_auth import Credential

from .standin import FakeOCI


class Sessions:
    """A provider whose every fetch is a session of its own, and takes as long as the test wants."""

    mode, source = "security_token", "the test"

    def __init__(self, oci: FakeOCI) -> None:
        self.oci, self.fetches = oci, 0
        self.started, self.gate = threading.Event(), threading.Event()
        self.gate.set()

    def fetch(self) -> Credential:
        self.fetches += 1
        self.started.set()
        assert self.gate.wait(30)
        session = self.oci.add_session()
        return Credential(session.key_id, session.private_key, expires_at=session.expires_at)
