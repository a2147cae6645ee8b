"""The development server as a whole: ports, threads, start and stop."""

import contextlib
import logging
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
import uvicorn

from zoo.errors import UserError
from zoo.serving import c_library
from zoo.serving.server import NAME, ports, rest, rpc
from zoo.serving.server.manager import Manager

_LOG = logging.getLogger(__name__)
_STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}


@dataclass(frozen=True)
class Limits:
    """What the server takes on at most.

    Attributes:
        request_bytes: of one request.
        requests: at the same time, on each of the two ports; more are refused.
        threads: that run models; other requests wait.
        upload_seconds: for the arrival of a request.
        stop_seconds: for requests under way when the server is stopped.
    """

    request_bytes: int = 16 * 2**20
    requests: int = 256
    threads: int = 8
    upload_seconds: float = 30.0
    stop_seconds: float = 30.0


class DevelopmentServer:
    """Serves models on a gRPC and a REST port.

    Args:
        configs: `ModelConfig` messages, with distinct names.
        host: name or address of the interface to listen on.
        port: of gRPC; 0 for any that is free.
        rest_port: of REST; 0 for any that is free.
        limits: `Limits`.

    Attributes:
        port, rest_port: those that it listens on.
        manager: the `Manager` of the models.

    Raises:
        UserError: a port cannot be had.
    """

    def __init__(self, configs, host="127.0.0.1", port=8500, rest_port=8501, limits=None):
        self._limits = limits or Limits()
        self.manager = Manager(configs)
        self._executor = ThreadPoolExecutor(self._limits.threads, "model")
        with contextlib.ExitStack() as on_failure:
            self._socket = on_failure.enter_context(ports.listen(host, rest_port))
            self.rest_port = self._socket.getsockname()[1]
            self._rpc = self._make_rpc()
            self.port = _add_port(self._rpc, host, port)
            self._rest = self._make_rest()
            on_failure.pop_all()
        self._rest_thread = threading.Thread(
            target=self._rest.run, args=([self._socket],), name="rest", daemon=True
        )

    def start(self):
        """Starts answering; the models are loaded meanwhile.

        Raises:
            UserError: TensorFlow is not installed.
        """
        c_library.library()  # alone: what it keeps from standard error might be a line of the log
        self._rpc.start()
        self._rest_thread.start()
        self.manager.start()

    def stop(self):
        """Stops: requests under way are answered, new ones refused."""
        seconds = self._limits.stop_seconds
        stopped = self._rpc.stop(seconds)
        self._rest.should_exit = True
        self._rest_thread.join()
        stopped.wait()
        self.manager.stop(seconds)
        self._executor.shutdown()

    def _make_rpc(self):
        size = self._limits.request_bytes
        server = grpc.server(
            self._executor,
            options=[
                ("grpc.so_reuseport", 0),  # else a second server could listen on the same port
                ("grpc.max_receive_message_length", size),
                ("grpc.max_send_message_length", -1),
            ],
            maximum_concurrent_rpcs=self._limits.requests,
        )
        rpc.add_services(server, self.manager)
        return server

    def _make_rest(self):
        config = uvicorn.Config(
            rest.application(self.manager, self._executor, self._limits),
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            headers=[("Server", NAME)],
            timeout_graceful_shutdown=round(self._limits.stop_seconds),
        )
        return uvicorn.Server(config)


def run(configs, host, port, rest_port):
    """Serves until the process gets SIGINT or SIGTERM.

    Args:
        configs, host, port, rest_port: as for `DevelopmentServer`.

    Raises:
        UserError: a port cannot be had.
    """
    with _log_to_stderr():
        server = DevelopmentServer(configs, host, port, rest_port)
        # Blocked in every thread started from here on, and taken below by the main thread alone.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        try:
            server.start()
            _LOG.warning(
                "development server, to try models out; in production use TensorFlow Serving"
            )
            _LOG.info(
                "gRPC on %s, REST on http://%s; stop with Control-C",
                ports.address(host, server.port),
                ports.address(host, server.rest_port),
            )
            received = signal.sigwait(_STOP_SIGNALS)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)  # a second signal ends it at once
        _LOG.info("%s: stopping", signal.Signals(received).name)
        server.stop()


@contextlib.contextmanager
def _log_to_stderr():
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"%(asctime)s {NAME} %(levelname)s %(message)s"))
    loggers = {"zoo.serving.server": logging.INFO, "uvicorn.error": logging.WARNING}
    for name, level in loggers.items():
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name in loggers:
            logging.getLogger(name).removeHandler(handler)


def _add_port(server, host, port):
    """Lets a gRPC server listen; what it says of a failure is not for users."""
    ports.require_free(host, port)
    try:
        return server.add_insecure_port(ports.address(host, port))
    except RuntimeError as error:
        raise UserError(
            f"cannot listen on {ports.address(host, port)}: give another host or port"
        ) from error
