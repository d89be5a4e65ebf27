"""Executes another program that dies with its parent: `launch.py PARENT SIGNAL PROGRAM ARGUMENT…`.

A separate program without site-packages or project imports, so that it starts in milliseconds: PR_SET_PDEATHSIG
(prctl(2)) has to be set by the process itself, and survives exec.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, sig, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, sig, 0, 0, 0)
        if os.getppid() != parent:
            # The parent died before prctl.
            os.kill(os.getpid(), sig)
    os.execvp(program[0], program)


if __name__ == "__main__":
    main()
