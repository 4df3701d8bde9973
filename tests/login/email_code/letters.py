"""What stands in the letters of a gatehouse, read as nobody but the test can: sealed rows, opened with the house's keys."""

import msgspec

from ostiary.kernel.ids import system_secrets
from ostiary.keys.model import Purpose
from ostiary.keys.sealing import Sealer
from ostiary.mail.model import Letter

_WAITING = "SELECT id, sealed FROM mail_outbox ORDER BY created_at, id"


def letters(gatehouse, to=""):
    """Every letter that waits, oldest first, whether it is still good or not."""
    tenant = gatehouse.scope.tenant
    sealer = Sealer(gatehouse.house.keyring.active(tenant, Purpose.DATA).secret, system_secrets)
    opened = (sealer.open(("mail_outbox", id_, tenant), bytes(sealed)) for id_, sealed in gatehouse.rows(_WAITING))
    every = [msgspec.json.decode(one, type=Letter) for one in opened]
    return [one for one in every if to in {"", one.to}]


def forget_letters(gatehouse):
    """Let everybody be written to again at once, as if a day had passed."""
    gatehouse.write("DELETE FROM code_budgets")
