"""Does the time of an answer tell what an address is? 2,000 interleaved samples of each class, by ruling 43."""

import itertools
import json
import threading
import time
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection

import pytest

from ostiary.house import open_house
from ostiary.identities import service as identities
from ostiary.settings import read_settings
from tests.flows.server import serving
from tests.login.email_code.handset import OPERATOR, SEND

SAMPLES, WORKERS = 2_000, 16
CLASSES = ("existing", "creatable", "blocked", "throttled")


def auc(one, other):
    """The probability that a sample of `one` is longer than one of `other`, ties counted half (Mann and Whitney)."""
    ordered, below, total = sorted(other), 0, 0.0
    counts = Counter(ordered)
    for value, many in sorted(Counter(one).items()):
        below = sum(count for key, count in counts.items() if key < value)
        total += many * (below + counts.get(value, 0) / 2)
    return total / (len(one) * len(other))


def test_auc_tells_what_differs_from_what_does_not():
    assert auc([1, 2, 3], [1, 2, 3]) == 0.5
    assert auc([4, 5], [1, 2]) == 1
    assert auc([1, 2], [4, 5]) == 0
    assert auc([1, 1, 2], [1, 2, 2]) == pytest.approx(1 - auc([1, 2, 2], [1, 1, 2]))


class Asker:
    """One connection that asks for codes and takes the time."""

    def __init__(self, served):
        self.connection = HTTPConnection("127.0.0.1", served.public_port, timeout=30)
        self.connection.connect()
        self.host = f"localhost:{served.public_port}"

    def close(self):
        self.connection.close()

    def ask(self, email, number):
        """Milliseconds from the request to the whole answer, asked from the place of that number."""
        place = f"10.0.{number >> 8}.{number & 255}"
        headers = {"content-type": "application/json", "host": self.host, "x-forwarded-for": place}
        body = json.dumps({"email": email})
        began = time.perf_counter()
        self.connection.request("POST", SEND, body, headers)
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status == 200
        return round((time.perf_counter() - began) * 1000, 2)


def prepare(served, samples):
    """Make people, and block the addresses of half of them, beside the running server."""
    house = open_house(read_settings(served.environ, served.folder))

    def add(tx):
        for kind, number in itertools.product(("existing", "blocked"), range(samples)):
            identities.add_person(tx, house.keyring, OPERATOR, f"{kind}{number}@example.com")

    house.vault.transact_now(house.scope, add)
    house.close()
    connection = HTTPConnection("127.0.0.1", served.internal_port, timeout=30)
    for number in range(samples):
        body = {"email": f"blocked{number}@example.com", "reason_code": "x", "actor": {"type": "system"}}
        headers = {"content-type": "application/json"}
        connection.request("POST", "/api/v1/internal/user-blocks", json.dumps(body), headers)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["outcome"]) == (200, "blocked")
    connection.close()


def measured(served, samples):
    """Samples of each class, each worker going through all classes in turn."""
    taken, numbers, lock = {name: [] for name in CLASSES}, itertools.count(), threading.Lock()

    def worker():
        with closing(Asker(served)) as asker:
            asked(asker)

    def asked(asker):
        while (number := next(numbers)) < samples:
            asker.ask(f"throttled{number}@example.com", number)
            shuffled = CLASSES[number % 4 :] + CLASSES[: number % 4]
            for name in shuffled:
                spent = asker.ask(f"{name}{number}@example.com", number)
                with lock:
                    taken[name].append(spent)

    threads = [threading.Thread(target=worker) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


@pytest.mark.slow
def test_no_class_of_address_is_told_by_its_time(tmp_path):
    with serving(tmp_path, OSTIARY_TRUSTED_PROXIES="127.0.0.1") as served:
        prepare(served, SAMPLES)
        taken = measured(served, SAMPLES)
    for one, other in itertools.combinations(CLASSES, 2):
        told = auc(taken[one], taken[other])
        print(f"{one} against {other}: AUC {told:.3f}")
        assert 0.45 <= told <= 0.55, (one, other)
    assert all(len(samples) == SAMPLES for samples in taken.values())
