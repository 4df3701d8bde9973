"""`ostiary receipts verify` and `export`: the log proves itself, here and elsewhere."""

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ostiary.cli.terminal import Number, house, one
from ostiary.house import House, database_url
from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import SettingsError
from ostiary.kernel.values import Scope
from ostiary.keys.model import Purpose
from ostiary.receipts import export as exported
from ostiary.receipts.heads import Head, public_keys, read_heads
from ostiary.receipts.model import Receipt
from ostiary.receipts.proofs import disagreement, prove_receipt
from ostiary.receipts.sequencer import drain, waits
from ostiary.receipts.service import signed_by
from ostiary.receipts.verification import Finding, Report, Workers, stray
from ostiary.receipts.verification import verify as walk

__all__ = ["export", "verify"]

_HEADS = 1_000
_STEP = 10_000


def verify(
    *,
    signatures: bool = False,
    head: str | None = None,
    receipt: Path | None = None,
    progress: bool = False,
    json_: bool = False,
) -> int:
    """Prove that no receipt was altered, dropped, inserted or moved.

    Walks the whole log and holds it against its tree; where something is wrong, the first fault is named and
    the exit code is 1.

    Parameters
    ----------
    signatures
        Check every signature too, which takes about a minute for a million on one core.
    head
        A signed head from outside, as JSON, or a file of them: finds a cut tail, and a log that was made anew.
        Unless it is given, the file of OSTIARY_HEAD_FILE is used where there is one.
    receipt
        Prove instead that this one receipt, a JSON object in a file, is in the log.
    progress
        Show progress on standard error even if that is no terminal.
    json_
        Print one JSON object.
    """
    with house() as opened:
        _settle(opened)
        if receipt:
            return _one_receipt(opened, _receipt(receipt), as_json=json_)
        heads = _heads(head, opened.settings.log.head_file)
        began = opened.clock()
        report = _walked(opened, signatures=signatures, shown=progress or sys.stderr.isatty())
        finding = report.finding or opened.vault.read_now(opened.scope, stray) or _against(opened, heads)
        disowned = _disowned(opened)
        took = opened.clock() - began
    facts = {"good": finding is None, "size": report.size, "root": report.root or None, "signatures": signatures}
    told = facts | {"disowned": disowned, "heads": len(heads), "seconds": round(took / SECOND, 3)}
    found = msgspec.to_builtins(finding) if finding else None
    if json_:
        one(told | {"finding": found}, as_json=True)
    else:
        one(_readable(told) | ({"found": _sentence(finding)} if finding else {}), as_json=False)
    return 1 if finding else 0


def export(*, since: Number = 0, out: Path | None = None) -> int:
    """Write the log out, with what is needed to verify it elsewhere.

    It is NDJSON: a line with keys, count and a signed head, then a line for each receipt.
    `python -m ostiary_client.verifier` verifies it without this database. The keys inside prove nothing about
    who made the export: compare them with keys that were handed over otherwise.

    Parameters
    ----------
    since
        Only receipts after the one with this sequence number.
    out
        A file to make, instead of standard output.
    """
    with house() as opened:
        _settle(opened)
        rows = exported.lines(opened.vault, opened.scope, opened.keyring, since)
        if out is None:
            count = _write(sys.stdout.buffer, rows)
        else:
            with _new(out) as file:
                count = _write(file, rows)
                file.flush()
                os.fsync(file.fileno())
    sys.stderr.write(f"{count} receipts\n")
    return 0


def _new(out: Path) -> BinaryIO:
    try:
        return out.open("xb")
    except FileExistsError:
        raise SettingsError(f"{out} is there, and an export overwrites nothing: name another file by --out") from None


def _write(file: BinaryIO, rows: Any) -> int:  # noqa: ANN401 - lines of several shapes
    lines = 0
    for row in rows:
        file.write(json.dumps(row).encode() + b"\n")
        lines += 1
    return lines - 1


def _settle(opened: House) -> None:
    """Take what still waits into the tree (PostgreSQL)."""
    while opened.vault.read_now(opened.scope, waits):
        opened.vault.transact_now(opened.scope, drain)


def _walked(opened: House, *, signatures: bool, shown: bool) -> Report:
    cores = len(os.sched_getaffinity(0))
    workers = Workers(cores, _STEP * 2, _STEP_OF_SIGNATURES) if signatures else Workers(cores)
    url, keys = database_url(opened.settings), public_keys(opened.keyring)
    return walk(url, opened.scope, keys, signatures=signatures, workers=workers, progress=_progress(shown=shown))


_STEP_OF_SIGNATURES = 8_192


def _disowned(opened: House) -> int:
    """Return how many receipts a revoked key signed: whoever stole it could have signed them too."""
    revoked = [key.id for key in opened.keyring.all() if key.purpose is Purpose.RECEIPT and key.revoked_at]
    return opened.vault.read_now(opened.scope, partial(signed_by, keys=revoked))


def _progress(*, shown: bool) -> Callable[[int, int], None]:
    def told(done: int, size: int) -> None:
        if shown:
            sys.stderr.write(f"\r{done:,} of {size:,} receipts" + ("\n" if done == size else ""))
            sys.stderr.flush()

    return told


def _against(opened: House, heads: list[Head]) -> Finding | None:
    keys = public_keys(opened.keyring)
    for head in heads:
        public = keys.get(head.key, ("", b""))[1]
        found = opened.vault.read_now(opened.scope, partial(disagreement, head=head, public=public))
        if found:
            return found
    return None


def _heads(given: str | None, usual: Path | None) -> list[Head]:
    """Read the newest thousand heads that were given. Raises SettingsError where they cannot be read."""
    try:
        if given and given.lstrip().startswith("{"):
            found = read_heads(given)
        else:
            path = Path(given) if given else usual
            found = read_heads(path.read_text("utf-8")) if path and (given or path.exists()) else []
    except ValueError as fault:
        raise SettingsError(f"cannot read the heads: {fault}") from fault
    if given and not found:
        raise SettingsError("there is no signed head in what --head names: it was torn, or is another file")
    return found[-_HEADS:]


def _receipt(path: Path) -> Receipt:
    try:
        return exported.read_receipt(json.loads(path.read_text("utf-8")))
    except ValueError as fault:
        raise SettingsError(f"cannot read {path}: {fault}") from fault


def _one_receipt(opened: House, receipt: Receipt, *, as_json: bool) -> int:
    made = opened.vault.read_now(Scope(receipt.tenant), lambda tx: prove_receipt(tx, opened.keyring, receipt))
    if as_json:
        one({"good": made is not None, "proof": msgspec.to_builtins(made) if made else None}, as_json=True)
    elif made:
        one({"receipt": receipt.id, "in the log": "yes", "leaf": f"{made.leaf} of {made.head.size}"}, as_json=False)
    else:
        one({"receipt": receipt.id, "in the log": "NO: neither this receipt nor one like it"}, as_json=False)
    return 0 if made else 1


def _readable(told: dict[str, Any]) -> dict[str, object]:
    signed = "each one holds" if told["good"] else "looked at"
    if told["disowned"]:
        signed += f"; {told['disowned']:,} are by a revoked key: whoever stole it could have signed them"
    return {
        "receipts": f"{told['size']:,}",
        "whole": "yes" if told["good"] else "NO",
        "root": told["root"] or "-",
        "signatures": signed if told["signatures"] else "not looked at",
        "heads": f"{told['heads']} from outside" if told["heads"] else "none given: a cut tail would not be seen",
        "seconds": told["seconds"],
    }


def _sentence(finding: Finding) -> str:
    place = [f"receipt {finding.receipt}" if finding.receipt else ""]
    place += [f"number {finding.seq}" if finding.seq >= 0 else "", f"leaf {finding.leaf}" if finding.leaf >= 0 else ""]
    where = ", ".join(part for part in place if part)
    return f"{finding.kind}: {where}{': ' if where else ''}{finding.words}"
