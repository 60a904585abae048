"""Reading what strangers logged.

Anybody can log text that is not UTF-8; a reader that raised would keep everybody from reading
the whole log, for good.
"""

from __future__ import annotations

from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import StringDecoder
from eth_abi.encoding import TextStringEncoder
from eth_abi.registry import BaseEquals, registry


class _AnyText(StringDecoder):
    def __init__(self) -> None:
        super().__init__(handle_string_errors="replace")  # type: ignore[no-untyped-call]  # eth-abi


def forgiving_codec() -> ABICodec:
    """Return a codec that reads any text, with marks where it is not UTF-8."""
    forgiving: Any = registry.copy()  # type: ignore[no-untyped-call]  # eth-abi is half typed
    forgiving.unregister("string")
    text: Any = BaseEquals("string")  # type: ignore[no-untyped-call]  # as above
    forgiving.register(text, TextStringEncoder, _AnyText, label="string")
    return ABICodec(forgiving)
