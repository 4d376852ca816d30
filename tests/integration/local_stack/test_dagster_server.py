"""Dagster as the demo starts it."""

import shutil
from pathlib import Path

import pytest

from local_stack.dagster_server import running_dagster
from local_stack.servers.process import ServerFailed
from local_stack.stack import PROJECT, Stack

WORKSPACE = "load_from:\n  - python_file: {relative_path: broken.py, location_name: broken}\n"


def test_a_code_location_that_does_not_load_is_named_with_its_error_on_one_line(stack: Stack, tmp_path: Path):
    shutil.copy(PROJECT / "dagster.yaml", tmp_path)
    (tmp_path / "workspace.yaml").write_text(WORKSPACE)
    (tmp_path / "broken.py").write_text("import no_such_package\n")
    with (
        pytest.raises(
            ServerFailed, match=r"broken does not load: .*No module named 'no_such_package'"
        ) as failed,
        running_dagster(tmp_path, stack.environment, project=tmp_path, preferred_port=None),
    ):
        pass
    assert "\n" not in str(failed.value)
