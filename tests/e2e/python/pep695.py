"""Lets Python 3.11 import packages that were written for 3.12: type parameters in brackets
(PEP 695, `def f[T](…)`) are read as TypeVars of the module. All else runs as published."""

import importlib.machinery
import re
import sys

PARAMETERS = re.compile(r"^(\s*(?:async\s+)?(?:def|class)\s+\w+)\[([^\]]*)\]", re.M)
FUTURE = re.compile(r"^from __future__ import .*$", re.M)


class Loader(importlib.machinery.SourceFileLoader):
    def source_to_code(self, data, path, **options):
        text = data.decode()
        names = {part.split(":")[0].strip() for _, inner in PARAMETERS.findall(text) for part in inner.split(",")}
        if names:
            # On the first line, so that tracebacks keep their line numbers.
            head = "from __future__ import annotations; import typing; "
            head += "".join(f"{name} = typing.TypeVar('{name}'); " for name in sorted(names))
            text = head + FUTURE.sub("", PARAMETERS.sub(r"\1", text))
        return super().source_to_code(text.encode(), path, **options)


class Finder(importlib.machinery.PathFinder):
    packages = ()

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.split(".")[0] not in cls.packages:
            return None
        spec = super().find_spec(name, path, target)
        if spec and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


def install(*packages):
    if sys.version_info < (3, 12):
        Finder.packages = packages
        sys.meta_path.insert(0, Finder)
