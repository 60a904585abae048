"""Says which branches of the contracts no test takes; `make coverage` runs it.

    python tools/check_coverage.py LCOV

Reads what `forge coverage --report lcov` wrote and looks at contracts/src. Prints one line per
branch that is not taken and exits with 1 when there is any, or nothing to look at.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHIPPED = "contracts/src/"


def branches(lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """File, line and count of every branch: a number, or `-` where the line never ran."""
    file = ""
    for line in lines:
        record, _, rest = line.strip().partition(":")
        if record == "SF":
            file = rest
        elif record == "BRDA" and file.startswith(SHIPPED):
            at, _block, _branch, count = rest.split(",")
            yield file, at, count


def main(lcov: Path) -> int:
    """Print the branches that are not taken; the exit code says whether there are any."""
    with lcov.open(encoding="utf-8") as lines:
        found = list(branches(lines))
    missed = [(file, at) for file, at, count in found if count in {"0", "-"}]
    for file, at in missed:
        print(f"{file}:{at}: a branch is not taken by any test")
    print(f"coverage: {len(found) - len(missed)} of {len(found)} branches of {SHIPPED}")
    return 0 if found and not missed else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
