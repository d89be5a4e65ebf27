"""What `weft evaluate` and the HTML reports are made of."""
