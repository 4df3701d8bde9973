"""Signed heads: frozen in tests/wire/heads.json, made when the log has grown, carried off in three ways."""

import asyncio
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ostiary.keys.model import Purpose
from ostiary.receipts.heads import Head, head_bytes, head_holds, public_keys, read_head, read_heads, spell
from ostiary.receipts.model import LogSettings, leaf_bytes
from ostiary.receipts.publishing import HeadPublisher
from ostiary.receipts.tree import Frontier, leaf_hash

WIRE = Path(__file__).parents[1] / "wire"
VECTORS = json.loads((WIRE / "heads.json").read_text())
RECEIPTS = json.loads((WIRE / "receipts.json").read_text())["receipts"]
PUBLIC = bytes.fromhex(VECTORS["public"])


@pytest.mark.parametrize("vector", VECTORS["heads"], ids=lambda one: one["why"])
def test_frozen_vector(vector):
    head = read_head(json.dumps(vector["head"]))
    assert head_bytes(head).decode() == vector["canonical"]
    assert head_holds(head, PUBLIC)
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["private"]))
    assert private.sign(head_bytes(head)).hex() == head.signature
    assert json.loads(spell(head)) == vector["head"]


def test_frozen_leaves():
    edge = Frontier()
    for wanted, receipt in zip(VECTORS["leaves"], RECEIPTS, strict=True):
        leaf = leaf_hash(leaf_bytes(receipt["canonical"].encode(), bytes.fromhex(receipt["signature"])))
        assert (leaf.hex(), edge.append(leaf).hex(), edge.root().hex()) == (
            wanted["hash"],
            wanted["stored"],
            wanted["root"],
        )


@pytest.mark.parametrize("field", ["size", "root", "at", "key"])
def test_no_field_can_be_changed(field):
    head = read_head(json.dumps(VECTORS["heads"][1]["head"]))
    other = msgspec.structs.replace(head, **{field: 1 if isinstance(getattr(head, field), int) else "x"})
    assert not head_holds(other, PUBLIC)
    assert not head_holds(head, None)
    assert not head_holds(msgspec.structs.replace(head, format="ostiary.head.v2"), PUBLIC)


def test_a_torn_line_is_left_out_and_an_odd_one_is_not():
    line = json.dumps(VECTORS["heads"][1]["head"])
    assert [head.size for head in read_heads(f"{line}\n{line[:40]}\n{line}\n{line[:50]}")] == [6, 6]
    assert read_heads("") == []
    for odd in ('{"size": 1}', '{"size": "6"}', "{}", line.replace("{", '{"more": 1, ')):
        with pytest.raises(ValueError, match="not a signed head"):
            read_heads(odd)


class Kept:
    """A publisher of this home, and what it printed."""

    def __init__(self, home, **settings):
        self.home, self.printed = home, []
        house = home.house
        self.publisher = HeadPublisher(
            house.vault,
            home.scope,
            house.keyring,
            LogSettings(**settings),
            self.printed.append,
            home.settings.data_dir / "heads.test",
        )

    def publish(self):
        self.home.run(self.publisher.publish())

    @property
    def heads(self):
        return [read_head(line.removeprefix("head       ")) for line in self.printed]


def test_a_head_is_made_when_the_log_has_grown_and_not_again(anywhere):
    kept = Kept(anywhere)
    kept.publish()
    kept.publish()
    anywhere.open()
    kept.publish()
    first, second = kept.heads
    assert (first.size + 1, second.size) == (second.size, len(anywhere.receipts()))
    keys = public_keys(anywhere.house.keyring)
    assert all(head_holds(head, keys[head.key][1]) for head in kept.heads)


def test_of_several_workers_one_publishes_each_head(anywhere, tmp_path):
    crowd = [Kept(anywhere, head_file=tmp_path / "heads") for _ in range(4)]

    async def all_at_once():
        await asyncio.gather(*(kept.publisher.publish() for kept in crowd))

    for _ in range(2):
        anywhere.open()
        anywhere.run(all_at_once())
    printed = [head for kept in crowd for head in kept.heads]
    assert len(printed) == 2
    assert sorted(printed, key=lambda head: head.size) == read_heads((tmp_path / "heads").read_text())


def test_a_worker_goes_on_where_one_that_was_killed_got_to(home):
    first, second = Kept(home), Kept(home)
    first.publish()
    home.run(second.publisher.publish())
    assert second.printed == []


def test_heads_are_appended_to_a_file_one_a_line(home, tmp_path):
    file = tmp_path / "heads"
    kept = Kept(home, head_file=file)
    kept.publish()
    home.open()
    kept.publish()
    assert read_heads(file.read_text()) == kept.heads
    assert len(kept.heads) == 2


def test_a_line_that_was_torn_is_ended_before_the_next(home, tmp_path):
    file = tmp_path / "heads"
    file.write_text('{"size": 3, "ro')
    kept = Kept(home, head_file=file)
    kept.publish()
    assert read_heads(file.read_text()) == kept.heads


def test_a_file_that_cannot_be_written_is_tried_again_and_stops_nothing(home, tmp_path):
    file = tmp_path / "away" / "heads"
    kept = Kept(home, head_file=file)
    kept.publish()
    assert len(kept.heads) == 1
    file.parent.mkdir()
    kept.publish()
    assert [head.size for head in read_heads(file.read_text())] == [kept.heads[0].size]
    assert len(kept.printed) == 1


@contextmanager
def receiver(*statuses):
    """A webhook on this machine that answers these statuses in turn; yields its address and what came."""
    came, left = [], list(statuses)

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            came.append((self.path, self.headers["content-type"], body))
            self.send_response(left.pop(0))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/heads?from=here", came
        finally:
            server.shutdown()
            thread.join()


def test_heads_are_posted_and_what_failed_goes_with_the_next(home):
    with receiver(200, 500, 302, 204) as (url, came):
        kept = Kept(home, head_webhook=url)
        kept.publish()
        home.open()
        for _ in range(4):
            kept.publish()
    assert [(path, kind) for path, kind, _ in came] == [("/heads?from=here", "application/json")] * 4
    sizes = [read_head(body).size for *_, body in came]
    assert sizes == [sizes[0], sizes[0] + 1, sizes[0] + 1, sizes[0] + 1]


def test_a_webhook_that_is_not_there_stops_nothing(home):
    kept = Kept(home, head_webhook="http://127.0.0.1:9/")
    kept.publish()
    assert len(kept.heads) == 1


def test_no_transaction_is_open_while_a_webhook_thinks(home):
    """The webhook does not answer before another transaction was committed."""
    written = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self):
            home.house.vault.transact_now(home.scope, lambda tx: tx.shrink("session", "x"))
            written.set()
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        Kept(home, head_webhook=f"http://127.0.0.1:{server.server_port}/").publish()
        thread.join()
    assert written.is_set()


def test_receipt_keys_outlive_every_rotation_and_collection(anywhere):
    """So that the oldest receipt and the oldest head verify for ever."""
    home = anywhere
    old = Kept(home)
    old.publish()
    neighbour = home.beside()
    neighbour.rotate(Purpose.RECEIPT)
    home.clock.turn(4000 * 24 * 3600 * 1_000_000)
    home.collect()
    home.crash()
    keys = public_keys(home.house.keyring)
    assert head_holds(old.heads[0], keys[old.heads[0].key][1])
    home.open()
    new = Kept(home)
    new.publish()
    assert new.heads[0].key != old.heads[0].key
    assert head_holds(new.heads[0], keys[new.heads[0].key][1])
    assert isinstance(new.heads[0], Head)
