"""Where a result comes from: device, backend, seed, seconds and versions, beside every number shown."""

from __future__ import annotations

import functools
import platform
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

from engine.core import devices

LIBRARIES = ("numpy", "scipy", "torch", "triton", "transformers", "diffusers")


@dataclass(frozen=True)
class Provenance:
    """How one result was made.

    seconds: wall time of the experiment alone. recorded: whether it was computed earlier and read from a file,
    then on `date` (ISO 8601), on a machine where `load` processes ran or waited in the minute before (None where the
    system does not say): a clock's figures mean little on a busy one. cached: whether an earlier run of the same parameters in this process is shown.
    """

    device: str
    dtype: str
    backend: str
    seed: int | None
    seconds: float
    versions: dict[str, str] = field(default_factory=dict)
    recorded: bool = False
    date: str = ""
    load: float | None = None
    cached: bool = False

    def plain(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return asdict(self)


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the installed libraries that compute."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def of(result: Any, params: Any, seconds: float) -> Provenance:
    """The provenance of a live result. A result names its `backend`, `dtype` and `device` where they differ from
    numpy, float64 and the CPU."""
    backend = getattr(result, "backend", "numpy")
    device = getattr(result, "device", None) or ("cuda" if backend == "triton" else "cpu")
    if device == "cpu":
        device = devices.cpu_name()
    elif device.startswith("cuda"):
        device = devices.current().name
    return Provenance(
        device=device,
        dtype=getattr(result, "dtype", "float64"),
        backend=backend,
        seed=getattr(params, "seed", None),
        seconds=seconds,
        versions=versions(),
    )
