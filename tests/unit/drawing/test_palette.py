"""The page's colours, measured: contrast (WCAG 2.1), and colour-blind eyes (Machado 2009)."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest

EYES = {
    "full colour": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
"""What full colour-blindness of each kind makes of linear RGB."""

TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
WHITE = np.array([0.9505, 1.0, 1.089])
FAMILIAR = 5
"""Suppliers of a demo that was not asked for more."""


def themes() -> dict[str, dict[str, np.ndarray]]:
    sheet = files("visdm.drawing").joinpath("page.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)
    found = [dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6})", block)) for block in blocks]
    return {
        name: {key: linear(code) for key, code in colours.items()}
        for name, colours in zip(("light", "dark", "print"), found, strict=True)
    }


def linear(code: str) -> np.ndarray:
    digits = code[1:] if len(code) == 7 else "".join(2 * digit for digit in code[1:])
    part = np.array([int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)])
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    light, dark = sorted((float(TO_XYZ[1] @ one), float(TO_XYZ[1] @ other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(colour: np.ndarray) -> np.ndarray:
    part = np.clip(TO_XYZ @ colour, 0, None) / WHITE
    x, y, z = np.where(part > 0.008856, np.cbrt(part), 7.787 * part + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_marks_and_text_stand_out_from_the_card(theme: str) -> None:
    colours = themes()[theme]
    for key in (f"c{k}" for k in range(8)):
        assert contrast(colours[key], colours["card"]) >= 3, key
    for key in ("ink", "soft", "good", "bad"):
        assert contrast(colours[key], colours["card"]) >= 4.5, key


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_suppliers_colours_differ_to_every_eye(theme: str, eye: str) -> None:
    seen = [lab(np.array(EYES[eye]) @ themes()[theme][f"c{k}"]) for k in range(8)]
    for one, other in combinations(range(8), 2):
        least = 18 if other < FAMILIAR else 10
        assert np.linalg.norm(seen[one] - seen[other]) >= least, (one, other)
