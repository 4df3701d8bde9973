"""Whom this server talks to elsewhere, as the settings say: who carries letters, who knows people, what gateways read.

The part of the composition that has the network behind it. Called by app, and by commands that act like a server.
"""

from pkgutil import resolve_name

import msgspec

from ostiary.house import House
from ostiary.identities import service as identities
from ostiary.identities.directory import Directory
from ostiary.identities.rest import RestDirectory
from ostiary.identities.settings import DirectoryMode
from ostiary.kernel.clock import ticks_of
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.values import Mode
from ostiary.login.methods.email_code.device import Publish
from ostiary.mail.delivery import CapturedSender, Postman, Sender
from ostiary.mail.model import MailMode
from ostiary.mail.rest import RestSender
from ostiary.mail.smtp import SmtpSender
from ostiary.projection.publisher import Publisher, nowhere
from ostiary.storage.tx import Tx

__all__ = ["Elsewhere", "directory", "elsewhere"]

_MIRROR = "ostiary.projection.redis:RedisMirror"
"""Named, not imported: a server without Redis need not pay for its driver."""


class Elsewhere(msgspec.Struct, frozen=True):
    """The three of them. `directory` is None where people are kept here, `publisher` where no gateway reads."""

    postman: Postman
    directory: Directory | None
    publisher: Publisher | None

    @property
    def publish(self) -> Publish:
        """What tells gateways of sessions; without one, nobody is told."""
        return self.publisher.publish if self.publisher else nowhere


def elsewhere(house: House) -> Elsewhere:
    """Return whom a server on this house talks to; nothing is connected yet."""
    return Elsewhere(_postman(house), directory(house), _publisher(house))


def directory(house: House) -> RestDirectory | None:
    """Return the directory elsewhere; None where people are kept here, as those of a fixture tenant always are."""
    if house.settings.directory.mode is DirectoryMode.LOCAL or house.scope.mode is Mode.FIXTURE:
        return None
    made = RestDirectory(house.settings.directory, ticks_of(house.clock))
    house.leaving.append(made.close)
    return made


def _postman(house: House) -> Postman:
    return Postman(house.vault, house.scope, house.keyring, _sender(house), _mode)


def _sender(house: House) -> Sender:
    settings = house.settings.mail
    match settings.mode:
        case MailMode.STUB:
            return CapturedSender()
        case MailMode.SMTP:
            return SmtpSender(settings)
        case MailMode.REST:
            made = RestSender(settings, ticks_of(house.clock))
            house.leaving.append(made.close)
            return made


def _publisher(house: House) -> Publisher | None:
    given = house.settings.projection
    if given.addr is None:
        return None
    kind = resolve_name(_MIRROR)
    return Publisher(house.vault, house.scope, house.clock, system_secrets, kind(given), kind(given.patient))


def _mode(tx: Tx) -> Mode:
    """Return the mode of the scope's tenant, before it is there that of most."""
    found = identities.find_tenant(tx)
    return found.mode if found else Mode.LIVE
