"""Backup, restore, and what may be removed."""
