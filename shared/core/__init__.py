"""What every layer uses: settings, errors, messages, names, logging. Imports nothing above it."""
