"""Several machines as network namespaces, each with its own address, name, mounts and data: `make hosts-test`."""
