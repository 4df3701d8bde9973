import pytest

pytest.register_assert_rewrite("tests.contracts.login_method")
