"""`ostiary keys`: list, rotate, revoke, rewrap."""

import sys
from pathlib import Path
from typing import Literal

from ostiary.cli.terminal import DEFAULT_TENANT, answer, house, one, operator, say, table, to_the_second
from ostiary.kernel.clock import instant
from ostiary.kernel.errors import SettingsError
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.refusals import Refusal
from ostiary.keys import service
from ostiary.keys.model import Key, Purpose
from ostiary.keys.sealing import Sealer, make_kek, read_kek
from ostiary.sessions.revocation import RevokedKey, revoke_key

__all__ = ["list_keys", "revoke", "rewrap", "rotate"]


def list_keys(*, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """List the keys of a tenant; no secret is shown.

    Parameters
    ----------
    tenant
        The tenant's name.
    json_
        Print one JSON object a line; receipt keys come with their public half.
    """
    with house(tenant=tenant) as opened:
        found = [key for key in opened.keyring.all() if key.tenant == opened.scope.tenant]
        kept = opened.settings.signing_key_retention
    table([_fields(key, kept) if json_ else _short(key, kept) for key in found], as_json=json_, empty="No key yet.")
    return 0


def rotate(
    *,
    purpose: Literal["session", "prelogin", "receipt"] = "session",
    tenant: str = DEFAULT_TENANT,
    json_: bool = False,
) -> int:
    """Put a new key in service.

    What the old one signed stays good for OSTIARY_SIGNING_KEY_RETENTION; running servers take up the new one within a
    second. Keys of other purposes cannot be rotated: their values do not name their key.

    Parameters
    ----------
    purpose
        What the key is for.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    with house(tenant=tenant) as opened:
        made = opened.vault.transact_now(
            opened.scope,
            lambda tx: service.rotate(tx, opened.sealer, opened.keyring, operator(), Purpose(purpose)),
        )
        kept = opened.settings.signing_key_retention
    if json_:
        one(_fields(made, kept), as_json=True)
    else:
        say(f"{purpose} key {made.id}, version {made.version}, is in service")
    return 0


def revoke(
    key: str, /, *, now: bool = False, yes: bool = False, tenant: str = DEFAULT_TENANT, json_: bool = False
) -> int:
    """Let a stolen key verify nothing from now on.

    A session key takes every session that it signed with it: no check that is sent after this command has ended
    accepts one. A key that was in service is replaced by a fresh one. A receipt key keeps its public half: old
    receipts verify for ever, and are shown as signed by a revoked key.

    Parameters
    ----------
    key
        The key's id.
    now
        Must be said: it is not undone. For a change without a theft use `rotate`, which ends no session.
    yes
        Do not ask.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    if not now:
        raise SettingsError("a revocation is at once and for ever: say --now, or use `ostiary keys rotate`")
    if not (yes or _agreed(f"Revoke {key}, and end every session that it signed?")):
        return 1
    with house(tenant=tenant) as opened:
        outcome = opened.vault.transact_now(
            opened.scope, lambda tx: revoke_key(tx, opened.sealer, opened.keyring, operator(), key)
        )
        kept = opened.settings.signing_key_retention
    if isinstance(outcome, Refusal):
        return answer(outcome, key)
    if json_:
        one(_fields(outcome.key, kept) | {"sessions_ended": outcome.sessions}, as_json=True)
    else:
        say(_told(outcome))
    return 0


def rewrap(*, new_kek: Path, json_: bool = False) -> int:
    """Seal all stored keys under a new key-encryption key, all or none.

    The keys themselves do not change: no session ends. Running servers go on with what they hold, and must be
    started again with the new key.

    Parameters
    ----------
    new_kek
        The file of the new key-encryption key; it is made where it is not there.
    json_
        Print one JSON object.
    """
    with house() as opened:
        old, new = opened.settings.kek.resolve(), new_kek.expanduser().resolve()
        if opened.settings.data_dir.resolve() in new.parents:
            raise SettingsError("the new key-encryption key lies among the data: a backup of one would hold the other")
        made = make_kek(new, system_secrets)
        key = read_kek(new)
        if key == read_kek(old):
            raise SettingsError(f"{new} holds the key that is in use: nothing was changed")
        sealer = Sealer(key, system_secrets)
        count = opened.vault.transact_now(
            opened.scope, lambda tx: service.rewrap(tx, opened.sealer, sealer, operator())
        )
    if json_:
        one({"kek_file": str(new), "kek_made": made, "keys": count}, as_json=True)
        return 0
    say(f"{count} keys are sealed under {new}{' (made)' if made else ''}. The old key opens none of them any more.")
    say("Next, in this order:")
    say(f"  1. mv {old} {old}.old && mv {new} {old}   (the old one opens the backups made before now)")
    say("  2. start every server again; until then they go on with the keys that they hold")
    say("  3. make a backup, and keep the new key apart from it")
    return 0


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise SettingsError("nobody can be asked here: say --yes")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _told(outcome: RevokedKey) -> str:
    key, count = outcome.key, outcome.sessions
    said = f"{key.purpose} key {key.id} is revoked since {to_the_second(instant(key.revoked_at))}"
    return said + (f"; {count} living sessions ended" if key.purpose is Purpose.SESSION else "")


def _short(key: Key, kept: int) -> dict[str, object]:
    purge = key.purged_at(kept)
    return {
        "id": key.id,
        "purpose": key.purpose.value,
        "version": key.version,
        "state": key.state,
        "since": to_the_second(instant(key.revoked_at or key.retired_at or key.created_at)),
        "deleted": to_the_second(instant(purge)) if purge else "never" if key.retired_at else "-",
    }


def _fields(key: Key, kept: int) -> dict[str, object]:
    purge = key.purged_at(kept)
    return {
        "id": key.id,
        "purpose": key.purpose.value,
        "version": key.version,
        "state": key.state,
        "created_at": instant(key.created_at),
        "retired_at": instant(key.retired_at) if key.retired_at else None,
        "revoked_at": instant(key.revoked_at) if key.revoked_at else None,
        "deleted_at": instant(purge) if purge else None,
        "public": key.public.hex() or None,
    }
