"""`ostiary mail`: list, show."""

from ostiary.cli.terminal import DEFAULT_TENANT, Count, answer, house, one, table, to_the_second
from ostiary.house import House
from ostiary.kernel.clock import instant
from ostiary.kernel.refusals import Refusal
from ostiary.mail import service
from ostiary.mail.model import Parcel
from ostiary.mail.service import Waiting
from ostiary.storage.tx import Tx

__all__ = ["list_letters", "show"]


def list_letters(*, to: str = "", most: Count = 50, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """List letters, newest first; what waits stays sealed.

    Letters are captured where no other way for them is set (OSTIARY_MAIL_SERVICE_MODE). They are kept for a week.

    Parameters
    ----------
    to
        Only letters to exactly that address.
    most
        How many at most, of each kind.
    tenant
        The tenant's name.
    json_
        Print one JSON object a line.
    """
    with house(tenant=tenant) as opened:
        waiting, captured = opened.vault.read_now(opened.scope, lambda tx: _found(tx, opened, most, to))
    rows = [*map(_waiting, waiting), *map(_captured, captured)]
    table(rows if json_ else list(map(_short, rows)), as_json=json_, empty="No letter.")
    return 0


def show(letter: str, /, *, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """Show one captured letter.

    Parameters
    ----------
    letter
        The letter's id.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    with house(tenant=tenant) as opened:
        found = opened.vault.read_now(opened.scope, lambda tx: service.show(tx, opened.keyring, letter))
    if isinstance(found, Refusal):
        return answer(found, letter)
    row = _captured(found) | {"text": found.letter.text}
    one(row if json_ else {"id": row["id"], "to": row["to"], **_readable(row)}, as_json=json_)
    return 0


def _found(tx: Tx, opened: House, most: int, to: str) -> tuple[list[Waiting], list[Parcel]]:
    return service.waiting(tx, opened.keyring, most, to), service.captured(tx, opened.keyring, most, to)


def _waiting(letter: Waiting) -> dict[str, object]:
    return {
        "id": letter.id,
        "state": "waiting",
        "purpose": letter.purpose,
        "queued_at": instant(letter.queued_at),
        "to": None,
        "subject": None,
        "tries": letter.tries,
        "due_at": instant(letter.due_at),
    }


def _captured(parcel: Parcel) -> dict[str, object]:
    return {
        "id": parcel.id,
        "state": "captured",
        "purpose": parcel.letter.purpose,
        "queued_at": instant(parcel.at),
        "to": parcel.letter.to,
        "subject": parcel.letter.subject,
        "tries": None,
        "due_at": None,
    }


def _short(row: dict[str, object]) -> dict[str, object]:
    kept = {name: row[name] for name in ("id", "state", "purpose", "to", "subject", "tries")}
    return {name: "-" if value is None else value for name, value in kept.items()} | {
        "queued": to_the_second(str(row["queued_at"]))
    }


def _readable(row: dict[str, object]) -> dict[str, object]:
    return {"subject": row["subject"], "purpose": row["purpose"], "queued_at": row["queued_at"], "text": row["text"]}
