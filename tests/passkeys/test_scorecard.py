"""The page in docs says what the tests say."""

from pathlib import Path

from tests.passkeys import scorecard

PAGE = Path(__file__).parents[2] / "docs" / "webauthn-scorecard.md"


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == scorecard.page(), (
        "python -m tests.passkeys.scorecard > docs/webauthn-scorecard.md"
    )
