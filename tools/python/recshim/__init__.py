"""Where the parts of recshim are that its wheel has installed."""

import importlib.metadata
import os

__all__ = ["library", "program"]


def _installed(ending):
    # Where they are depends on how the wheel was installed: into a virtual environment, --user, --target.
    for file in importlib.metadata.files("recshim") or ():
        if file.as_posix().endswith(ending):
            return os.path.normpath(file.locate())
    raise FileNotFoundError(f"the files of the installed package recshim have no {ending}")


def library():
    """The path of librecshim.so, for LD_PRELOAD."""
    return _installed("/recshim/librecshim.so")


def program():
    """The path of the command `recshim`."""
    return _installed("/bin/recshim")
