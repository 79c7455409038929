"""`python -m farthing`."""

from farthing.cli import main

main()
