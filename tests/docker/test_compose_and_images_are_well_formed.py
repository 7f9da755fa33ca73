"""What can be known about the images and the compose file without a Docker engine."""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
DOCKERFILES = sorted(DOCKER.glob("*Dockerfile"))
SCRIPTS = [*sorted(DOCKER.glob("*.sh")), ROOT / ".ci" / "run"]


def instructions(dockerfile: Path) -> list[list[str]]:
    text = dockerfile.read_text().replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_every_copied_file_is_in_the_repository(dockerfile: Path) -> None:
    copies = [words for words in instructions(dockerfile) if words[0] == "COPY"]
    sources = [source for words in copies if not words[1].startswith("--from=") for source in words[1:-1]]
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_database_image_runs_the_shared_scripts() -> None:
    runs = [" ".join(words) for words in instructions(DOCKER / "Dockerfile") if words[0] == "RUN"]
    assert any("provision.sh" in run for run in runs)
    assert any("make install" in run for run in runs)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_executable_and_parse(script: Path) -> None:
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)


@pytest.fixture(scope="module")
def compose() -> dict:
    """The compose file as Docker's own client resolves it; that needs the client, not an engine."""
    if not shutil.which("docker"):
        pytest.skip("no docker client here")
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode != 0:
        pytest.skip("the docker client here has no compose plugin")
    command = ["docker", "compose", "--file", DOCKER / "compose.yaml", "config", "--format", "json"]
    passwords = {"POSTGRES_PASSWORD": "one", "WORKER_PASSWORD": "two"}
    resolved = subprocess.run(command, env=os.environ | passwords, capture_output=True, text=True)
    assert resolved.returncode == 0, resolved.stderr
    return json.loads(resolved.stdout)


def test_compose_starts_a_database_and_a_worker_that_come_back(compose: dict) -> None:
    assert compose["services"].keys() == {"database", "worker"}
    for service in compose["services"].values():
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"]


def test_compose_publishes_nothing_beyond_this_machine(compose: dict) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
