"""A PostgreSQL server that holds the vectors of large banks, so that no worker needs a copy (`WEFT_INDEX_URL`).

The files of a version stay the truth: a table is made of them, checked against them, and can be made again.
"""
