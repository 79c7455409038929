"""Says where Chromium is, and installs Debian's where there is none and this user may."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")

FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""For every start: nothing that a test did not ask for goes over the network."""


def find() -> str | None:
    """The program's path, None if there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def flags() -> list[str]:
    """The flags for this user: root has no sandbox of its own."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*FLAGS, "--no-sandbox"] if root else list(FLAGS)


def main() -> int:
    """Finds or installs it."""
    if find():
        return 0
    if not shutil.which("apt-get") or os.geteuid() != 0:
        print(
            "Chromium is missing: install it (Debian: `sudo apt-get install chromium`) and try again", file=sys.stderr
        )
        return 1
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core"]):
        done = subprocess.run(["apt-get", *arguments], env=environment, capture_output=True, text=True, check=False)  # noqa: S607
        if done.returncode:
            print(f"apt-get {arguments[0]} failed, so there is no Chromium: {done.stderr.strip()}", file=sys.stderr)
            return 1
    return 0 if find() else 1


if __name__ == "__main__":
    sys.exit(main())
