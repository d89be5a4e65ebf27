"""Commands about a server elsewhere (WEFT_URL), over its API alone: nothing here knows Redis, banks or models."""
