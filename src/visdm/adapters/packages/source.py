"""What a data package is made from: anything that yields labelled images one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Sample(NamedTuple):
    """A labelled image: `name` is what messages call it, `label` counts the source's classes.

    Where `problem` says something, it could not be had, and `label` and `content` mean nothing.
    `path` is where it lies, fit for one line: under the source's folder, or `FILE#ROW` of a table.
    """

    name: str
    label: int
    content: bytes
    problem: str = ""
    path: str = ""


class Source(Protocol):
    """Labelled images in an order that is always the same, however many they are."""

    @property
    def classes(self) -> Sequence[str]:
        """The names of the classes, each of which has a sample."""
        ...

    @property
    def total(self) -> int:
        """How many samples there are, for progress."""
        ...

    @property
    def bad(self) -> Sequence[tuple[str, str]]:
        """(name, problem) of what was found not to belong before any image was read."""
        ...

    @property
    def ignored(self) -> int:
        """How many files are no images by their names; 0 where such a file is a fault."""
        ...

    def samples(self) -> Iterator[Sample]:
        """Yield the samples; no more than one image is held at a time, or one small batch."""
        ...
