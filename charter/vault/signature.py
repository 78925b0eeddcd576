"""Ed25519 signatures: a role shows that it is the role. The charter lists public keys; private ones never come here.

    openssl genpkey -algorithm ed25519 -out role.pem                               once, on the role's own machine
    openssl pkey -in role.pem -pubout                                              its middle line is the public key
    openssl pkeyutl -sign -rawin -inkey role.pem -in statement.txt -out role.sig   signs; `sooner sign` files it

A public key is the base64 of its SubjectPublicKeyInfo (RFC 8410), a signature that of its 64 bytes (RFC 8032).
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from charter.errors import CharterError, DataError

__all__ = ["is_signed", "public_key", "read_signature"]

_LENGTH = 64
"""The bytes of an Ed25519 signature."""


def public_key(text: str) -> Ed25519PublicKey:
    """Read a role's public key; raise CharterError if it is not one of Ed25519."""
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise CharterError(
            "charter.toml: a role's public_key is not the public half of an Ed25519 key.",
            "Paste the middle line of what `openssl pkey -in role.pem -pubout` prints.",
        )
    return key


def read_signature(path: Path) -> str:
    """Return the signature in a file, its 64 bytes or their base64, as base64; raise DataError if it is neither."""
    if not path.is_file():
        raise DataError(f"there is no signature {path.name}.", "Name the file that holds it with --signature.")
    raw = path.read_bytes()
    if len(raw) != _LENGTH:
        try:
            raw = base64.b64decode(raw.strip(), validate=True)
        except binascii.Error:
            raw = b""
    if len(raw) != _LENGTH:
        raise DataError(
            f"{path.name} holds no Ed25519 signature: that is 64 bytes, or their base64.",
            "Make it with `openssl pkeyutl -sign -rawin -inkey role.pem -in statement.txt -out role.sig`.",
        )
    return base64.b64encode(raw).decode()


def is_signed(key: str, statement: str, signature: str) -> bool:
    """Whether `signature` (base64) is of exactly this statement, in UTF-8, by the holder of the public key `key`."""
    if not key or not signature:
        return False
    try:
        public_key(key).verify(base64.b64decode(signature, validate=True), statement.encode())
    except (InvalidSignature, binascii.Error):
        return False
    return True
