"""`python -m scripts.cli`: the same as `weft`."""

from scripts.cli.entry import main

main()
