"""Grants: what they open, and what a moved or forged one does not."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visdm.domain.grants import Grant, bundle, unbundle
from visdm.errors import VaultError

GRANT = Grant(
    package="bafy-one",
    recipient="age1alice",
    giver="0xBob",
    digest="ab" * 32,
    key="AGE-SECRET-KEY-1X",
)

words = st.text(max_size=40)


@given(package=words, recipient=words, giver=words, digest=words, key=words)
def test_a_grant_comes_back_for_its_package_and_recipient(
    package: str, recipient: str, giver: str, digest: str, key: str
) -> None:
    grant = Grant(package, recipient, giver, digest, key)
    assert Grant.from_bytes(grant.to_bytes(), package=package, recipient=recipient) == grant


def test_the_same_grant_has_the_same_bytes() -> None:
    assert json.loads(GRANT.to_bytes()) == asdict(GRANT)
    assert GRANT.to_bytes() == Grant(**dict(reversed(asdict(GRANT).items()))).to_bytes()


@given(other=words.filter(lambda word: word != GRANT.package))
def test_a_grant_moved_to_another_package_is_refused(other: str) -> None:
    with pytest.raises(VaultError, match="made for another package"):
        Grant.from_bytes(GRANT.to_bytes(), package=other, recipient=GRANT.recipient)


@given(other=words.filter(lambda word: word != GRANT.recipient))
def test_a_grant_handed_to_another_recipient_is_refused(other: str) -> None:
    with pytest.raises(VaultError, match="made for another recipient"):
        Grant.from_bytes(GRANT.to_bytes(), package=GRANT.package, recipient=other)


@pytest.mark.parametrize("missing", ["package", "recipient", "giver", "digest", "key"])
def test_a_grant_without_a_part_is_refused(missing: str) -> None:
    parts = {name: value for name, value in asdict(GRANT).items() if name != missing}
    with pytest.raises(VaultError, match="is not a grant"):
        Grant.from_bytes(
            json.dumps(parts).encode(), package=GRANT.package, recipient=GRANT.recipient
        )


@pytest.mark.parametrize(
    "document", [b"", b"\xff", b"{", b"[]", b"null", b"7", b'"grant"', b"{}", b'["package"]']
)
def test_a_document_that_is_no_grant_is_refused(document: bytes) -> None:
    with pytest.raises(VaultError, match="the grant of bafy-one is not a grant"):
        Grant.from_bytes(document, package=GRANT.package, recipient=GRANT.recipient)


@given(document=st.binary(max_size=80))
def test_arbitrary_bytes_are_no_grant(document: bytes) -> None:
    with pytest.raises(VaultError):
        Grant.from_bytes(document, package=GRANT.package, recipient=GRANT.recipient)


def test_no_error_and_no_repr_shows_the_key() -> None:
    assert GRANT.key not in f"{GRANT!r} {GRANT}"
    for package, recipient in (("other", GRANT.recipient), (GRANT.package, "other")):
        with pytest.raises(VaultError) as caught:
            Grant.from_bytes(GRANT.to_bytes(), package=package, recipient=recipient)
        assert GRANT.key not in f"{caught.value} {caught.value.hint}"


@given(sealed=st.dictionaries(words, st.binary(max_size=80), max_size=5))
def test_a_bundle_comes_back(sealed: dict[str, bytes]) -> None:
    assert unbundle(bundle(sealed), package="bafy-one") == sealed


@given(sealed=st.dictionaries(words, st.binary(max_size=80), max_size=5))
def test_a_bundle_does_not_depend_on_the_order_of_grants(sealed: dict[str, bytes]) -> None:
    assert bundle(dict(reversed(sealed.items()))) == bundle(sealed)


@pytest.mark.parametrize(
    "document",
    [b"", b"\xff", b"{", b"[]", b"null", b"7", b'{"age1": 7}', b'{"age1": "xyz"}', b'{"a": null}'],
)
def test_a_document_that_is_no_bundle_is_refused(document: bytes) -> None:
    with pytest.raises(VaultError, match="the grants of bafy-one cannot be read"):
        unbundle(document, package="bafy-one")
