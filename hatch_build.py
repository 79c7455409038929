"""Builds the dashboard's assets where they are stale, and refuses a wheel or an sdist without them."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def _frontend() -> ModuleType:
    spec = importlib.util.spec_from_file_location("frontend_build", Path(__file__).parent / "frontend" / "build.py")
    assert spec is not None  # noqa: S101 - the file is part of the source tree
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Assets(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before every build, an editable install's too."""

    def dependencies(self) -> list[str]:
        """Node, only where something is to be built."""
        frontend = _frontend()
        return [frontend.NODE_PACKAGE] if frontend.stale() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds what is stale."""
        del version, build_data
        frontend = _frontend()
        if frontend.stale():
            frontend.build()
        if missing := [name for name in frontend.BUILT if not (frontend.STATIC / name).is_file()]:
            raise RuntimeError(f"the dashboard's assets are not there: {', '.join(missing)}")
