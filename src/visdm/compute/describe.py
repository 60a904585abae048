"""Program `describe`: the public description of a data asset (DESIGN section 7).

Input `package`, a data package; settings `workers`, the processes that measure (1), `assets`,
by id the `samples` and `classes` of each earlier asset with a table, as registered, and `seconds`,
in which these are read. Of earlier assets, inputs `table-<id>` are the public tables and
`prints-<id>` what their provider kept (`visdm.compute.copies`). The answer is the summary, with
the package's `disclosure`; `copies`, how many images earlier assets have, by id; and `uncompared`,
the ids of those whose tables do not count (`visdm.compute.acceptance`). Output:

- `images.parquet`, a row per image, fit to be published where the owner discloses all (what
  it gives away is bounded in docs/threat-model.md). For an owner who discloses aggregates
  alone it is not written at all;
- `prints.parquet`, which the provider keeps to notice images that are offered again, and
  which is not for publication, since it lets anybody test whether an asset holds an image
  that they have.
"""

from __future__ import annotations

from contextlib import ExitStack
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types

from visdm.compute.copies import find, gather, write_prints
from visdm.compute.duplicates import Hashes, within
from visdm.compute.images import SCHEMA
from visdm.compute.looks import hashes_of
from visdm.compute.pools import open_pool
from visdm.compute.portions import measured, portions
from visdm.compute.rows import Bad, DataPackage, refuse_bad
from visdm.compute.summary import Summing
from visdm.domain.packages import Disclosure
from visdm.domain.tables import Registered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from visdm.compute.portions import Measured

IMAGES = "images.parquet"
PRINTS = "prints.parquet"

GROUP_ROWS = 1024
"""A row group ends with the portion that reaches as many rows."""


def run(
    settings: dict[str, Any],
    inputs: dict[str, Path],
    output: Path,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Describe a data package; raise `JobError` naming the rows that cannot be used.

    Memory grows by some two hundred bytes an image, for sums and prints, and by a hundred for each
    image of earlier assets.
    """
    package = DataPackage(inputs["package"])
    seen, bad = 0, list[Bad]()
    with ExitStack() as stack:
        pool = stack.enter_context(open_pool(settings.get("workers", 1)))
        taken = _Taken(package, output, stack)
        for portion in pool.map(measured, portions(package.rows(), package.classes)):
            seen += portion.seen
            bad += portion.bad
            if not bad:
                taken.add(portion)
            progress(seen, package.samples)
        if not bad:
            taken.flush()
    if bad:
        (output / IMAGES).unlink(missing_ok=True)
    refuse_bad(bad, package.what)
    return {**taken.summary(), **taken.compare(inputs, settings)}


class _Taken:
    """What is kept of the images as they pass by: sums, prints, and a table's last rows."""

    def __init__(self, package: DataPackage, output: Path, stack: ExitStack) -> None:
        self._package = package
        self._aggregate = package.disclosure is Disclosure.AGGREGATE
        self._summing = Summing(package.classes)
        self._output = output
        self._prints: list[bytes] = []
        self._hashes: list[Hashes] = []
        self._waiting: list[Any] = []
        self._writer = None
        if not self._aggregate:
            writer = pq.ParquetWriter(output / IMAGES, SCHEMA, compression="zstd")
            self._writer = stack.enter_context(writer)

    def add(self, portion: Measured) -> None:
        """Take in a portion without faults."""
        rows = portion.rows
        self._summing.add(rows)
        self._prints += map(bytes.fromhex, portion.prints)
        self._hashes.append(hashes_of(rows))
        if self._writer is not None:
            self._waiting.append(rows)
            if sum(each.num_rows for each in self._waiting) >= GROUP_ROWS:
                self.flush()

    def flush(self) -> None:
        """Write the rows that wait, as a row group."""
        if self._writer is not None and self._waiting:
            table = pa.Table.from_batches(self._waiting, schema=SCHEMA)
            self._writer.write_table(table, row_group_size=table.num_rows)
        self._waiting = []

    def compare(self, inputs: Mapping[str, Path], settings: Mapping[str, Any]) -> dict[str, Any]:
        """Compare with itself and with earlier assets; write the prints; return what is public."""
        hashes, digests = Hashes.joined(self._hashes), np.array(self._prints, "S32")
        told = settings.get("assets", {})
        registered = {int(asset): Registered.of(said) for asset, said in told.items()}
        known, unread = gather(inputs, registered, settings.get("seconds", inf))
        found = find(hashes, digests, known)
        write_prints(self._output / PRINTS, digests, hashes if self._aggregate else None)
        ids = {one.asset for one in known}
        return {
            "near_duplicates": int((within(hashes) >= 0).sum()),
            "copies": found.counts(
                ids if self._aggregate else {k.asset for k in known if k.sealed}
            ),
            "uncompared": unread,
        }

    def summary(self) -> dict[str, Any]:
        """Return the answer."""
        disclosure = self._package.disclosure
        repeated = self._summing.samples - len(set(self._prints))
        summary = self._summing.summary(
            name=self._package.name, duplicates=repeated, disclosure=disclosure
        )
        return {**summary, "disclosure": disclosure.value}
