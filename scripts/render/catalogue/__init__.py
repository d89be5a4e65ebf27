"""The rows of the table of classes, a file a way of making cloth."""
