"""What a process loads when it imports mapcore."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "numba",
    "llvmlite",
    "ortools",
    "matplotlib",
    "asyncio",
    "socket",
    "ssl",
    "http",
    "sqlite3",
}
OF_THE_PLANNER = {"mapcore.planning", "mapcore.documents", "mapcore.cluster", "mapcore.cli"}
OF_THE_COMMAND = {"click", "rich", "rapidjson", "msgspec"}


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after `statement`."""
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def loaded_by_editable_install() -> set[str]:
    """Return what the interpreter loads at start, an editable install's finder included."""
    return loaded_by("import importlib.util; importlib.util.find_spec('mapcore')")


def test_import_mapcore_loads_no_part_of_it_until_asked() -> None:
    assert {name for name in loaded_by("import mapcore") if name.startswith("mapcore.")} == set()


@pytest.mark.parametrize(
    "statement",
    ["import mapcore", "from mapcore import PartitionMap", "from mapcore import Router"],
)
def test_maps_and_routers_load_neither_planner_nor_command_nor_their_libraries(
    statement: str, loaded_by_editable_install: set[str]
) -> None:
    loaded = loaded_by(statement) - loaded_by_editable_install
    assert not loaded & (HEAVY | OF_THE_PLANNER | OF_THE_COMMAND)


def test_every_public_name_can_be_loaded() -> None:
    import mapcore

    for name in mapcore.__all__:
        assert getattr(mapcore, name) is not None


def test_unknown_names_raise_attribute_error() -> None:
    import mapcore

    with pytest.raises(AttributeError, match="no attribute 'Planer'"):
        _ = mapcore.Planer


def test_no_public_name_is_also_a_module_which_would_hide_it_once_imported() -> None:
    import pkgutil

    import mapcore

    modules = {module.name for module in pkgutil.iter_modules(mapcore.__path__)}
    assert not modules & set(mapcore.__all__)
