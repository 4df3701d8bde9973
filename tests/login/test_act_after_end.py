"""An act that waited in the vault's queue behind the end of its own session must not happen any more."""

from ostiary.kernel.refusals import Code
from ostiary.kernel.values import Caller
from ostiary.login.service import show_presence
from ostiary.presence.model import Purpose
from ostiary.sessions import service as sessions
from ostiary.sessions.model import EndReason


def test_a_thief_leaves_no_way_in_behind_once_the_session_has_ended(gatehouse):
    owner = gatehouse.enrolled()
    thief = gatehouse.visitor(owner.passkey)
    assert thief.sign_in().status == 200
    shown = thief.presence("passkey.add")
    caller = Caller(actor=owner.person, session=thief.session)  # as the door let it in, before the end

    def use_case(tx):
        sessions.end(tx, Caller(actor=owner.person, session=owner.session), thief.session, EndReason.ENDED_BY_PERSON)
        return show_presence(tx, caller, shown, Purpose.PASSKEY_ADD)

    assert gatehouse.act(use_case).code is Code.SESSION_ENDED
