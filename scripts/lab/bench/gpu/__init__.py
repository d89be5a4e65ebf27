"""What a GPU machine reaches, in minutes and unattended: `python -m scripts.lab.bench.gpu`.

For machines that are lent for a moment: every part is a process of its own with a limit of its own, what it found is
written down at once, and a part that fails leaves its error and stops no other.
"""
