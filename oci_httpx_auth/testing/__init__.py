"""A stand-in for Oracle Cloud Infrastructure, for tests and for trying things out.

```python
from oci_httpx_auth.testing import FakeOCI

with FakeOCI() as oci:
    config_file = oci.write_config(tmp_path)
    ...  # point the program under test at oci.url and config_file
    assert oci.records[-1].signed
```

As a fixture of pytest, for a suite whose clients take `oci.openai_url` and `oci.write_config(tmp_path)`:

```python
@pytest.fixture
def oci():
    with FakeOCI() as oci:
        yield oci
```

A request that went past the signer is answered 401; `oci.records[-1].reason` says how its framework is made to sign.

It verifies signatures, tokens, digests and dates by its own code, not by that of the signer.
`python -m oci_httpx_auth.testing` serves it from the command line.
"""

from __future__ import annotations

from ._fake import FakeOCI
from ._model import ToolCall
from ._verify import Principal
from ._wire import Fault, Record, Refused, Reply, Request

__all__ = ["FakeOCI", "Fault", "Principal", "Record", "Refused", "Reply", "Request", "ToolCall"]
