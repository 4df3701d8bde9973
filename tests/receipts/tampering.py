"""A log that was written as it should be, and hands that change it behind the server's back."""

import sqlite3
from contextlib import closing, contextmanager

import psycopg

from ostiary.house import database_url
from ostiary.receipts import verification
from ostiary.receipts.heads import public_keys, signed_head
from ostiary.receipts.model import leaf_bytes
from ostiary.receipts.proofs import disagreement
from ostiary.receipts.rows import signed_text
from ostiary.receipts.sequencer import drain
from ostiary.receipts.tree import Frontier, leaf_hash
from ostiary.storage import schema

SMALL = verification.Workers(stretch=8)
TABLES = ("receipts", "tree_leaves")


class Log:
    """The log of a home, with every receipt in its tree and no trigger in the way."""

    def __init__(self, home):
        self.home, self.url = home, database_url(home.settings)
        self.on_sqlite = home.house.vault.dialect == "sqlite"
        self.settle()
        self._disarm()

    def settle(self):
        while not self.on_sqlite and self.home.act(drain):
            pass

    def head(self):
        return self.home.read(lambda tx: signed_head(tx, self.home.house.keyring))

    def find(self, *heads, signatures=False, workers=SMALL):
        """What a verification finds: None, or the first fault."""
        keys = public_keys(self.home.house.keyring)
        report = verification.verify(
            self.url, self.home.scope, keys, signatures=signatures, workers=workers, progress=lambda *_: None
        )
        found = report.finding or self.home.read(verification.stray)
        for head in heads:
            public = keys.get(head.key, ("", b""))[1]
            found = found or self.home.read(lambda tx, head=head, public=public: disagreement(tx, head, public))
        return found

    @contextmanager
    def hands(self):
        made = sqlite3.connect(self.url.removeprefix("sqlite:///")) if self.on_sqlite else _dial(self.url)
        with closing(made):
            yield made
            made.commit()

    def run(self, sql, *values):
        with self.hands() as hands:
            return hands.execute(sql if self.on_sqlite else sql.replace("?", "%s"), values).rowcount

    def look(self, sql, *values):
        with self.hands() as hands:
            return hands.execute(sql if self.on_sqlite else sql.replace("?", "%s"), values).fetchall()

    def row(self, seq):
        """One receipt's row, and its names."""
        with self.hands() as hands:
            cursor = hands.execute(f"SELECT * FROM receipts WHERE seq = {seq}")
            return dict(zip([one[0] for one in cursor.description], cursor.fetchone(), strict=True))

    def put(self, row):
        """Write a row anew."""
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        self.run(f"INSERT INTO receipts ({names}) VALUES ({marks})", *row.values())

    def forge(self):
        """Build the tree anew over what stands there, as somebody would who has read the source."""
        rows = self.look("SELECT 0, seq, 0, * FROM receipts ORDER BY seq")
        self.run("DELETE FROM tree_leaves")
        edge = Frontier()
        for row in rows:
            place = edge.size
            made = edge.append(leaf_hash(leaf_bytes(signed_text(row), row[17])))
            self.run("INSERT INTO tree_leaves (leaf, seq, hashes) VALUES (?, ?, ?)", place, row[1], made)

    def _disarm(self):
        with self.hands() as hands:
            if self.on_sqlite:
                for (name,) in hands.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                    hands.execute(f"DROP TRIGGER {name}")
            else:
                for table in TABLES:
                    hands.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")


def _dial(url):
    return psycopg.connect(schema.libpq_url(url))
