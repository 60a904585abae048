"""Running a provider on this machine: its threads, its only instance, and who is left of it."""

from visdm.adapters.running.leftovers import end_children, end_leftovers
from visdm.adapters.running.place import Place, machine
from visdm.adapters.running.shared import one_at_a_time
from visdm.adapters.running.threads import Threads
from visdm.adapters.running.watched import Watched

__all__ = [
    "Place",
    "Threads",
    "Watched",
    "end_children",
    "end_leftovers",
    "machine",
    "one_at_a_time",
]
