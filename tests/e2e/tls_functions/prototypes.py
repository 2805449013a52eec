"""Which functions a TLS library has for a connection, and how they are called: the names from its
dynamic symbols, the parameters from the headers."""

import dataclasses
import re
import subprocess

# Parameters that are numbers, so that more than one is worth a call.
NUMBER = re.compile(r"\b(int|unsigned|long|size_t|s?size_t|u?int\d+_t|time_t|off_t|gnutls_\w+_t|bool)\b[^*(]*$")


@dataclasses.dataclass
class Function:
    name: str
    parameters: list

    def line(self):
        numbers = any(NUMBER.search(parameter) for parameter in self.parameters[1:])
        words = ", ".join(["ssl"] + ["any"] * (len(self.parameters) - 1))
        return f"CALL({self.name}, {str(numbers).lower()}, {words})\n"


def exported(library):
    listing = subprocess.run(["nm", "-D", "--defined-only", str(library)], check=True, capture_output=True,
                             text=True, timeout=60).stdout
    return {line.split()[-1].split("@")[0] for line in listing.splitlines() if line.split()[-2] in "TWi"}


def parameters_of(text):
    """The parameters between the brackets that text begins with, split at its own commas."""
    depth, words, start = 0, [], 1
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 or (letter == "," and depth == 1):
            words.append(" ".join(text[start:at].split()))
            start = at + 1
        if depth == 0:
            break
    return words


def declared(headers, first, flags=()):
    """The functions of the C++ text `headers` whose first parameter matches the expression `first`."""
    done = subprocess.run(["c++", "-E", "-P", "-xc++", *flags, "-"], input=headers, check=True, capture_output=True,
                          text=True, timeout=60)
    text = re.sub(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)", "", done.stdout)
    found = {}
    for match in re.finditer(r"\b(\w+)\s*(?=\(\s*(?:const\s+)?" + first + ")", text):
        before = text[:match.start()].rstrip()
        statement = re.split(r"[;{}]", before[-400:])[-1]
        if "typedef" in statement or before.endswith("(") or not statement.strip():
            continue
        found.setdefault(match.group(1), Function(match.group(1), parameters_of(text[match.end():].lstrip())))
    return found
