"""Keys: one a purpose, system, recipient, kind of id and epoch; made when needed, wrapped, destroyed on time."""

from __future__ import annotations

from governance.keys.canonical import canonical
from governance.keys.ciphers import CipherKey
from governance.keys.due_dates import PARTS, DueKeyInfo, DuePublic, KeyDestroyedError, Part
from governance.keys.envelopes import ALGORITHM, Envelope, EnvelopeOpener
from governance.keys.epochs import china_date, half_year
from governance.keys.event_keys import EventKeys
from governance.keys.keyring import KeyInfo, Keyring, keyring_exists
from governance.keys.reveal import Revealed, reveal
from governance.keys.root import RootKey
from governance.keys.sealing import BundleSealer, OpsKey, SealedOpener, open_sealed
from governance.keys.store import place as keyring_place
from governance.keys.tokens import TokenKey

Sealer = BundleSealer

__all__ = [
    "ALGORITHM",
    "PARTS",
    "BundleSealer",
    "CipherKey",
    "DueKeyInfo",
    "DuePublic",
    "Envelope",
    "EnvelopeOpener",
    "EventKeys",
    "KeyDestroyedError",
    "KeyInfo",
    "Keyring",
    "OpsKey",
    "Part",
    "Revealed",
    "RootKey",
    "SealedOpener",
    "Sealer",
    "TokenKey",
    "canonical",
    "china_date",
    "half_year",
    "keyring_exists",
    "keyring_place",
    "open_sealed",
    "reveal",
]
