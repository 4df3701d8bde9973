"""The membrane's operations as cases of the faults: what must be there, the act, and the receipts of its success."""

from tests.membrane.stage import Stage

__all__ = ["CROSSINGS", "grown_old"]


def _on(prepare):
    """A case on a tenant of the house with a person, a client and an operator."""

    def prepared(home):
        act = prepare(Stage(home))
        return lambda: act().headers

    return prepared


def _start(stage):
    return stage.start


def _verify(stage):
    begun = stage.start()
    return lambda: stage.verify(begun)


def _finish(stage):
    begun = stage.start()
    proof = stage.verify(begun).json["body"]["human_presence_receipt"]
    return lambda: stage.finish(begun, proof)


def _issue(stage):
    token, proof = stage.login()["bearer_token"], stage.presence("auth.session.issue")
    return lambda: stage.issue(token, proof)


def _inspect(stage):
    token = stage.login()["bearer_token"]
    return lambda: stage.inspect(token)


def _refresh(stage):
    token, proof = stage.login()["bearer_token"], stage.presence("auth.session.refresh")
    return lambda: stage.refresh(token, proof)


def _revoke(stage):
    one, other = stage.login(), stage.login()
    return lambda: stage.revoke(one["bearer_token"], other["session"])


def _challenge(stage):
    return lambda: stage.ask("humanAuth.challenge", stage.client, tenant=stage.ref)


def grown_old(home):
    """Questions and bindings that may be collected once they are old."""
    Stage(home).login()


CROSSINGS = {
    "auth.loginStart": (_on(_start), ["limit.evaluate", "login.start"]),
    "humanAuth.verifyPasskey": (_on(_verify), ["presence.prove"]),
    "auth.loginFinish": (_on(_finish), ["session.open", "login.finish"]),
    "auth.sessionIssue": (_on(_issue), ["session.open"]),
    "auth.sessionInspect": (_on(_inspect), ["session.inspect"]),
    "auth.sessionRefresh": (_on(_refresh), ["session.refresh", "session.open"]),
    "authority.sessionRevoke": (_on(_revoke), ["session.end"]),
    "humanAuth.challenge": (_on(_challenge), ["challenge.issue"]),
}
