"""What scripts/recipes/ tells users to do, done: each recipe's commands record a project (recipes/)
against a server and replay it offline. Of the CI files and the Dockerfile, what this machine can run."""

import fnmatch
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

from harness import container, paths
from harness import lab as labs

RECIPES = paths.SOURCE / "scripts" / "recipes"
PROJECTS = paths.E2E / "recipes"
# The section of README.md: the project that it is tried on, the files that it goes with, and its program.
TOOLS = {
    "pytest-xdist": ("python", [], "pytest"),
    "tox": ("python", ["tox.ini"], "tox"),
    "nox": ("python", ["noxfile.py"], "nox"),
    "npm": ("node", ["package.json"], "npm"),
    "go test": ("go", [], "go"),
    "ctest": ("ctest", ["CMakeLists.txt"], "ctest"),
}
# What the tools install beforehand, as the recipes leave that to them. Needs the network.
PREPARATIONS = {"tox": ["tox", "run", "--notest", "-e", "record,replay"],
                "nox": ["nox", "--install-only", "-s", "record", "replay"]}
ASKED = 2


def sections():
    """The commands of each section of the recipes' README."""
    found, name = {}, None
    for line in (RECIPES / "README.md").read_text().splitlines():
        if line.startswith("## "):
            name = re.split(r"[:,]", line[3:])[0]
            found[name] = []
        elif line.startswith("    "):
            found[name].append(line.strip())
    return found


def path():
    return f"{paths.BUILD}:{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"


def project(lab, name, files):
    folder = lab.folder / "project"
    shutil.copytree(PROJECTS / name, folder)
    for file in files:
        shutil.copy(RECIPES / file, folder)
    lab.dir = folder / "recordings"
    return folder


def prepare(command, folder):
    """As a user does, with the versions that the tests' own environment has."""
    constraints = folder.parent / "constraints.txt"
    wanted = (paths.E2E / "requirements.txt").read_text().splitlines()
    constraints.write_text("\n".join(line for line in wanted if re.match(r"pytest==", line)))
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
                          env={**os.environ, "PATH": path(), "PIP_CONSTRAINT": str(constraints)})
    assert done.returncode == 0, done.stdout + done.stderr


def run_command(lab, folder, command, what, offline=False):
    """By a shell that is set as CI services set it; the journal is left in the project."""
    journal = folder / "journal.jsonl"
    journal.unlink(missing_ok=True)
    env = lab.shim_env("replay", LD_PRELOAD=None, RECSHIM_MODE=None, RECSHIM_DIR=None, PATH=path(),
                       RECSHIM_JOURNAL="journal.jsonl", NODE_EXTRA_CA_CERTS=str(lab.pki.ca),
                       GOCACHE=str(paths.WORK / "go-cache"), GOTOOLCHAIN="local", NO_UPDATE_NOTIFIER="1")
    if offline:
        env.pop("RECSHIM_CONNECT_TO")
    prefix = labs.unshare("--net") if offline else []
    result = lab.run([*prefix, "bash", "-eo", "pipefail", "-c", command], env, what, cwd=folder, timeout=480)
    assert result.status == 0, f"{command}\n{result.account()}\n{lab.log_tail()}"
    return labs.read_journal(journal)


def record_and_replay(lab, folder, record, replay):
    lab.serve()
    recorded = run_command(lab, folder, record, "record")
    assert labs.outcomes(recorded) == ["recorded"] * ASKED
    lab.stop_servers()
    assert len(lab.recordings()) == ASKED
    before = lab.snapshot()
    replayed = run_command(lab, folder, replay, "replay", offline=True)
    assert labs.outcomes(replayed) == ["hit"] * ASKED
    assert lab.snapshot() == before
    return replayed


@pytest.mark.parametrize("tool", TOOLS)
def test_tool(lab, tool):
    name, files, program = TOOLS[tool]
    if shutil.which(program, path=path()) is None:
        pytest.skip(f"{program} is not installed")
    record, replay = sections()[tool]
    folder = project(lab, name, files)
    if tool in PREPARATIONS:
        prepare(PREPARATIONS[tool], folder)
    replayed = record_and_replay(lab, folder, record, replay)
    if tool == "ctest":
        assert sorted(line["test_id"] for line in replayed) == ["moons", "planets"]


def test_every_section_is_tried():
    assert set(sections()) == {*TOOLS, "GitHub Actions", "Docker"}


# --- CI services ----------------------------------------------------------------------


def github():
    """The steps' scripts by name, and what is kept."""
    workflow = yaml.safe_load((RECIPES / "github-actions.yml").read_text())
    # YAML 1.1 reads the key `on` as true.
    assert set(workflow[True]) == {"push", "workflow_dispatch", "schedule"}
    (job,) = workflow["jobs"].values()
    scripts = {step["name"]: step["run"] for step in job["steps"] if "run" in step}
    (upload,) = [step for step in job["steps"] if step.get("uses", "").startswith("actions/upload-artifact")]
    assert upload["if"] == "always()"
    assert "options" not in job["container"]
    return workflow["env"], scripts["Install recshim"], scripts["Record"], scripts["Replay"], upload["with"]["path"].split()


def gitlab():
    file = yaml.safe_load((RECIPES / "gitlab-ci.yml").read_text())
    base = file[".tests"]
    jobs = {name: "\n".join(file[name]["script"]) for name in ("record", "replay")}
    assert all(file[name]["extends"] == ".tests" for name in jobs)
    assert base["artifacts"]["when"] == "always"
    return (file["variables"], "\n".join(base["before_script"]), jobs["record"], jobs["replay"],
            base["artifacts"]["paths"])


def assert_shell(script):
    checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, timeout=20)
    assert checked.returncode == 0, f"{script}\n{checked.stderr}"


def assert_commands_exist(script):
    """The first word of each command is a program here, or one of ours at the place it was cloned to."""
    for line in script.splitlines():
        for command in re.split(r"\s*(?:&&|\|)\s*", line.strip()):
            word = shlex.split(command)[0]
            ours = re.sub(r"^/tmp/recshim/", f"{paths.SOURCE}/", word)
            assert shutil.which(ours, path=path()) or word in ("set", "cd"), f"{word} is no command ({line})"


@pytest.mark.parametrize("service", [github, gitlab])
def test_ci(lab, service):
    variables, install, record, replay, kept = service()
    assert variables["RECSHIM_JOURNAL"] == "journal.jsonl"
    for script in (install, record, replay):
        assert_shell(script)
        assert_commands_exist(script)
    folder = project(lab, "python", [])
    if problem := container.why_not():
        pytest.skip(problem)
    # The jobs run in containers.
    record, replay = (shlex.join(map(str, contained("bash", "-eo", "pipefail", "-c", script)))
                      for script in (record, replay))
    record_and_replay(lab, folder, record, replay)
    assert "2 replayed" in (folder / "tests.txt").read_text()
    for path_ in kept:
        assert (folder / path_).exists(), path_


# --- Containers -----------------------------------------------------------------------


def test_dockerfile(tmp_path):
    text = (RECIPES / "Dockerfile").read_text()
    instructions = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    assert {word for word, _ in instructions} == {"FROM", "RUN", "COPY", "WORKDIR"}
    releases = [re.search(r"bookworm", words) for word, words in instructions if word == "FROM"]
    assert len(releases) == 2 and all(releases), "what is built on one Debian is used on another"
    for word, words in instructions:
        if word == "RUN":
            assert_shell(words)
            programs = [command.split()[0] for command in re.split(r"\s*&&\s*", words)]
            for program in programs:
                place = paths.SOURCE / program if "/" in program else shutil.which(program, path=path())
                assert program == "cd" or (place and pathlib.Path(place).exists()), words
    # The package has the name that is copied, at the place where `cpack` in build/ leaves it.
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not installed")
    subprocess.run(["cpack", "--config", paths.BUILD / "CPackConfig.cmake", "-B", tmp_path], check=True,
                   capture_output=True, timeout=120)
    (copied,) = [words.split()[1] for word, words in instructions if word == "COPY" and words.startswith("--from=build")]
    (package,) = tmp_path.glob("*.deb")
    assert fnmatch.fnmatch(f"/recshim/build/{package.name}", copied)


def docker_runs():
    """The inner command of each `docker run` in README."""
    runs = [re.fullmatch(r"docker run --rm -v \S+ -w /work recshim-python (recshim .*)", line)
            for line in sections()["Docker"]]
    return [run[1] for run in runs if run]


def contained(*command):
    return [sys.executable, paths.E2E / "harness" / "container.py", *command]


def test_docker_default_limits(lab):
    """They are enough, and doctor finds nothing missing."""
    problem = container.why_not()
    if problem:
        pytest.skip(problem)
    (inner,) = docker_runs()
    folder = project(lab, "python", [])
    lab.serve()
    lab.serve(tls=False)
    run_command(lab, folder, "recshim run --mode record -- pytest", "record")
    lab.stop_servers()
    command = shlex.join(map(str, contained(*shlex.split(inner))))
    assert labs.outcomes(run_command(lab, folder, command, "replay", offline=True)) == ["hit"] * ASKED
    checks = doctor(lab)
    assert [check for check in checks.values() if check["state"] == "missing"] == []
    assert checks["ptrace"]["state"] == "note"


def doctor(lab):
    # The lab's own folder may be too long for a socket's path.
    env = {name: value for name, value in lab.base_env().items() if name != "XDG_RUNTIME_DIR"}
    told = lab.run(contained(paths.LAUNCHER, "doctor", "--json"), env, "doctor")
    return {check["name"]: check for check in json.loads(told.stdout)["system"]}
