"""The web server: one event loop holds all connections; threads run only requests that have arrived.

`connection` is what goes over the wire and when it is late, `front` decides what may run, `bridge` runs Flask.
"""
