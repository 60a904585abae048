"""Age files with a passphrase that is cheap to guess: pyrage makes none under a second.

The format is https://age-encryption.org/v1, with a scrypt recipient and one chunk.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64encode

from Crypto.Cipher import ChaCha20_Poly1305

LOG_N = 1


def encrypt(plain: bytes, passphrase: str) -> bytes:
    """Do what `pyrage.passphrase.encrypt` does, quickly."""
    key, salt, nonce = (secrets.token_bytes(16) for _ in range(3))
    label = b"age-encryption.org/v1/scrypt" + salt
    wrap = hashlib.scrypt(passphrase.encode(), salt=label, n=1 << LOG_N, r=8, p=1, dklen=32)
    header = (
        f"age-encryption.org/v1\n-> scrypt {text(salt)} {LOG_N}\n"
        f"{text(locked(wrap, bytes(12), key))}\n---"
    ).encode()
    mac = hmac.digest(derived(key, b"", b"header"), header, "sha256")
    payload = locked(derived(key, nonce, b"payload"), bytes(11) + b"\x01", plain)
    return header + f" {text(mac)}\n".encode() + nonce + payload


def text(content: bytes) -> str:
    return b64encode(content).decode().rstrip("=")


def derived(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF with SHA-256, 32 bytes (RFC 5869)."""
    extracted = hmac.digest(salt or bytes(32), key, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def locked(key: bytes, nonce: bytes, plain: bytes) -> bytes:
    cipher, tag = ChaCha20_Poly1305.new(key=key, nonce=nonce).encrypt_and_digest(plain)
    return bytes(cipher + tag)
