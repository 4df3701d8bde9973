"""Requests that a device signs: the key, the envelope, and its verification by a gateway that holds a snapshot.

Owns: `DeviceKey`, `Envelope`, `verify`, `Snapshot`; in `ostiary_client.device.client` the two clients that open a
session by an e-mail code (these: extra `client`). Shares no code with the server, only tests/wire/device_request.json.
Called by devices and by gateways; docs/device-requests.md is the page.
"""

from ostiary_client.device.envelope import REMEMBERED_MS, WINDOW_MS, Envelope, Misshapen, signing_input
from ostiary_client.device.key import DeviceKey, KeyFileRefused
from ostiary_client.device.snapshot import Snapshot
from ostiary_client.device.verification import Judgement, RequestRefused, remember_ms, verify

__all__ = [
    "REMEMBERED_MS",
    "WINDOW_MS",
    "DeviceKey",
    "Envelope",
    "Judgement",
    "KeyFileRefused",
    "Misshapen",
    "RequestRefused",
    "Snapshot",
    "remember_ms",
    "signing_input",
    "verify",
]
