"""People and services who go on while something fails, and remember what they were told."""

import time
from collections import Counter
from functools import partial
from http.client import HTTPException

from tests.flows.browser import SESSION, Browser
from tests.flows.load import Beside

__all__ = ["Traffic"]

_PAUSE_S = 0.02
_KEEPS = 15
"""One sign-in of so many stays: a person has at most some hundred sessions, and the oldest ends for the newest."""
_FINE = {"check living": {200, 503}, "check ended": {401, 503}, "sign in": {200, 503}, "end": {204, 503}}
_SILENT = 0


class Traffic(Beside):
    """Checks living and ended sessions, signs in and ends, until the block is over.

    `seen` counts (act, status), status 0 for no answer; `opened` and `ended` are the cookies of what was
    acknowledged. An act that got no clear answer owes nothing, and may have happened.
    """

    def __init__(self, served, passkey, living, dead):
        self.served, self.passkey = served, passkey
        self.seen, self.opened, self.ended = Counter(), [], []
        self._turn, self.odd = 0, []
        works = [
            lambda: self._check("check living", living),
            lambda: self._check("check ended", dead),
            self._come_and_go,
        ]
        super().__init__([partial(self._run, work) for work in works], patience=40)

    @property
    def wrong(self):
        """Every answer that nobody should have been given: a 500, a silent pass, an end that never was."""
        return sorted(set(self.odd))[:3]

    @property
    def words(self):
        """What came to the door's answers, for a table."""
        return ", ".join(
            f"{act} "
            + " ".join(f"{status or 'silent'}×{self.seen[act, status]}" for status in sorted(self._statuses(act)))
            for act in _FINE
            if self._statuses(act)
        )

    def _statuses(self, act):
        return {status for name, status in self.seen if name == act}

    def _run(self, work):
        while not self.stop.is_set():
            work()
            time.sleep(_PAUSE_S)

    def _ask(self, act, send):
        try:
            answer = send()
        except (OSError, HTTPException):
            self.seen[act, _SILENT] += 1
            return None
        self.seen[act, answer.status] += 1
        if answer.status not in _FINE[act]:
            self.odd.append(f"{act} was answered {answer.status} {answer.body[:200].decode(errors='replace')}")
        return answer if answer.status < 400 else None

    def _check(self, act, cookies):
        for cookie in cookies:
            if self.stop.is_set():
                return
            probe = Browser(self.served, self.passkey)
            probe.cookies = {SESSION: cookie}
            self._ask(act, probe.check)
            time.sleep(_PAUSE_S)

    def _come_and_go(self):
        browser = Browser(self.served, self.passkey)
        begun = self._ask("sign in", lambda: browser.send("POST", "/login/passkey/begin", {}))
        if begun is None or self._ask("sign in", lambda: browser.finish(begun.json)) is None:
            return
        cookie, session = browser.cookies[SESSION], browser.session
        self._turn += 1
        if self._turn % _KEEPS == 0:
            self.opened.append(cookie)
        elif self._ask("end", lambda: browser.send("DELETE", f"/api/v1/auth/sessions/{session}")) is not None:
            self.ended.append(cookie)
