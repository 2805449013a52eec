import nox

nox.options.sessions = ["replay"]
nox.options.reuse_venv = "yes"


def tests(session, *options):
    session.install("pytest")
    session.run("recshim", "run", *options, "--", "pytest", *session.posargs, external=True)


@nox.session
def record(session):
    tests(session, "--mode", "record")


@nox.session
def replay(session):
    tests(session, "--strict")
