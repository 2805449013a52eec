"""requests over pyOpenSSL, whose OpenSSL is linked statically into cryptography's extension
module: Python's own _ssl and the system's libssl take no part."""

import urllib3.contrib.pyopenssl

import requests_steps

urllib3.contrib.pyopenssl.inject_into_urllib3()
requests_steps.run()
