"""The page in docs says what code and tests say."""

from pathlib import Path

from ostiary.membrane.table import ROWS
from ostiary.web.catalogue import codes_of
from tests.membrane import page
from tests.membrane.recoveries import CASES
from tests.membrane.stage import PATHS, WHOLE

PAGE = Path(__file__).parents[2] / "docs" / "contracts" / "membrane.md"


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page.page(), "python -m tests.membrane.page > docs/contracts/membrane.md"


def test_every_code_of_every_operation_has_a_test():
    declared = {(row.operation.name, code) for row in ROWS for code in codes_of(row.operation)}
    assert set(CASES) == declared


def test_every_code_of_the_membrane_is_answered_by_some_operation():
    assert page.idle() == set(page.UNUSED)


def test_every_operation_stands_at_the_contracts_path_and_can_be_asked():
    assert {row.operation.name: row.operation.path for row in ROWS} == PATHS
    assert set(PATHS) == set(WHOLE)
