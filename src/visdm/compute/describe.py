"""Program `describe`: the public description of a data asset (DESIGN section 7).

Input `package`, a data package. Output `images.parquet`, a row per image, fit to be
published, and `fingerprints.json`, the sorted SHA-256 of every image's pixels, which the
provider keeps to notice images that are offered again: it is not for publication, since it
lets anybody test whether an asset holds an image that they have. The answer is the summary.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types

from visdm.compute.images import (
    QUALITY,
    SCHEMA,
    UnusableImageError,
    decode,
    fingerprint,
    measure,
    record,
)
from visdm.compute.rows import Bad, DataPackage, refuse_bad

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from visdm.compute.rows import Row

IMAGES = "images.parquet"
FINGERPRINTS = "fingerprints.json"

_STRIDE = 50
"""Images between two reports of progress."""


def run(
    settings: dict[str, Any],  # noqa: ARG001 - the programs' shape; this one takes none
    inputs: dict[str, Path],
    output: Path,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Describe a data package; raise `JobError` naming the rows that cannot be used."""
    package = DataPackage(inputs["package"])
    records: list[dict[str, Any]] = []
    prints: list[str] = []
    bad: list[Bad] = []
    for done, row in enumerate(package.rows(), start=1):
        if isinstance(row, Bad):
            bad.append(row)
        else:
            _describe_row(row, package.classes, records, prints, bad)
        if done % _STRIDE == 0 or done == package.samples:
            progress(done, package.samples)
    refuse_bad(bad, package.what)
    pq.write_table(pa.Table.from_pylist(records, schema=SCHEMA), output / IMAGES)
    (output / FINGERPRINTS).write_text(json.dumps({"sha256": sorted(set(prints))}))
    return summary(package, records, duplicates=len(prints) - len(set(prints)))


def _describe_row(
    row: Row,
    classes: tuple[str, ...],
    records: list[dict[str, Any]],
    prints: list[str],
    bad: list[Bad],
) -> None:
    try:
        image = decode(row.image)
    except UnusableImageError as error:
        bad.append(Bad(row.number, error.problem))
        return
    prints.append(fingerprint(image))
    measured = record(measure([image])[0], size=len(row.image), label=classes[row.label])
    records.append({"row": row.number, **measured})


def summary(
    package: DataPackage, records: list[dict[str, Any]], *, duplicates: int
) -> dict[str, Any]:
    """Sum up the rows; `duplicates` counts the images that an earlier row already holds."""
    counts = Counter(record["class"] for record in records)
    return {
        "name": package.name,
        "samples": len(records),
        "classes": list(package.classes),
        "class_counts": {name: counts[name] for name in package.classes},
        "width": _range(records, "width"),
        "height": _range(records, "height"),
        "modes": dict(sorted(Counter(record["mode"] for record in records).items())),
        "bytes": sum(record["bytes"] for record in records),
        "quality": {
            name: round(sum(record[name] for record in records) / len(records), 3)
            for name in QUALITY
        },
        "duplicates": duplicates,
    }


def _range(records: list[dict[str, Any]], key: str) -> list[int]:
    values = [record[key] for record in records]
    return [min(values), max(values)]
