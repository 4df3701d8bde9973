"""What one crossing saw and what it wrote: the boundary flags of its answer are computed from the two."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ostiary.kernel.ids import b64url
from ostiary.kernel.values import Mode
from ostiary.storage.tx import Tx

__all__ = ["Raw", "Witness"]

Body = TypeVar("Body", bound=msgspec.Struct)
_SHORTEST = 7
"""What is shorter than the shortest address would be found in anything."""

_LIKE_NOTHING_ELSE = 40
"""From here on a user agent is looked for within other texts; a shorter one could be any word of ours."""

_PROOFS = frozenset({"receipts", "outbox", "tree_leaves", "tree_pending"})


class Raw(msgspec.Struct, frozen=True):
    """What a request shows of somebody and nobody may keep: address, agent, and what its fields carry."""

    address: str = ""
    agent: str = ""
    biometric: bool = False
    private_key: bool = False


class Witness:
    """Is shown every write of a transaction (`Tx.watch`) and told what came in raw.

    `saw` notes material under a word; `holds` tells whether any of it lies in what was written, as it is or in
    base64url or hex. `body` makes an answer and fills in every flag of it that PREDICATES knows.
    """

    def __init__(self, tx: Tx, raw: Raw, locator: str) -> None:
        self.raw, self.mode = raw, tx.scope.mode
        self._locator = locator
        self._seen: dict[str, list[bytes]] = {}
        self._written: list[tuple[str, bytes]] = []
        self.tables: set[str] = set()
        self.saw("address", raw.address.encode())
        self._agent = raw.agent.encode()
        tx.watch = self._watch

    def saw(self, word: str, *material: bytes) -> None:
        """Note raw material; what is too short to be told apart is not."""
        kept = [form for one in material if len(one) >= _SHORTEST for form in _forms(one)]
        self._seen.setdefault(word, []).extend(kept)

    def holds(self, *words: str, tables: frozenset[str] = frozenset()) -> bool:
        """Tell whether material under these words lies in what was written (to `tables`, where given)."""
        written = [value for table, value in self._written if not tables or table in tables]
        return any(one in value for word in words for one in self._seen.get(word, ()) for value in written)

    def holds_agent(self) -> bool:
        """Tell whether the user agent was written: whole, or within something else where it is like nothing else."""
        within = len(self._agent) >= _LIKE_NOTHING_ELSE
        return bool(self._agent) and any(
            self._agent == value or (within and self._agent in value) for _, value in self._written
        )

    def body(self, wanted: type[Body], **fields: Any) -> Body:  # noqa: ANN401 - the fields of the struct
        """Make an answer: what has a predicate is computed. Raises TypeError where it is given as well."""
        names = [name for name in wanted.__struct_fields__ if name in PREDICATES]
        shown = msgspec.json.encode({k: v for k, v in fields.items() if k != "bearer_token"})
        return wanted(**fields, **{name: PREDICATES[name](self, shown) for name in names})

    def stored(self, table: str, *values: object) -> None:
        """Take what a row holds already for written too: an answer about it says what is kept."""
        self._watch(table, list(values))

    def exposes(self, shown: bytes, word: str) -> bool:
        """Tell whether material under a word lies in an answer."""
        return any(one in shown for one in self._seen.get(word, ()))

    def locates(self, shown: bytes) -> bool:
        """Tell whether an answer says where the database is."""
        return bool(self._locator) and self._locator.encode() in shown

    def _watch(self, table: str, values: list[object]) -> None:
        self.tables.add(table)
        for value in values:
            if isinstance(value, str):
                self._written.append((table, value.encode()))
            elif isinstance(value, bytes):
                self._written.append((table, value))


def _forms(material: bytes) -> tuple[bytes, ...]:
    return material, b64url(material).encode(), material.hex().encode()


_Predicate = Callable[[Witness, bytes], bool]


def _stored(*words: str) -> _Predicate:
    return lambda witness, _: witness.holds(*words)


def _made(*tables: str) -> _Predicate:
    return lambda witness, _: not witness.tables.isdisjoint(tables)


def _live(witness: Witness, shown: bytes) -> bool:
    return witness.mode is Mode.LIVE


def _biometric(witness: Witness, shown: bytes) -> bool:
    return witness.raw.biometric


PREDICATES: dict[str, _Predicate] = {
    "source_ip_raw_stored": _stored("address"),
    "raw_user_agent_stored": lambda witness, _: witness.holds_agent(),
    "raw_credential_id_stored": _stored("credential"),
    "raw_assertion_bytes_stored": _stored("assertion"),
    "raw_attestation_object_stored": _stored("attestation"),
    "raw_client_data_json_stored": _stored("client_data"),
    "raw_session_token_stored": _stored("token"),
    "raw_session_token_stored_durably": _stored("token"),
    "raw_session_token_exposed_in_proof": lambda witness, _: witness.holds("token", tables=_PROOFS),
    "raw_session_token_exposed": lambda witness, shown: witness.exposes(shown, "token"),
    "raw_credential_ids_exposed": lambda witness, shown: witness.exposes(shown, "credential"),
    "raw_recovery_secret_stored": _stored("secret"),
    "raw_recovery_contact_stored": _stored("contact"),
    "raw_private_key_material_stored": lambda witness, _: witness.raw.private_key,
    "raw_biometric_material_stored": _biometric,
    "biometric_material_seen_by_gestalt": _biometric,
    "database_locator_exposed": lambda witness, shown: witness.locates(shown),
    "identity_binding_created": _made("people"),
    "standing_created": _made("standings"),
    "company_authority_created": _made("grants"),
    "fixture_session": lambda witness, _: witness.mode is Mode.FIXTURE,
    "production_login": _live,
    "production_session": _live,
    "production_admission": _live,
}
"""How each boundary flag of an answer is computed; the names are the contract's."""
