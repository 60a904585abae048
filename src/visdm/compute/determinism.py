"""The same job gives the same numbers: seeds, threads and what the report says of them.

Covered: two runs on one machine with the same versions and threads are equal to the last
bit. Not covered: other machines, other versions of torch, other thread counts; these may
round differently, which is why the report names them.
"""

from __future__ import annotations

import hashlib
import os
import random

import numpy as np
import torch


def settle(threads: int) -> None:
    """Fix the thread count, and have torch refuse what it cannot compute reproducibly.

    `torch.use_deterministic_algorithms` is the same and tells torch's compiler too, for which it
    loads it: as long a wait as for torch itself. The variable tells it when a script does so.
    """
    torch.set_num_threads(threads)
    os.environ["TORCHINDUCTOR_DETERMINISTIC"] = "1"
    torch.set_deterministic_debug_mode("error")


def derive(seed: int, *words: object) -> int:
    """Return a seed (0 to 2^32 - 1) that is a function of `seed` and `words` alone."""
    text = "/".join(str(word) for word in (seed, *words))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def sow(seed: int) -> None:
    """Seed every generator that a script may draw from."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the old global generator is what scripts use
