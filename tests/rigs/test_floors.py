"""The floors of coverage."""

import json

from tests.rigs import floors


def report(**covered):
    files = {f"src/ostiary/{name}/service.py": lines for name, lines in covered.items()}
    summary = {"num_statements": 80, "num_branches": 20, "covered_branches": 0}
    return {"files": {name: {"summary": summary | {"covered_lines": lines}} for name, lines in files.items()}}


def test_lines_and_branches_count_alike_and_by_feature():
    assert floors.shares(report(mail=60, keys=80)) == {"mail": 60.0, "keys": 80.0}


def test_the_heart_has_a_higher_floor():
    assert (floors.floor("sessions"), floors.floor("mail")) == (90, 80)


def test_below_a_floor_is_a_failure(tmp_path, capsys):
    file = tmp_path / "report.json"
    file.write_text(json.dumps(report(mail=80)))
    assert floors.main(file) == 0
    file.write_text(json.dumps(report(mail=79)))
    assert floors.main(file) == 1
    assert "BELOW" in capsys.readouterr().out


def test_a_file_belongs_to_its_feature():
    assert floors.owner(("src", "ostiary", "app.py")) == "app"
    assert floors.owner(("src", "ostiary", "login", "methods", "oidc", "model.py")) == "login"
    assert floors.owner(("src", "ostiary_client", "middleware.py")) == "ostiary_client"
