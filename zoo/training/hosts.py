"""Several hosts that train one model, on JAX: they find each other, and the first one decides.

Each host is one process that reads its rows of every batch, and has all weights. Gradients are
summed over the hosts by the collectives of XLA: gloo between CPUs, NCCL between GPUs. The files of
a run are read and written by the first host alone, and what it finds holds for all.
"""

import atexit
import contextlib
import itertools
import os
import pickle
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from zoo.errors import UserError

START = 300
"""Seconds to wait for hosts that have not started yet."""
HEARTBEAT = 60
"""Seconds after which a host that says nothing counts as lost."""
_A_WEEK = 7 * 24 * 3600  # for the others to wait for what the first one does alone
_LOST = (
    "a host of this run has stopped or cannot be reached, so that all have ended: see what it "
    "says; the checkpoint of the last finished epoch, if there is one, is kept: start all again, "
    "with --resume and --out"
)
_NETWORK = re.compile("gloo|nccl|coordination|UNAVAILABLE|DEADLINE_EXCEEDED", re.IGNORECASE)
_numbers = itertools.count()  # of the messages of the first host, in the same order everywhere


@contextlib.contextmanager
def joined(addresses: str | None = None, index: int | None = None) -> Iterator[None]:
    """Context of a run on several hosts, or on this one alone where no others are told of.

    Where another host is lost, the process ends with one line, whatever it does at that moment.
    Within it native code prints nothing.

    Args:
        addresses: `HOST:PORT,HOST:PORT,…`, the hosts, which meet at the first. None for what a
            launcher has set: the variables `KERAS_DISTRIBUTION_JOB_ADDRESSES` and
            `KERAS_DISTRIBUTION_PROCESS_ID`, or those by which `jax.distributed.initialize` knows
            Slurm, Open MPI, an indexed job of Kubernetes and Cloud TPU.
        index: which of them this one is, from 0.

    It ends so too where the hosts do not find each other within `START` seconds.

    Raises:
        UserError: the addresses make no sense, or the backend is not JAX.
    """
    place = _place(addresses, index)
    if place is None:
        yield
        return
    with _native_code_silenced():
        _initialize(place)
        bystander = _Bystander(_LOST)
        try:
            yield
            import jax

            jax.distributed.shutdown()  # once the first one has done what it does alone
            bystander.dismiss()
        except BaseException as error:
            # Whoever has to end waits for nobody.
            if not isinstance(error, UserError) and _NETWORK.search(str(error)):
                os._exit(2)
            if is_first():
                time.sleep(2)  # for the others to say the same, if they are about to
            bystander.leave(130 if isinstance(error, KeyboardInterrupt) else 2)
            raise


def count() -> int:
    """How many hosts train."""
    return _client().num_processes if _client() else 1


def is_first() -> bool:
    """Whether this is the host that reads and writes the files of the run."""
    return not _client() or _client().process_id == 0


def from_first(make: Callable[[], Any]) -> Any:
    """What `make` returns on the first host, on each of them; the others do not call it.

    A UserError that it raises there is raised everywhere.
    """
    state = _client()
    if not state:
        return make()
    from jax.experimental import multihost_utils

    key, error, value, content = f"zoo/{next(_numbers)}", None, None, b""
    if is_first():
        try:
            value = make()
        except UserError as raised:
            error = raised
        # From a process of the same run: what it sends is trusted as its gradients are.
        content = pickle.dumps((error and str(error), value))
        state.client.key_value_set(key, str(len(content)))
    size = int(state.client.blocking_key_value_get(key, _A_WEEK * 1000))
    sent = np.frombuffer(content or bytes(size), "uint8")
    message, found = pickle.loads(multihost_utils.broadcast_one_to_all(sent).tobytes())
    if error or message:
        raise error or UserError(message)
    return value if is_first() else found


def on_first(make: Callable[[], Any]) -> Any:
    """What `make` returns on the first host; None on the others, which wait for it."""
    made: list[Any] = []
    from_first(lambda: made.append(make()))
    return made[0] if made else None


def require_agreement(settings: dict[str, Any]) -> None:
    """Refuses, by a UserError, to go on where this host has other settings than the first."""
    first = from_first(lambda: settings)
    if other := [name for name in settings if settings[name] != first.get(name)]:
        raise UserError(
            f"this host differs from the first one in {', '.join(other)}: start all of them with "
            "the same command, on the same data"
        )


def data_parallel(batch_size: int) -> contextlib.AbstractContextManager:
    """The scope of a model that is trained on all devices of all hosts, where there are several.

    A UserError says that they cannot share batches of this size evenly.
    """
    if keras.backend.backend() != "jax" or (devices := keras.distribution.get_device_count()) == 1:
        return contextlib.nullcontext()
    if batch_size % devices:
        raise UserError(
            f"{devices} devices cannot share batches of {batch_size} evenly: give a --batch-size "
            f"that {devices} divides"
        )
    # The batches of the zoo are shares already.
    return keras.distribution.DataParallel(auto_shard_dataset=False).scope()


def _client() -> Any:
    """The state of JAX' distributed runtime if this process takes part in one, else None."""
    if keras.backend.backend() != "jax":
        return None
    from jax._src.distributed import global_state  # no public way to the store of keys and values

    return global_state if global_state.client is not None else None


def _place(addresses: str | None, index: int | None) -> dict[str, Any] | None:
    """The arguments of `jax.distributed.initialize`; None where this host is alone."""
    on_jax = keras.backend.backend() == "jax"
    if addresses is None and index is None:
        addresses = os.environ.get("KERAS_DISTRIBUTION_JOB_ADDRESSES") if on_jax else None
        if addresses is None:
            return {} if on_jax and _launched() else None
        index = int(os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID", -1))
    if addresses is None or index is None:
        raise UserError("give --hosts and --host-index together")
    hosts = addresses.split(",")
    for host in hosts:
        named = re.fullmatch(r"(\[[^]]+\]|[^:\s]+):(\d{1,5})", host)
        if not named or not 0 < int(named[2]) < 2**16:
            raise UserError(f"{host!r} of --hosts is not HOST:PORT, such as 10.0.0.1:1234")
    if len(set(hosts)) < max(2, len(hosts)):
        raise UserError("--hosts needs two addresses or more, each another")
    if not 0 <= index < len(hosts):
        raise UserError(
            f"--host-index is {index}; of {len(hosts)} hosts it must be from 0 to {len(hosts) - 1}"
        )
    if not on_jax:
        raise UserError("training on several hosts needs JAX: set KERAS_BACKEND=jax on each")
    return {"coordinator_address": hosts[0], "num_processes": len(hosts), "process_id": index}


def _launched() -> bool:
    """Whether a launcher that JAX knows has started several processes, of which this is one."""
    told = os.environ.get
    return (
        ("SLURM_STEP_NODELIST" in os.environ and int(told("SLURM_NTASKS", 1)) > 1)
        or ("OMPI_MCA_orte_hnp_uri" in os.environ and int(told("OMPI_COMM_WORLD_SIZE", 1)) > 1)
        or ("KUBERNETES_SERVICE_HOST" in os.environ and "JOB_COMPLETION_INDEX" in os.environ)
        or "," in told("TPU_PROCESS_ADDRESSES", told("TPU_WORKER_HOSTNAMES", ""))
    )


def _initialize(place: dict[str, Any]) -> None:
    """`keras.distribution.initialize`, which takes no times, with times of our own."""
    import jax

    where = f" at {place['coordinator_address']}" if place else ""
    meeting = _Bystander(
        f"the hosts have not met{where} within {START} seconds: start all of them, and see that "
        "they reach the first one there, where nothing else may listen"
    )
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.config.update("jax_enable_preemption_service", False)  # else SIGTERM does not end it
    try:
        jax.distributed.initialize(
            **place,
            initialization_timeout=START,
            heartbeat_timeout_seconds=HEARTBEAT,
            shutdown_timeout_seconds=_A_WEEK,
        )
        jax.devices()  # here the hosts connect
    except (RuntimeError, ValueError):
        os._exit(2)  # JAX may end the process itself at this moment; the bystander says why
    meeting.dismiss()


class _Bystander:
    """A process that prints a line on standard error if this one ends without a word.

    JAX ends the process itself, from a thread and with a trace, when it finds that a host is lost.
    """

    def __init__(self, line: str) -> None:
        script = 'read -r word || printf "error: %s\\n" "$1" >&2'
        self._process = subprocess.Popen(
            ["sh", "-c", script, "sh", line],
            stdin=subprocess.PIPE,
            stderr=sys.stderr,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """Says that the end, when it comes, is a good one."""
        assert self._process.stdin
        if not self._process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(b"end\n")
                self._process.stdin.close()
            self._process.wait()

    def leave(self, code: int) -> None:
        """Lets this process end for a reason that it gives itself, without waiting for others."""
        self.dismiss()
        atexit.register(_end, code)


def _end(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


@contextlib.contextmanager
def _native_code_silenced() -> Iterator[None]:
    """Context in which native code prints nothing, nor after it if it fails; Python code does."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    streams = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    descriptors = {}
    for number, (name, stream) in enumerate(streams.items(), 1):
        stream.flush()
        descriptors[number] = os.dup(number)
        setattr(sys, name, open(descriptors[number], "w", encoding="utf-8", buffering=1))  # noqa: SIM115
        os.dup2(nowhere, number)
    yield
    for number, (name, stream) in enumerate(streams.items(), 1):
        getattr(sys, name).flush()
        os.dup2(descriptors[number], number)
        setattr(sys, name, stream)
