"""Kubo's RPC API: commands run, errors told apart.

Source: docs.ipfs.tech/reference/kubo/rpc, and where that is silent the sources it is made from
(github.com/ipfs/go-ipfs-cmds, http; github.com/ipfs/kubo, core/commands). Every command is a POST
to /api/v0. An error before the answer begins is status 500 and {"Message", "Code", "Type"}; one
after that is in a trailer, which HTTP clients seldom pass on, ours neither. So a command counts as
done only when a line of its answer says so.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from visdm.adapters.blocks.http import OK, AgainError, Patience, Request, Server, ServerError, plain

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator, Mapping

    from visdm.adapters.blocks.cid import Cid
    from visdm.adapters.blocks.http import Answer

T = TypeVar("T")

HINT = "is the daemon running (ipfs daemon), and is the URL that of its RPC API?"

_NO_KUBO = "name the RPC API, as a rule port 5001; 8080 is a node's gateway"

_WORDS = 1 << 16
"""Bytes of an answer that is no list and no block."""

# Messages of Kubo, new ones first. Of all others we cannot tell whether they pass.
_MISSING = ("ipld: could not find", "block was not found", "merkledag: not found", "key not found")
_LATE = ("context deadline exceeded",)
_UNPINNED = ("not pinned",)


class SaidError(ServerError):
    """The node said what it cannot do, and would say so again."""

    def __init__(self, said: str) -> None:
        super().__init__(f"says: {plain(said)}")
        self.is_missing = _any_in(said, _MISSING)
        self.is_late = _any_in(said, _LATE)
        self.is_unpinned = _any_in(said, _UNPINNED)


class Rpc:
    """The RPC API at `url`. Raises `InputError` where that is none."""

    def __init__(self, url: str, patience: Patience) -> None:
        self._server = Server(url, patience)
        self.name = self._server.name

    def call(
        self,
        command: str,
        cid: Cid | None,
        take: Callable[[Answer], T],
        options: Mapping[str, str],
        *,
        seconds: float = 0.0,
        tells: bool = False,
        upload: io.BytesIO | None = None,
    ) -> T:
        """Return what `take` makes of the answer to a command, which may take `seconds`.

        Raises `SaidError` where the node knows better, `ServerError` for all else.
        """
        arguments = dict(options)
        if cid:
            arguments["arg"] = str(cid)
        if seconds:
            arguments["timeout"] = f"{seconds:.3f}s"

        def judged(answer: Answer) -> T:
            if answer.status == OK and not answer.is_page:
                return take(answer)
            raise _fault(answer)

        path = f"/api/v0/{command}"
        request = Request("POST", path, arguments, upload=upload, thinks=seconds, tells=tells)
        return self._server.ask(request, judged)


def _fault(answer: Answer) -> ServerError:
    match answer.status:
        case 500:
            said = _message(answer)
            if _any_in(said, (*_MISSING, *_LATE, *_UNPINNED)):
                return SaidError(said)
            return AgainError(f"says: {plain(said)}") if said else answer.fault()
        case 400:
            return ServerError(f"does not understand: {plain(_text(answer))}", hint=_NO_KUBO)
        case 200 | 404 | 405:
            return no_kubo(f"it answers with {'a page' if answer.is_page else answer.status}")
    return answer.fault()


def no_kubo(why: str) -> ServerError:
    """Return what to say of a server that does not answer as Kubo does."""
    return ServerError(f"is not the RPC API of an IPFS node: {why}", hint=_NO_KUBO)


def _text(answer: Answer) -> str:
    return answer.read(_WORDS).decode(errors="replace")


def _message(answer: Answer) -> str:
    """Return the message of an error of Kubo's; '' for other people's errors."""
    try:
        match json.loads(_text(answer)):
            case {"Message": str(said)}:
                return said
    except (ValueError, RecursionError):
        pass
    return ""


def lines(answer: Answer, most: int) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of an answer of at most `most` bytes, one a line."""
    for line in answer.lines(most):
        try:
            each = json.loads(line)
        except (ValueError, RecursionError):
            each = None
        if not isinstance(each, dict):
            raise no_kubo("its answer is not made of JSON objects")
        yield each


def objects(answer: Answer) -> list[dict[str, Any]]:
    """Return the objects of a short answer."""
    return list(lines(answer, _WORDS))


def _any_in(text: str, phrases: tuple[str, ...]) -> bool:
    return any(phrase in text for phrase in phrases)
