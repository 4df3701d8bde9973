"""Blocking somebody, for tests: use cases to be run in a transaction."""

from ostiary.sessions import blocking
from ostiary.sessions.blocking import Subject, SubjectKind
from ostiary.sessions.device.model import Act, Actor
from tests.login.gatehouse import OPERATOR

ACT = Act(OPERATOR, Actor("admin", "admin-1"), "policy_blocked")


def barred(person, act=ACT):
    """The use case that blocks a person."""
    return lambda tx: blocking.block_person(tx, act, person)


def barred_at(keyring, address, act=ACT):
    """The use case that blocks an address."""
    return lambda tx: blocking.block_address(tx, keyring, act, address)


def freed(keyring, who, act=ACT):
    """The use case that lifts the block of a person or an address."""
    kind = SubjectKind.EMAIL if "@" in who else SubjectKind.USER_ID
    return lambda tx: blocking.unblock(tx, keyring, act, Subject(kind, who))
