import os
import stat

import pytest

from archdsl.write import check_files, write_files


def test_files_and_their_folders_are_written(tmp_path):
    path = tmp_path / "generated" / "net" / "model.py"
    write_files({path: "x = 1\n"})
    assert path.read_bytes() == b"x = 1\n"
    assert [p.name for p in path.parent.iterdir()] == ["model.py"]


def test_a_file_that_is_current_is_not_touched(tmp_path):
    path = tmp_path / "model.py"
    write_files({path: "x = 1\n"})
    os.utime(path, (1, 1))
    write_files({path: "x = 1\n"})
    assert path.stat().st_mtime == 1


def test_a_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "model.py"
    path.write_text("old\n")
    path.chmod(0o640)
    write_files({path: "new\n"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_either_all_files_are_written_or_none(tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be\n")
    files = {tmp_path / "model.py": "new\n", blocked / "train.py": "new\n"}
    with pytest.raises(OSError, match="blocked"):
        write_files(files)
    assert [p.name for p in tmp_path.iterdir()] == ["blocked"]


def test_nothing_differs_after_writing(tmp_path):
    files = {tmp_path / "model.py": "x = 1\n"}
    write_files(files)
    assert check_files(files) == ""


def test_the_difference_is_a_unified_diff(tmp_path):
    path = tmp_path / "model.py"
    path.write_text("x = 1\ny = 2\n")
    found = check_files({path: "x = 1\ny = 3\n"})
    assert found.splitlines()[2:] == ["@@ -1,2 +1,2 @@", " x = 1", "-y = 2", "+y = 3"]


def test_a_missing_file_differs_in_every_line(tmp_path):
    found = check_files({tmp_path / "model.py": "x = 1\n"})
    assert found.splitlines()[0] == "--- /dev/null"
    assert "+x = 1" in found
