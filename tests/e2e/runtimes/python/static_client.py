"""requests on a Python whose _ssl has OpenSSL linked into it: it exports nothing that could be hooked."""

import _ssl
import pathlib

import requests_steps

assert "libssl" not in pathlib.Path("/proc/self/maps").read_text(), _ssl.__file__
requests_steps.run()
