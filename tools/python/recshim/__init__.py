"""Where the parts of recshim are that its wheel has installed."""

import importlib.metadata
import os

__all__ = ["library", "program"]


def _installed(*parts):
    ending = "/".join(parts)
    # Where they are depends on how the wheel was installed: into a virtual environment, by --user or --prefix.
    for file in importlib.metadata.files("recshim") or ():
        if file.as_posix().endswith("../" + ending):
            path = os.path.normpath(file.locate())
            if os.path.exists(path):
                return path
    # By --target all lies in one folder, which pip does not write down.
    path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), *parts)
    if os.path.exists(path):
        return path
    raise FileNotFoundError("the installed package recshim has lost its " + ending)


def library():
    """The path of librecshim.so, for LD_PRELOAD."""
    return _installed("libexec", "recshim", "librecshim.so")


def program():
    """The path of the command `recshim`."""
    return _installed("bin", "recshim")
