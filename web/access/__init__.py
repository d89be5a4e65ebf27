"""Who sends a request and what they may do: keys, logins, users of a trusted proxy; who did what."""
