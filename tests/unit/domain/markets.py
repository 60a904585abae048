"""Markets of a few assets, and criteria, for the tests of sampling."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from visdm.domain.assets import NO_RESERVE, Asset, Kind, Provider, State
from visdm.domain.candidates import Candidate, Criteria
from visdm.domain.metadata import Metadata
from visdm.domain.ranks import RANKS
from visdm.domain.rounds import MAX_ASSETS
from visdm.domain.summaries import PROJECTED
from visdm.domain.traits import Centre, Traits

PROVIDERS = {1: Provider(1, "0xa", "EU", 10), 2: Provider(2, "0xb", "US", 20)}
OF_ASSET = ("kind", "state")


def candidate(
    number: int,
    counts: dict[str, int],
    *,
    provider: int = 1,
    reserve: int = 0,
    copies: dict[int, int] | None = None,
    duplicates: int = 0,
    traits: Traits | None = None,
    **changes: Any,  # noqa: ANN401  # fields of asset and candidate
) -> Candidate:
    of_asset = {name: changes.pop(name) for name in OF_ASSET if name in changes}
    samples = sum(counts.values())
    asset = Asset(
        **{
            "asset": number,
            "kind": Kind.DATA,
            "state": State.DESCRIBED,
            "owner": "0x",
            "provider": provider,
            "samples": samples,
            "reserve": reserve,
            "package": "",
            "grants": "",
            "metadata": f"cid-{number}",
            **of_asset,
        }
    )
    metadata = Metadata(
        asset=number,
        kind=Kind.DATA,
        name="",
        samples=samples,
        classes=tuple(counts),
        summary={"class_counts": counts, "duplicates": duplicates},
        copies=copies or {},
    )
    told = traits or Traits(class_counts=counts)
    return Candidate(asset, metadata, PROVIDERS[provider], told, **changes)


def centred(number: int, place: float) -> Candidate:
    """Return an asset of one class whose images lie about one place."""
    centre = Centre("cat", 100, (place,) * PROJECTED)
    return candidate(
        number, {"cat": 100}, traits=Traits(class_counts={"cat": 100}, centres=(centre,))
    )


def _counts() -> st.SearchStrategy[dict[str, int]]:
    return st.dictionaries(st.sampled_from("abc"), st.integers(1, 99), min_size=1)


@st.composite
def _traits(draw: Any, counts: dict[str, int]) -> Traits:  # noqa: ANN401  # hypothesis's own
    measures = {name: draw(st.floats(0, 100)) for name in ("contrast", "entropy", "sharpness")}
    noise = draw(st.floats(0, 20))
    centres = tuple(
        Centre(label, number, (draw(st.floats(-50, 50)),) * PROJECTED)
        for label, number in sorted(counts.items())
    )
    return Traits(
        class_counts=counts,
        quality={**measures, "noise": noise},
        power=noise**2,
        centres=centres,
        distance=draw(st.none() | st.floats(0, 100)),
    )


@st.composite
def candidates(draw: Any, most: int = 7) -> list[Candidate]:  # noqa: ANN401  # as above
    found = []
    for number in range(1, draw(st.integers(1, most)) + 1):
        counts = draw(_counts())
        samples = sum(counts.values())
        earned = draw(st.integers(0, 1_000))
        found.append(
            candidate(
                number,
                counts,
                provider=draw(st.integers(1, 2)),
                reserve=draw(st.sampled_from([0, 1, 50, 100, NO_RESERVE])),
                copies={1: draw(st.integers(1, samples))}
                if number > 1 and draw(st.booleans())
                else {},
                traits=draw(_traits(counts)),
                earned=earned,
                jobs=draw(st.integers(1, 9)) if earned else 0,
                owner_earned=earned,
            )
        )
    return found


def criteria() -> st.SearchStrategy[Criteria]:
    return st.builds(
        Criteria,
        provider=st.integers(0, 2),
        classes=st.sampled_from([(), ("a",), ("a", "b")]),
        min_samples=st.integers(1, 50),
        copied=st.sampled_from([0.5, 1.0]),
        ranks=st.dictionaries(st.sampled_from(RANKS), st.floats(0.1, 5), min_size=1),
        budget=st.none() | st.integers(0, 40_000),
        at=st.none() | st.integers(1, 120),
        samples=st.none() | st.integers(1, 300),
        most=st.sampled_from([1, 2, MAX_ASSETS]),
    )
