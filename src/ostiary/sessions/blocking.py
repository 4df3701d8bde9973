"""STUB until merge."""

from ostiary.sessions.device import service


def block_person(tx, keyring, act, person):
    return service.revoke_all(tx, act, person)


def block_address(tx, keyring, act, address):
    return service.Acknowledgement("blocked")
