"""Fuzzes the readers of grants: `python -m fuzz.fuzz_grants CORPUS [libFuzzer's options]`.

An input is read as a bundle and as an opened grant. It is refused with `VaultError`, or read to
be written again; a grant is read for its own package and recipient only.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["visdm", "json"]):
    from visdm.domain.grants import Grant, bundle, unbundle

from fuzz.seeds import GRANT
from visdm.errors import VaultError


def test_one_input(data: bytes) -> None:
    """Hold the readers to their promises with one input."""
    try:
        sealed = unbundle(data, package=GRANT.package)
    except VaultError:
        pass
    else:
        if unbundle(bundle(sealed), package=GRANT.package) != sealed:
            raise AssertionError("a bundle is written as another")
    try:
        grant = Grant.from_bytes(data, package=GRANT.package, recipient=GRANT.recipient)
    except VaultError:
        return
    if (grant.package, grant.recipient) != (GRANT.package, GRANT.recipient):
        raise AssertionError("a grant of something else was read")
    if not all(isinstance(field, str) for field in vars(grant).values()):
        raise AssertionError("a grant holds something that is no text")


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
