"""Use cases of client keys: how a program of a tenant says that it is one. Only SHA-256 of a key is kept."""

import hashlib
import re
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from ostiary.access import store
from ostiary.access.service import is_scope
from ostiary.kernel.ids import b64url, new_id
from ostiary.kernel.refs import is_name
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.storage.tx import Row, Tx

__all__ = ["BROWSER", "ClientKey", "ClientKind", "add", "find", "list_of", "remove"]

BROWSER = "browser"
"""The name of the client whose scopes a browser may ask for that brings no key."""

_SECRET = 32
_FORM = re.compile(r"o[co]k-[A-Za-z0-9_-]{43}")


class ClientKind(StrEnum):
    """What a key may do: a client runs logins, an operator acts for the tenant itself."""

    CLIENT = "client"
    OPERATOR = "operator"


_PREFIXES = {ClientKind.CLIENT: "ock", ClientKind.OPERATOR: "ook"}


class ClientKey(msgspec.Struct, frozen=True):
    """A key without its secret. `scopes` are those that its client may ask for, sorted."""

    id: str
    tenant: str
    kind: str
    name: str
    scopes: tuple[str, ...]
    created_at: int


def add(tx: Tx, caller: Caller, kind: str, name: str, scopes: Iterable[str] = ()) -> str | Refusal:
    """Make a key of the tenant and return it, this once; a name is one key's at a time.

    `kind` is one of ClientKind, else ValueError. Refused with `ref_malformed`, `scope_malformed` or `ref_taken`.
    """
    prefix, wanted = _PREFIXES[ClientKind(kind)], sorted(set(scopes))
    if not is_name(name):
        return tx.refuse(EventName.CLIENT_ADD, caller, "", Code.REF_MALFORMED)
    if not all(map(is_scope, wanted)):
        return tx.refuse(EventName.CLIENT_ADD, caller, "", Code.SCOPE_MALFORMED)
    key_id, key = new_id("ck", tx.secrets), f"{prefix}-{b64url(tx.secrets(_SECRET))}"
    if not store.add_client_key(tx, (key_id, tx.scope.tenant, kind, name, " ".join(wanted)), _hash(key)):
        return tx.refuse(EventName.CLIENT_ADD, caller, "", Refusal(Code.REF_TAKEN, (f"name:{name}",)))
    told = (kind, f"name:{name}", *(f"scope:{scope}" for scope in wanted))
    tx.emit(Event(EventName.CLIENT_ADD, caller, key_id, reasons=told))
    return key


def find(tx: Tx, key: str) -> ClientKey | None:
    """Return the key of whatever tenant that a program presents, None where it is none: whose it is says the answer."""
    row = store.find_client_key(tx, _hash(key)) if _FORM.fullmatch(key) else None
    return None if row is None else _client_key(row)


def remove(tx: Tx, caller: Caller, name: str) -> Refusal | None:
    """Take a key of the tenant out of service, by its name; the next request with it is nobody's."""
    key_id = store.remove_client_key(tx, name) if is_name(name) else ""
    if not key_id:
        return tx.refuse(EventName.CLIENT_REMOVE, caller, "", Code.CLIENT_KEY_UNKNOWN)
    tx.emit(Event(EventName.CLIENT_REMOVE, caller, key_id, reasons=(f"name:{name}",)))
    return None


def list_of(tx: Tx) -> list[ClientKey]:
    """Return the tenant's keys, oldest first."""
    return [_client_key(row) for row in store.client_keys_of(tx)]


def _client_key(row: Row) -> ClientKey:
    id_, tenant, kind, name, scopes, created_at = row
    return ClientKey(id_, tenant, kind, name, tuple(scopes.split()), created_at)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("ascii")).hexdigest()
