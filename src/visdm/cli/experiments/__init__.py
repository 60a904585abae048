"""`visdm experiment`: the paper's tables and figures, measured again, one file each."""

from __future__ import annotations

import click

from visdm.cli.experiments.duplicates import duplicating
from visdm.cli.experiments.figure2 import experiment_figure2
from visdm.cli.experiments.gas import experiment_gas
from visdm.cli.experiments.growth import experiment_growth
from visdm.cli.experiments.latency import experiment_latency
from visdm.cli.experiments.metadata import metadata
from visdm.cli.experiments.rebuild import rebuilding
from visdm.cli.experiments.sampling import sampling
from visdm.cli.experiments.storage import experiment_storage
from visdm.cli.experiments.throughput import measuring


@click.group()
def experiment() -> None:
    """Measure one of the paper's tables or figures again."""


for _command in (
    experiment_figure2,
    experiment_gas,
    experiment_latency,
    experiment_storage,
    metadata,
):
    experiment.add_command(_command)

for _part in (duplicating, experiment_growth, measuring, rebuilding, sampling):
    metadata.add_command(_part)
