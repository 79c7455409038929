"""Pins every dependency anew, from pyproject.toml, with the hashes of all platforms and without any index's address."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMPILE = (
    *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--upgrade", "--universal"),
    *("--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate"),
)


def main() -> None:
    """Writes the locks; run and lambda take the versions of dev, the others stand alone."""
    dev = ("-c", "requirements/dev.lock")
    for arguments in (
        ("pyproject.toml", "--group", "dev", "-o", "requirements/dev.lock"),
        ("pyproject.toml", *dev, "-o", "requirements/run.lock"),
        ("--group", "lambda", *dev, "-o", "requirements/lambda.lock"),
        ("--group", "tools", "-o", "requirements/tools.lock"),
        ("--group", "checkov", "-o", "requirements/checkov.lock"),
        ("pyproject.toml", "--group", "engines", "-c", "requirements/dev.lock", "-o", "requirements/engines.lock"),
        ("pyproject.toml", "--group", "browser", "-c", "requirements/dev.lock", "-o", "requirements/browser.lock"),
        ("--group", "focus", "-o", "requirements/focus.lock"),
        ("--group", "baselines", "-o", "requirements/baselines.lock"),
    ):
        subprocess.run([*COMPILE, *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
