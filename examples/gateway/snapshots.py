"""What a gateway remembers of sessions: each snapshot as it was told last, and a revocation for good."""

import threading

from ostiary_client.device import Snapshot


class Snapshots:
    """The process-local store, for several threads. Of each kind it keeps `most`; the oldest ones make room."""

    def __init__(self, most: int = 100_000) -> None:
        self._lock, self._most = threading.Lock(), most
        self._active: dict[str, Snapshot] = {}
        self._revoked: dict[str, Snapshot] = {}
        self.generation = 0

    def apply(self, told: Snapshot) -> bool:
        """Take in a snapshot of the stream; return whether it ends a session. A late active one revives nothing."""
        with self._lock:
            return self._put(told)

    def learn(self, told: Snapshot, generation: int) -> None:
        """Take in a snapshot that was looked up, unless everything was forgotten since it was asked for.

        Without that, an answer on its way while the stream was lost could bring back what the loss has hidden.
        """
        with self._lock:
            if generation == self.generation:
                self._put(told)

    def get(self, session: str) -> Snapshot | None:
        """Return what is known of a session."""
        with self._lock:
            return self._revoked.get(session) or self._active.get(session)

    def forget(self) -> None:
        """Forget everything: some of what was told since is lost."""
        with self._lock:
            self.generation += 1
            self._active.clear()
            self._revoked.clear()

    def __len__(self) -> int:
        return len(self._active) + len(self._revoked)

    def _put(self, told: Snapshot) -> bool:
        session = told.device_session_id
        if told.active:
            if session not in self._revoked:
                _keep(self._active, told, self._most)
            return False
        self._active.pop(session, None)
        _keep(self._revoked, told, self._most)
        return True


def _keep(kept: dict[str, Snapshot], told: Snapshot, most: int) -> None:
    kept.pop(told.device_session_id, None)
    kept[told.device_session_id] = told
    if len(kept) > most:
        del kept[next(iter(kept))]
