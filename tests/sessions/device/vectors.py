"""The frozen vectors of signed requests, read for the server."""

import json
from base64 import b64decode
from pathlib import Path

from ostiary.sessions.device.envelope import Envelope
from ostiary.sessions.device.model import DeviceSession

FROZEN = json.loads((Path(__file__).parents[2] / "wire" / "device_request.json").read_text())
BYTES = ("payload_bytes", "payload_hash", "signature")


def envelope(told):
    return Envelope(**{name: b64decode(value) if name in BYTES else value for name, value in told.items()})


def session(told, **more):
    """The session that a snapshot tells of."""
    if told is None:
        return None
    named = (told["device_session_id"], "default", told["user_id"], told["client_public_key"], "ch-x")
    return DeviceSession(*named, **({"created_at": 0, "revoked_at": int(told["status"] != "active")} | more))


GOOD = next(case for case in FROZEN["judged"] if case["name"] == "good")
