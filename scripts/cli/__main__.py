"""`python -m scripts.cli`: the same as `weft`."""

from scripts.cli.main import main

main()
