"""Measure the verifier against py_webauthn and cbor2: `python -m tests.passkeys.compare` (decision 5 quotes it).

Thread CPU time; the candidates of a pair take turns in 25 rounds; a ratio is the median over the rounds, with the
bootstrap 95 % interval of that median.
"""

import io
import random
import statistics
import time
from collections import Counter

import cbor2
import webauthn
from webauthn.helpers.exceptions import WebAuthnException

from ostiary.passkeys.cbor import decode
from ostiary.passkeys.webauthn import Stored
from tests.passkeys import ceremonies, hostile, hostile_authenticators, hostile_clients, hostile_keys

ROUNDS, CALLS = 25, 40
EXPECTED = {
    "expected_challenge": ceremonies.CHALLENGE,
    "expected_rp_id": ceremonies.PARTY.id,
    "expected_origin": ceremonies.ORIGIN,
    "require_user_verification": True,
}
CASES = hostile_clients.CASES + hostile_authenticators.CASES + hostile_keys.CASES


def cost(call):
    """Microseconds of CPU for one call."""
    begin = time.thread_time_ns()
    for _ in range(CALLS):
        call()
    return (time.thread_time_ns() - begin) / CALLS / 1000


def interval(ratios):
    """The bootstrap 95 % interval of a median."""
    source = random.Random(5)
    medians = sorted(statistics.median(source.choices(ratios, k=len(ratios))) for _ in range(2000))
    return medians[50], medians[1949]


def compare(name, ours, theirs):
    """Take turns, and print what came out."""
    rounds = [(cost(ours), cost(theirs)) for _ in range(ROUNDS)]
    ratios = [mine / other for mine, other in rounds]
    low, high = interval(ratios)
    mine, other = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"{name:34} {mine:7.1f} {other:7.1f}   {statistics.median(ratios):.2f} [{low:.2f}, {high:.2f}]")


def ceremony(algorithm):
    """One honest ceremony in both verifiers."""
    key = ceremonies.passkey(algorithm=algorithm)
    sent = ceremonies.created(key)
    new = ceremonies.verify_created(sent)
    known = Stored(new.algorithm, new.public_key, 1, new.backup_eligible, new.backed_up)
    back = ceremonies.gotten(key)
    expected = EXPECTED | {"credential_public_key": new.public_key, "credential_current_sign_count": 1}
    compare(
        f"registration, algorithm {algorithm}",
        lambda: ceremonies.verify_created(sent),
        lambda: webauthn.verify_registration_response(credential=sent, **EXPECTED),
    )
    compare(
        f"assertion, algorithm {algorithm}",
        lambda: ceremonies.verify_gotten(back, known),
        lambda: webauthn.verify_authentication_response(credential=back, **expected),
    )


def reading():
    """One attestation object through both readers, cbor2 as strict as it goes."""
    raw = ceremonies.unb64(ceremonies.created(ceremonies.passkey())["response"]["attestationObject"])
    compare(
        "reading an attestation object",
        lambda: decode(raw),
        lambda: cbor2.CBORDecoder(
            io.BytesIO(raw), max_depth=8, allow_indefinite=False, allow_duplicate_keys=False
        ).decode(),
    )


def theirs(case):
    """What py_webauthn makes of a lie."""
    sent, known = hostile.told(case)
    try:
        if known:
            key = {"credential_public_key": known.public_key, "credential_current_sign_count": known.sign_count}
            webauthn.verify_authentication_response(credential=sent, **EXPECTED, **key)
        else:
            webauthn.verify_registration_response(credential=sent, **EXPECTED)
    except WebAuthnException:
        return "refused"
    except Exception as error:  # noqa: BLE001 - the question is what escapes
        return f"escaped: {type(error).__name__}"
    return "admitted"


def lies():
    """Every lie through py_webauthn, except those that need a word of policy which it does not take."""
    judged = [(case, theirs(case)) for case in CASES if not case.rp]
    print(f"\n{len(judged)} lies to py_webauthn:", dict(Counter(said for _, said in judged)))
    for word, count in Counter(case.fault.value for case, said in judged if said == "admitted").items():
        print(f"  {count:3} admitted that we call {word}")


if __name__ == "__main__":
    print(f"{'microseconds of CPU':34} {'ours':>7} {'theirs':>7}   ours / theirs")
    for number in (-7, -257, -8):
        ceremony(number)
    reading()
    lies()
