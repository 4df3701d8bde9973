"""`ostiary tenants`: add, list, and the keys of a tenant's programs."""

from typing import Literal
from urllib.parse import urlsplit

import msgspec

from ostiary.access import clients
from ostiary.access.clients import ClientKey, ClientKind
from ostiary.access.service import is_scope
from ostiary.cli.seeding import SCOPES, TOKEN, sow
from ostiary.cli.terminal import answer, house, one, operator, plain, say, table, to_the_second
from ostiary.house import House
from ostiary.identities import service as identities
from ostiary.identities.model import METHODS, Tenant, flaw
from ostiary.kernel.clock import instant
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Mode, Scope
from ostiary.keys import service as keys
from ostiary.sessions.service import Rules
from ostiary.storage.tx import Tx

__all__ = ["add", "key", "key_remove", "list_keys", "list_tenants", "methods"]

_RULES = {
    "name": "A name is lower-case letters, digits and underscores, 40 at most.",
    "origin": "An origin is https://id.example.test as browsers send it, without a path; 20 at most, and at least one.",
    "rp_id": "The relying party is the host of every origin, or a domain above all of them.",
    "seed": "Only a fixture tenant can be seeded: add --mode fixture.",
    "methods": f"Name each once, at least one, of: {', '.join(METHODS)}.",
}
"""How each part of a tenant is written."""


def add(
    name: str,
    /,
    *,
    origin: tuple[str, ...] = (),
    rp_id: str = "",
    mode: Literal["live", "fixture"] = "live",
    scope: tuple[str, ...] = (),
    fixture_seed: bool = False,
    json_: bool = False,
) -> int:
    """Add a tenant and print a client key and an operator key, this once.

    Only hashes of the keys are kept. A running server takes the tenant up within a second.

    Parameters
    ----------
    name
        Its name, as in tenant_node:NAME: lower-case letters, digits and underscores.
    origin
        An origin whose pages use its passkeys, such as https://id.example.test; may be given several times.
    rp_id
        The relying party of its passkeys; without one, the host of the first origin.
    mode
        In a fixture everything runs for real, on records that no live gate accepts.
    scope
        A scope that its client may ask for, such as reports.read; may be given several times.
    fixture_seed
        Make the person, the names and the session of the examples; on a tenant that was seeded, what is gone.
    json_
        Print one JSON object.
    """
    chosen = rp_id or (_host(origin[0]) if origin else "")
    wish = Tenant(name, Mode(mode), chosen, origin, seeded=fixture_seed)
    odd = next((word for word in scope if not is_scope(word)), None)
    if odd is not None:
        return answer(Refusal(Code.SCOPE_MALFORMED), odd)
    wrong = flaw(wish)
    if wrong:
        return answer(Refusal(Code.TENANT_MALFORMED, (wrong,)), name, _RULES[wrong])
    with house(fresh=True) as opened:
        found = opened.vault.read_now(opened.scope, lambda tx: identities.tenant_named(tx, name))
        if found and fixture_seed and msgspec.structs.replace(wish, methods=found.methods) == found:
            return _sown_again(opened, wish, as_json=json_)
        scopes = tuple(sorted({*scope, *(SCOPES if fixture_seed else ())}))
        acting = Scope(name, found.mode if found else wish.mode)
        made = opened.vault.transact_now(acting, lambda tx: _add(tx, opened, wish, found, scopes))
    if isinstance(made, Refusal):
        return answer(made, name)
    _hand_over(wish, made, as_json=json_)
    return 0


def list_tenants(*, json_: bool = False) -> int:
    """List all tenants, oldest first.

    Parameters
    ----------
    json_
        Print one JSON object a line.
    """
    with house() as opened:
        rows = [_fields(one) for one in opened.vault.read_now(opened.scope, identities.list_tenants)]
    shown = [{name: plain(value) for name, value in row.items()} for row in rows]
    table(rows if json_ else shown, as_json=json_, empty="No tenant.")
    return 0


def key(
    tenant: str,
    /,
    *,
    kind: Literal["client", "operator"],
    name: str,
    scope: tuple[str, ...] = (),
    json_: bool = False,
) -> int:
    """Give a tenant another key and print it, this once.

    Parameters
    ----------
    tenant
        The tenant's name.
    kind
        A client runs logins; an operator evaluates limits and imports passkeys.
    name
        What the key is called, as `keys` shows it.
    scope
        A scope that the client may ask for, such as reports.read; may be given several times.
    json_
        Print one JSON object.
    """
    with house(tenant=tenant) as opened:
        made = opened.vault.transact_now(opened.scope, lambda tx: clients.add(tx, operator(), kind, name, scope))
    if isinstance(made, Refusal):
        return answer(made, "" if made.code is Code.SCOPE_MALFORMED else name)
    if json_:
        one({"tenant": tenant, "kind": kind, "name": name, "key": made}, as_json=True)
    else:
        say(made)
    return 0


def list_keys(tenant: str, /, *, json_: bool = False) -> int:
    """List the keys of a tenant's programs, oldest first; none can be shown again.

    Parameters
    ----------
    tenant
        The tenant's name.
    json_
        Print one JSON object a line.
    """
    with house(tenant=tenant) as opened:
        rows = [_key_fields(one) for one in opened.vault.read_now(opened.scope, clients.list_of)]
    shown = [
        {name: plain(value) for name, value in row.items()} | {"created_at": to_the_second(str(row["created_at"]))}
        for row in rows
    ]
    empty = f"No key. `ostiary tenants key {tenant} --kind client --name …` makes one."
    table(rows if json_ else shown, as_json=json_, empty=empty)
    return 0


def methods(tenant: str, /, *offered: str, json_: bool = False) -> int:
    """Show or set the ways to sign in that a tenant offers.

    The next request feels it; nobody is signed out. Who has no other way in than one that is no longer offered needs a
    new link.

    Parameters
    ----------
    tenant
        The tenant's name.
    offered
        All that it offers from now on, of passkey and email_code; without any, what it offers is shown.
    json_
        Print one JSON object.
    """
    with house(tenant=tenant) as opened:
        if offered:
            refused = opened.vault.transact_now(opened.scope, lambda tx: identities.offer(tx, operator(), offered))
            if refused is not None:
                return answer(refused, tenant, _RULES["methods"])
        shown = opened.vault.read_now(opened.scope, identities.offered)
    if json_:
        one({"tenant": tenant, "methods": list(shown)}, as_json=True)
    else:
        say(" ".join(shown))
    return 0


def key_remove(tenant: str, name: str, /, *, json_: bool = False) -> int:
    """Take a key out of service: the next request with it is nobody's.

    Parameters
    ----------
    tenant
        The tenant's name.
    name
        What the key is called.
    json_
        Print one JSON object.
    """
    with house(tenant=tenant) as opened:
        refused = opened.vault.transact_now(opened.scope, lambda tx: clients.remove(tx, operator(), name))
    if refused is not None:
        return answer(refused, name)
    if json_:
        one({"tenant": tenant, "name": name, "removed": True}, as_json=True)
    else:
        say(f"removed {name}")
    return 0


class _Keys(msgspec.Struct, frozen=True):
    client: str
    operator: str


def _add(tx: Tx, opened: House, wish: Tenant, found: Tenant | None, scopes: tuple[str, ...]) -> _Keys | Refusal:
    """Make the tenant with all that it needs, or nothing of it."""
    keys.ensure(tx, opened.sealer, opened.keyring)
    mine = msgspec.structs.replace(wish, mode=found.mode, seeded=False) if found else wish
    refused = identities.add_tenant(tx, operator(), mine)
    if refused is not None:
        return refused
    client = clients.add(tx, operator(), ClientKind.CLIENT, ClientKind.CLIENT, scopes)
    own = clients.add(tx, operator(), ClientKind.OPERATOR, ClientKind.OPERATOR)
    if wish.seeded:
        sow(tx, Rules(opened.keyring, opened.settings.sessions), operator())
    return client if isinstance(client, Refusal) else own if isinstance(own, Refusal) else _Keys(client, own)


def _sown_again(opened: House, tenant: Tenant, *, as_json: bool) -> int:
    rules = Rules(opened.keyring, opened.settings.sessions)
    made = opened.vault.transact_now(Scope(tenant.id, tenant.mode), lambda tx: sow(tx, rules, operator()))
    if as_json:
        one({"tenant": tenant.id, "seeded": made}, as_json=True)
    else:
        say(f"{tenant.id} is there; made anew: {', '.join(made) or 'nothing, for nothing is gone'}")
    return 0


def _hand_over(tenant: Tenant, made: _Keys, *, as_json: bool) -> None:
    token = {"session_token": TOKEN} if tenant.seeded else {}
    if as_json:
        one(_fields(tenant) | {"client_key": made.client, "operator_key": made.operator} | token, as_json=True)
        return
    say(f"added {tenant.id} ({tenant.mode}), whose passkeys belong to {tenant.rp_id}")
    say("Both keys are shown this once; each goes into `Authorization: Bearer …`:")
    one({"client": made.client, "operator": made.operator} | token, as_json=False)
    say(f"Next: `ostiary people add --tenant {tenant.id} --email …` adds a person.")


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).hostname or ""
    except ValueError:
        return ""


def _fields(tenant: Tenant) -> dict[str, object]:
    return {
        "tenant": tenant.id,
        "mode": tenant.mode.value,
        "rp_id": tenant.rp_id,
        "origins": list(tenant.origins),
        "seeded": tenant.seeded,
        "methods": list(tenant.methods),
    }


def _key_fields(key: ClientKey) -> dict[str, object]:
    made = instant(key.created_at)
    return {"id": key.id, "kind": key.kind, "name": key.name, "scopes": list(key.scopes), "created_at": made}
