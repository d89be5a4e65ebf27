"""Requests of every kind at a running Weft, made up from its OpenAPI document."""
