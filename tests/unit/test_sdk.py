"""The names that programs rely on: a change here is a change of the public interface."""

from __future__ import annotations

import subprocess
import sys

import pytest

import visdm

NAMES = {
    *("Asset", "Ballot", "ComputeProvider", "Consumer", "Criteria", "Job", "Metadata"),
    *("Outcome", "Provider", "Report", "Supplier", "Terms", "VisdmError", "World"),
    *("__version__", "open_world"),
}


def test_the_public_names_are_these() -> None:
    assert set(visdm.__all__) == NAMES
    assert all(getattr(visdm, name) is not None for name in NAMES)


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        visdm.nonsense  # noqa: B018  # looking is the test


@pytest.mark.parametrize("heavy", ["torch", "web3", "pyarrow", "PIL"])
def test_importing_the_package_loads_nothing_heavy(heavy: str) -> None:
    script = f"import sys, visdm; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("role", ["supplier", "consumer"])
def test_suppliers_and_consumers_need_no_torch(role: str) -> None:
    """The light core: `pip install visdm` draws no torch, and must not import it."""
    script = f"import sys, visdm.services.{role}, visdm.wiring; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
