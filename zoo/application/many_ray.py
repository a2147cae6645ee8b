"""Parts of many predictions by Ray Data, on one machine or on all of a cluster."""

import logging
import os
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import ray

from zoo.application.many_jobs import Counts, Job
from zoo.datasets.readers.row_files import Piece
from zoo.errors import UserError
from zoo.predictors import catalogue
from zoo.predictors.silence import silence_stderr

_MEMORY = 2**27  # bytes of the store of objects, which hold little but numbers
_MOST_BLOCKS = 10_000


class _Writer:
    """An actor: it holds the model, and writes the parts that it is given."""

    def __init__(self, job: Job) -> None:
        os.chdir(job.home)
        self._job = job
        self._job.predictor  # noqa: B018  # now, not with the first part

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        found = [
            [*self._job.write(int(number), pickle.loads(piece))]
            for number, piece in zip(batch["number"], batch["piece"], strict=True)
        ]
        return {
            "rows": np.array([sum(one.rows for one in part) for part in found]),
            "failed": np.array([sum(one.failed for one in part) for part in found]),
        }


def write(job: Job, todo: dict[int, Piece], actors: int | None) -> Iterator[Counts]:
    """Writes parts, and yields how many rows each has, as they are done.

    What is being written when an actor dies is written again, by another; a part has its name only
    when it is whole, so that no row is lost or there twice.
    """
    own = not ray.is_initialized()
    if own:
        _start(actors)
    try:
        actors = actors or max(1, int(ray.cluster_resources().get("CPU", 2)) - 1)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        items = [{"number": n, "piece": pickle.dumps(piece)} for n, piece in todo.items()]
        data = ray.data.from_items(items, override_num_blocks=min(len(items), _MOST_BLOCKS))
        written = data.map_batches(
            _Writer,
            fn_constructor_args=(job,),
            batch_size=1,
            num_cpus=1,
            compute=ray.data.ActorPoolStrategy(size=min(actors, len(items))),
        )
        for row in written.iter_rows():
            yield Counts(int(row["rows"]), int(row["failed"]))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise error.cause from error
        raise
    finally:
        if own:
            ray.shutdown()


def _start(actors: int | None) -> None:
    """Joins the cluster that `RAY_ADDRESS` names, or starts one on this machine."""
    quiet = {"RAY_DATA_LOG_LEVEL": "ERROR", "RAY_BACKEND_LOG_LEVEL": "fatal"}
    for name, value in {"RAY_USAGE_STATS_ENABLED": "0", **quiet}.items():
        os.environ.setdefault(name, value)
    threads = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    variables = {name: os.environ.get(name, "1") for name in threads}  # an actor, a processor
    variables["TF_CPP_MIN_LOG_LEVEL"] = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3")
    if backend := os.environ.get("KERAS_BACKEND"):
        variables["KERAS_BACKEND"] = backend
    here: dict[str, Any] = {}
    if not os.environ.get("RAY_ADDRESS"):
        paths = [str(catalogue.ROOT), os.environ.get("PYTHONPATH", "")]
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        processors = len(os.sched_getaffinity(0))
        here = {"num_cpus": max(processors, actors or 1), "object_store_memory": _MEMORY}
        here["include_dashboard"] = False
    logging.getLogger("ray").setLevel(logging.ERROR)
    with silence_stderr():  # which tells of these variables
        ray.init(
            logging_level=logging.ERROR,
            log_to_driver=False,
            runtime_env={"env_vars": variables},
            **here,
        )
