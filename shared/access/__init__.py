"""Who may do what: keys, scopes, users that a trusted proxy names, and the audit log."""
