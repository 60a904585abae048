"""A dataset's description as Croissant, the JSON-LD that dataset search engines read.

Format: Croissant 1.1 (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html) over
schema.org's Dataset. What is described is the metadata: the images themselves are nowhere in
it, so its only file is the table of what was measured of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from visdm.domain.columns import Column

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
PARQUET = "application/x-parquet"
TABLE = "images.parquet"
"""The name of the per-image table, in the document and beside it."""

VERSION = "1.0.0"
MAX_LISTED = 1_000
"""Classes that a document counts one by one."""

_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification gives, word for word: readers warn of any other."""


@dataclass(frozen=True)
class Table:
    """The per-image table: where it is (a URL, or a path beside the document), and its bytes."""

    url: str
    sha256: str
    size: int
    columns: Sequence[Column]


@dataclass(frozen=True)
class About:
    """What only the owner of a dataset can say of it; what is '' or None is left out."""

    license: str = ""
    creator: str = ""
    published: date | None = None
    url: str = ""
    cite_as: str = ""


def document(
    summary: Mapping[str, Any], *, name: str, table: Table | None, about: About
) -> dict[str, Any]:
    """Return the document of a dataset with this summary (`visdm.compute.summary`), as JSON.

    Without a `table` it says only what is true of the images together. The same arguments give
    the same document.
    """
    said = {
        "@context": dict(_CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": name,
        "description": describe(summary),
        "version": VERSION,
        "license": about.license,
        "creator": {"@type": "sc:Organization", "name": about.creator} if about.creator else "",
        "datePublished": about.published.isoformat() if about.published else "",
        "url": about.url,
        "citeAs": about.cite_as or f"{name}: metadata of images, measured by ViSDM",
        "keywords": ["images", "metadata", "ViSDM"],
        "variableMeasured": list(_measured(summary)),
        "distribution": [_file(table)] if table else [],
        "recordSet": [_records(table)] if table else [],
    }
    return {key: value for key, value in said.items() if value not in ("", [])}


def describe(summary: Mapping[str, Any]) -> str:
    """Say in a sentence or two what the images are, from the summary alone."""
    classes = len(summary.get("classes", ()))
    told = [f"Measured metadata of {_counted(summary['samples'], 'image')}"]
    if classes:
        told.append(f" of {_counted(classes, 'class', 'classes')}")
    if "width" in summary and "height" in summary:
        wide, high = summary["width"], summary["height"]
        told.append(f", {wide[0]}x{high[0]} to {wide[1]}x{high[1]} pixels at the most")
    told.append(". The images themselves are not part of it.")
    if quality := summary.get("quality"):
        means = ", ".join(f"{measure} {found['mean']:g}" for measure, found in quality.items())
        told.append(f" Means: {means}.")
    if repeated := summary.get("near_duplicates"):
        told.append(f" {_counted(repeated, 'image')} nearly repeat another.")
    return "".join(told)


def _measured(summary: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield what is true of all images as schema.org's PropertyValue."""
    counts = summary.get("class_counts", {})
    for label in list(counts)[:MAX_LISTED]:
        yield _property(
            f"images of class {label}" if label else "images without a class", counts[label]
        )
    for measure, found in summary.get("quality", {}).items():
        deciles = found.get("deciles")
        least = {"minValue": deciles[0], "maxValue": deciles[-1]} if deciles else {}
        yield {**_property(f"mean {measure}", found["mean"]), **least}
    for key, text in (
        ("duplicates", "exact repeats of another image"),
        ("near_duplicates", "near-duplicates of another image"),
    ):
        if key in summary:
            yield _property(text, summary[key])


def _property(name: str, value: float) -> dict[str, Any]:
    return {"@type": "sc:PropertyValue", "name": name, "value": value}


def _file(table: Table) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": TABLE,
        "name": TABLE,
        "description": "A row per image: what was measured of it.",
        "contentUrl": table.url,
        "contentSize": f"{table.size} B",
        "encodingFormat": PARQUET,
        "sha256": table.sha256,
    }


def _records(table: Table) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "images",
        "name": "images",
        "description": "The images, in the order of their source.",
        "key": {"@id": f"images/{table.columns[0].name}"},
        "field": [_field(column) for column in table.columns],
    }


def _field(column: Column) -> dict[str, Any]:
    array = {"isArray": True, "arrayShape": str(column.length)} if column.length else {}
    return {
        "@type": "cr:Field",
        "@id": f"images/{column.name}",
        "name": column.name,
        "description": f"{column.meaning} ({column.unit})" if column.unit else column.meaning,
        "dataType": column.kind,
        **array,
        "source": {"fileObject": {"@id": TABLE}, "extract": {"column": column.name}},
    }


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
