"""The local Triton: the server binary of the nvidia-pytriton wheel with our python-backend models, on loopback.

It runs in a virtual environment of its own. Where that cannot be, a plain process serves the same models in its place.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from infra.cache import cache_dir
from infra.ids import draw_secret
from infra.stack.child import ChildSpec, Health
from infra.stack.jars import Say
from infra.stack.layout import Layout
from infra.stack.triton_environment import TritonEnvironment, make_environment, triton_environment
from infra.stack.triton_python import NoTritonPython, find_triton_python

MODELS = Path(__file__).parent / "triton_models"
REPO_ROOT = Path(__file__).parents[2]
IMPORTABLE_PACKAGES = ("schemas", "infra", "inference_workers")
# Not served: shared memory would let any local process map ours, the others change a running server.
CLOSED_PROTOCOLS = "shared-memory,model-repository,trace,logging"
START_TIMEOUT_S = 60.0
TRITON_VERSION = "2.51.0"
"""Of the server in the wheel, which names it nowhere."""
STAND_IN = "a plain process serves the local model"


def make_backend(folder: Path, environment: TritonEnvironment) -> Path:
    """A backend folder holding the python backend with the stub of the environment's Python; made again at each call.

    The folder is on the models' module path, so links in it let them import our own packages.
    """
    target = folder / "backends"
    shutil.rmtree(target, ignore_errors=True)
    source = environment.server / "backends" / "python"
    shutil.copytree(source, target / "python", ignore=shutil.ignore_patterns("__pycache__"))
    stubs = environment.server / "python_backend_stubs" / environment.python.version
    shutil.copy2(stubs / "triton_python_backend_stub", target / "python")
    for package in IMPORTABLE_PACKAGES:
        (target / "python" / package).symlink_to(REPO_ROOT / package, target_is_directory=True)
    return target


def server_variables(environment: TritonEnvironment, base: Mapping[str, str]) -> dict[str, str]:
    """The server's and its model processes' environment variables.

    The stub embeds an isolated Python that ignores PYTHONPATH but finds its site-packages through the first python3
    in PATH: that must be the environment's.
    """
    libraries = [str(environment.packages / "nvidia_pytriton.libs"), environment.python.libraries]
    return {
        "PATH": os.pathsep.join([str(environment.root / "bin"), base.get("PATH", os.defpath)]),
        "LANG": "C.UTF-8",
        "HOME": base.get("HOME", "/"),
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
        "OPENBLAS_NUM_THREADS": "1",
    }


def spec(
    layout: Layout,
    ports: dict[str, int],
    models: Path,
    health: Health,
    say: Say,
    start_timeout_s: float = START_TIMEOUT_S,
) -> ChildSpec:
    """What serves the model repository `models` as a child: Triton, or the plain process where Triton cannot run.

    Blocking: at the first start it installs Triton.
    """
    try:
        environment = triton_environment(find_triton_python(os.environ), cache_dir())
        make_environment(environment, say)
    except NoTritonPython as error:
        made = _plain(layout, ports, models, health, f"Triton is not running: {error}; {STAND_IN}")
    else:
        made = _triton(layout, ports, models, health, environment)
    return replace(made, start_timeout_s=start_timeout_s)


def _triton(
    layout: Layout, ports: dict[str, int], models: Path, health: Health, environment: TritonEnvironment
) -> ChildSpec:
    folder = layout.data_of("triton")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    prefix = f"verbatim-{layout.stack_id()[:12]}-"
    argv = (
        str(environment.server / "bin" / "tritonserver"),
        f"--model-repository={models}",
        "--model-control-mode=none",
        f"--backend-directory={make_backend(folder, environment)}",
        f"--backend-config=python,shm-region-prefix-name={prefix}",
        "--disable-auto-complete-config",
        "--allow-http=false",
        "--allow-metrics=false",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={ports['triton']}",
        # a secret value disables these protocols; they are not needed
        f"--grpc-restricted-protocol={CLOSED_PROTOCOLS}:verbatim-closed={draw_secret(12)}",
        "--exit-timeout-secs=5",
        "--log-info=false",
    )
    return ChildSpec(
        name="triton",
        role="triton",
        argv=argv,
        env=server_variables(environment, os.environ),
        cwd=folder,
        health=health,
        stop_grace_s=8,
        unanswered_after_s=15,
        is_server=True,
        shared_memory_prefix=prefix,
    )


def _plain(layout: Layout, ports: dict[str, int], models: Path, health: Health, note: str) -> ChildSpec:
    folder = layout.data_of("triton")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    arguments = ("--port", str(ports["triton"]), "--models", str(models))
    return ChildSpec(
        name="local-model",
        role="triton",
        argv=(sys.executable, "-m", "infra.local_model.plain", *arguments),
        env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "PYTHONPATH": str(REPO_ROOT)},
        cwd=folder,
        health=health,
        stop_grace_s=8,
        unanswered_after_s=15,
        is_server=True,
        note=note,
    )
