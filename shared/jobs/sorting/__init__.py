"""A job's photos as a tree of folders, one per class: links or copies, never the originals themselves."""
