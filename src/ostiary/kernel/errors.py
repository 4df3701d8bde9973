"""Errors of ours: broken contracts and faults, never expected refusals.

OstiaryError
|-- StoreUnavailable   the store, or a service elsewhere, cannot answer now; the same call may work later (503)
|-- SettingsError      a setting is unknown, malformed or contradicts another; boot stops
|-- BootRefused        a precondition of serving is not met (key, schema, port); boot stops
|-- KeyUnknown         a sealed value or signature names a key that is not there
|-- SealBroken         a sealed value does not open under its key and place
`-- ContractBroken     code of ours broke a rule of ours (a change without its event, ...)
"""

__all__ = [
    "BootRefused",
    "ContractBroken",
    "KeyUnknown",
    "OstiaryError",
    "SealBroken",
    "SettingsError",
    "StoreUnavailable",
]


class OstiaryError(Exception):
    """The root of every error that Ostiary raises on purpose."""


class StoreUnavailable(OstiaryError):
    """The store cannot answer now. `retry_after` is in whole seconds; `remedy` is what to do, "" for trying again.

    `service` is the service elsewhere that cannot: `directory` or `mail`; "" where it is the store.
    """

    def __init__(self, message: str, retry_after: int = 1, remedy: str = "", service: str = "") -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.remedy = remedy
        self.service = service


class SettingsError(OstiaryError):
    """A setting is unknown, malformed or contradicts another one."""


class BootRefused(OstiaryError):
    """The server must not start; the message tells a person what to do next."""


class KeyUnknown(OstiaryError):
    """A key id that no stored key carries."""


class SealBroken(OstiaryError):
    """A sealed value that does not open: wrong key, wrong place, or altered bytes."""


class ContractBroken(OstiaryError):
    """A rule of the house was broken by its own code; the transaction is rolled back."""
