"""Load on the web server: slow and many clients at once, measured from outside (docs/decisions/web-server.md)."""
