"""The commands of `weft`, one file a group; `scripts.cli` loads each only when it is called."""
