"""What is done with banks: build, import, check, clean, preview, proposals, new versions."""
