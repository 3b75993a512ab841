"""The local Triton: the server binary of the nvidia-pytriton wheel with our python-backend models, on loopback."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from infra.ids import draw_secret
from infra.stack.child import ChildSpec, Health
from infra.stack.errors import CannotStart
from infra.stack.layout import Layout

MODELS = Path(__file__).parent / "triton_models"
REPO_ROOT = Path(__file__).parents[2]
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
IMPORTABLE_PACKAGES = ("schemas", "infra", "inference_workers")
# Served to nobody: shared memory would let any local process map ours, the others change a running server.
CLOSED_PROTOCOLS = "shared-memory,model-repository,trace,logging"


def wheel_folder() -> Path:
    """site-packages/pytriton/tritonserver. Raises CannotStart when the wheel is missing.

    The package itself is never imported: it would want numpy < 2 and starts a server machinery of its own.
    """
    found = find_spec("pytriton")
    if found is None or not found.submodule_search_locations:
        raise CannotStart("the Python module nvidia-pytriton is missing: delete .venv and run ./verbatim again")
    return Path(found.submodule_search_locations[0]) / "tritonserver"


def stub_binary() -> Path:
    """The python-backend stub for the running Python. Raises CannotStart when the wheel has none."""
    stub = wheel_folder() / "python_backend_stubs" / VERSION / "triton_python_backend_stub"
    if not stub.is_file():
        raise CannotStart(f"Triton's Python backend does not know Python {VERSION}: use 3.11 or 3.12")
    return stub


def require_numpy_1() -> None:
    """Raise CannotStart for a numpy with which the models would crash at their first request.

    The stubs are built against numpy 1 and read the item sizes of numpy 2 as 0: every input arrives garbled.
    """
    found = version("numpy")
    if not found.startswith("1."):
        raise CannotStart(
            f"numpy {found} is installed, Triton's Python models need 1.26: delete .venv and run ./verbatim"
        )


def libpython_folder() -> Path | None:
    """Where the shared libpython that the stub needs lies; None when the system's loader finds it by itself.

    Raises CannotStart when there is none, as with Pythons built without --enable-shared on a bare host.
    """
    soname = f"libpython{VERSION}.so.1.0"
    for folder in (sysconfig.get_config_var("LIBDIR"), f"{sys.base_prefix}/lib"):
        if folder and (Path(folder) / soname).is_file():
            return Path(folder)
    try:
        ctypes.CDLL(soname)
    except OSError:
        raise CannotStart(
            f"{soname} is missing, which Triton's Python models need: install the package libpython{VERSION}"
        ) from None
    return None


def make_backend(folder: Path) -> Path:
    """A backend folder holding the python backend with the stub of the running Python; made anew at each call.

    The folder is on the models' module path, so links in it let them import our own packages.
    """
    target = folder / "backends"
    shutil.rmtree(target, ignore_errors=True)
    source = wheel_folder() / "backends" / "python"
    shutil.copytree(source, target / "python", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(stub_binary(), target / "python")
    for package in IMPORTABLE_PACKAGES:
        (target / "python" / package).symlink_to(REPO_ROOT / package, target_is_directory=True)
    return target


def environment(base: Mapping[str, str]) -> dict[str, str]:
    """The server's and its model processes' environment.

    The stub embeds an isolated Python that ignores PYTHONPATH but finds its site-packages through the first python3
    in PATH: that must be ours.
    """
    libraries = [str(wheel_folder().parents[1] / "nvidia_pytriton.libs")]
    own = libpython_folder()
    if own is not None:
        libraries.append(str(own))
    return {
        "PATH": os.pathsep.join([f"{sys.prefix}/bin", base.get("PATH", os.defpath)]),
        "LANG": "C.UTF-8",
        "HOME": base.get("HOME", "/"),
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        "OPENBLAS_NUM_THREADS": "1",
    }


def spec(layout: Layout, ports: dict[str, int], models: Path, health: Health) -> ChildSpec:
    """The server as a child, serving the model repository `models`."""
    folder = layout.data_of("triton")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    prefix = f"verbatim-{layout.stack_id()[:12]}-"
    argv = (
        str(wheel_folder() / "bin" / "tritonserver"),
        f"--model-repository={models}",
        "--model-control-mode=none",
        f"--backend-directory={make_backend(folder)}",
        f"--backend-config=python,shm-region-prefix-name={prefix}",
        "--disable-auto-complete-config",
        "--allow-http=false",
        "--allow-metrics=false",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={ports['triton']}",
        # a value that nobody is told closes the protocols; it opens nothing worth having
        f"--grpc-restricted-protocol={CLOSED_PROTOCOLS}:verbatim-closed={draw_secret(12)}",
        "--exit-timeout-secs=5",
        "--log-info=false",
    )
    return ChildSpec(
        name="triton",
        role="triton",
        argv=argv,
        env=environment(os.environ),
        cwd=folder,
        health=health,
        start_timeout_s=60,
        stop_grace_s=8,
        unanswered_after_s=15,
        is_server=True,
        shared_memory_prefix=prefix,
    )
