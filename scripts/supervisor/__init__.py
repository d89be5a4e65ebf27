"""`weft up`: the embedded Redis pair and the supervisor of everything that runs on one machine."""
