"""A page: one self-contained HTML document.

It loads nothing and lets nothing in: its policy names the hash of its one style sheet, and of
its one script where it has one. Every text goes through `markup.tag`, which escapes it.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from visdm.drawing.markup import Markup, tag


def document(
    title: str,
    *body: Markup,
    rules: str = "",
    generator: str | None = None,
    script: str = "",
) -> str:
    """Return a page with `body`; the same parts give the same text.

    `rules` are style rules of its own, after those that all pages have; `generator` is the
    program that its head names; `script`, ours, runs once the body is there.
    """
    style = Markup("\n" + files("visdm.drawing").joinpath("page.css").read_text("utf-8") + rules)
    runs = f"script-src {_hash(script)}; " if script else ""
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; {runs}base-uri 'none'; form-action 'none'"
    )
    named = [tag("meta", name="generator", content=generator)] if generator else []
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        *named,
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", style),
    )
    last = [tag("script", Markup(script))] if script else []
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', *body, *last), lang='en')}\n"


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
