"""Coarse labels: what a person recognises, and nothing that could tell one browser of a kind from another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.sessions.agents import agent_label

SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0"


@pytest.mark.parametrize(
    ("agent", "label"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0.0.0 Safari/537.36", "Chrome on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0.0.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36 OPR/120.0", "Opera on Linux"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI} Safari/605.1.15", "Safari on macOS"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {SAFARI} Safari/604.1", "Safari on iPhone"),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {SAFARI} CriOS/140.0 Safari/604.1",
            "Chrome on iPhone",
        ),
        (f"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) {SAFARI} FxiOS/140.0 Safari/604.1", "Firefox on iPad"),
        ("Mozilla/5.0 (Linux; Android 16) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (X11; CrOS x86_64 1.0) Chrome/140.0 Safari/537.36", "Chrome on ChromeOS"),
        ("curl/8.0", "curl"),
        ("something on Linux", "Unknown browser on Linux"),
        ("", "Unknown browser"),
        ("a secret thing", "Unknown browser"),
    ],
)
def test_label(agent, label):
    assert agent_label(agent) == label


@given(st.text())
def test_a_label_is_one_of_few_whatever_the_agent_says(agent):
    browser, _, system = agent_label(agent).partition(" on ")
    assert browser in {"Edge", "Opera", "Firefox", "Chrome", "Chromium", "Safari", "curl", "Unknown browser"}
    assert system in {"", "Android", "iPhone", "iPad", "Windows", "macOS", "ChromeOS", "Linux"}
