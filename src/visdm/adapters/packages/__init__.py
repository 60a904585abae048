"""Packages as files on this machine: `visdm.ports.Packages` with Parquet, Pillow and tar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visdm.adapters.packages import data, gathered, model, opened
from visdm.domain.packages import Disclosure
from visdm.ports import silent

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from visdm.adapters.packages.source import Source
    from visdm.domain.packages import DataSummary, ModelSummary
    from visdm.ports import Progress, Writer

__all__ = ["FilePackages"]


class FilePackages:
    """Builds packages from the owner's files and looks into opened ones."""

    def build_data(
        self,
        source: Path,
        sink: Writer,
        *,
        name: str,
        keep_exif: bool = False,
        flat: bool = False,
        disclosure: Disclosure = Disclosure.FULL,
        progress: Progress = silent,
    ) -> DataSummary:
        """Pour a data package of the images in `source` into `sink`.

        `source` is a folder with one folder per class (or, where `flat`, with images of no
        class), a `.csv` file with a header that names
        a path column (`path`, `file_name`, `image` or `filename`) and a `label` or `class`, or
        a `.parquet` file as `datasets` writes them. Images stay as they are byte for byte, but
        for their personal metadata (`visdm.adapters.packages.privacy`), which is left out
        unless `keep_exif`. `disclosure` goes into the package, for whoever describes it.
        Nothing is written past the first fault: what the sink holds after an error is worth
        nothing.

        Raises `FolderError`, `ImageError`, `InputError` for the name, `OutputError` when the
        sink raises `OSError`, and whatever else it raises.
        """
        return data.build(
            source,
            sink,
            name=name,
            keep_exif=keep_exif,
            disclosure=disclosure,
            flat=flat,
            progress=progress,
        )

    def build_model(self, folder: Path, target: Path) -> ModelSummary:
        """Pack a model folder; raises `FolderError`, `ModelError` or `OutputError`."""
        return model.build(folder, target)

    def inspect_data(self, package: Path) -> DataSummary:
        """Read and check a data package; raises `ImageError` or `FolderError`."""
        return opened.inspect(package)

    def inspect_model(self, package: Path) -> ModelSummary:
        """Read and check a model package; raises `ModelError`."""
        return model.inspect(package)

    def images(self, source: Path, *, without: Path) -> AbstractContextManager[Source]:
        """Look into images that are to be described, not packed.

        A folder may be flat or of any depth, and what cannot be used in it is named, not refused;
        a file is as for `build_data`. The folder `without` is not looked into.

        Raises `FolderError`.
        """
        if source.is_dir():
            return gathered.opened(source, without)
        return data.opened(source)
