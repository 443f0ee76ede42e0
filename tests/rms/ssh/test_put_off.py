import sys

import pytest

from rms.ssh._put_off import put_off


@pytest.fixture
def late(tmp_path, monkeypatch):
    """A package that says when it is loaded; the list of what was said."""
    package = tmp_path / "late_package"
    package.mkdir()
    (package / "__init__.py").write_text("import sys\nsys.late_said.append('loaded')\nword = 'x'\n")
    (package / "part.py").write_text("word = 'y'\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "late_said", [], raising=False)
    yield sys.late_said
    for name in [name for name in sys.modules if name.startswith("late_package")]:
        del sys.modules[name]


def test_a_module_loads_when_it_is_used_and_not_when_it_is_imported(late):
    put_off("late_package")
    import late_package

    put_off("late_package")
    assert late == []
    assert late_package.word == "x"
    assert sys.modules["late_package"].word == "x"
    assert late_package.word == "x"
    assert late == ["loaded"]


def test_a_module_loads_when_a_part_of_it_is_imported(late):
    put_off("late_package")
    from late_package.part import word

    assert (word, late) == ("y", ["loaded"])


def test_one_that_is_loaded_stays(late):
    import late_package

    put_off("late_package")
    assert sys.modules["late_package"] is late_package


def test_one_that_is_not_installed_is_still_missing():
    put_off("no_package_of_this_name")
    with pytest.raises(ModuleNotFoundError):
        import no_package_of_this_name  # noqa: F401
