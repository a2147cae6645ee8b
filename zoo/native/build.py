"""Builds the native operation with the C++ compiler of CXX, or g++ or clang++.

    python -m zoo.native.build

About half a minute. Where there is no compiler nothing changes, and the exit code is 1.
"""

import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from zoo.errors import UserError
from zoo.native import FOLDER, library

OPTIONS = ("-O3", "-std=c++17", "-fPIC", "-fvisibility=hidden", "-ffp-contract=fast", "-Wno-psabi")
INSTRUCTIONS = {
    "plain": (),
    "avx2": ("-mavx2", "-mfma"),
    "avx512": ("-mavx512f", "-mavx512vl", "-mfma"),
}


def compiler() -> list[str] | None:
    """The C++ compiler, with the options that CXX names; None where there is none.

    Raises:
        UserError: CXX names one that is not there.
    """
    if named := shlex.split(os.environ.get("CXX", "")):
        if not shutil.which(named[0]):
            raise UserError(f"CXX names {named[0]}, which is not there")
        return named
    found = next(filter(shutil.which, ("g++", "clang++")), None)
    return [found] if found else None


def compile_sources(folder: Path, *options: str, sources: tuple[Path, ...] = ()) -> list[str]:
    """Compiles the kernels for each set of instructions, and what else there is.

    Args:
        folder: where the object files go.
        options: more options of the compiler.
        sources: what is compiled beside the kernels and their schedule.

    Returns:
        The object files.

    Raises:
        UserError: if there is no compiler, or it fails.
    """
    kinds = INSTRUCTIONS if platform.machine() == "x86_64" else {"plain": ()}
    commands = {
        f"{kind}.o": [str(FOLDER / "kernels.cc"), f"-DINSTRUCTIONS={kind}", *flags]
        for kind, flags in kinds.items()
    }
    for source in (FOLDER / "schedule.cc", *sources):
        commands[f"{source.stem}.o"] = [str(source), f"-I{FOLDER}"]

    def compile_one(name: str) -> str:
        run([*OPTIONS, *options, "-c", *commands[name], "-o", str(folder / name)])
        return str(folder / name)

    with ThreadPoolExecutor() as pool:
        return list(pool.map(compile_one, commands))


def run(arguments: list[str]) -> None:
    """Runs the compiler.

    Raises:
        UserError: if there is none, or it fails.
    """
    found = compiler()
    if found is None:
        raise UserError("There is no C++ compiler: install g++ or clang++, or set CXX")
    result = subprocess.run([*found, *arguments], capture_output=True, text=True)
    if result.returncode:
        raise UserError(f"{found[0]} failed:\n{result.stderr.strip()}")


def _loads() -> bool:
    """Whether what was built can be loaded, tried by a process of its own: a damaged file kills."""
    code = f"import tensorflow as tf; tf.load_op_library({str(library())!r})"
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def main() -> int:
    """Builds the operation beside its sources; what was built before goes."""
    if library().is_file() and _loads():
        print(f"{library().name} is there")
        return 0
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    try:
        with tempfile.TemporaryDirectory(dir=FOLDER) as name:
            folder = Path(name)
            headers = f"-I{tf.sysconfig.get_include()}"
            objects = compile_sources(folder, headers, sources=(FOLDER / "operation.cc",))
            built = folder / "built.so"
            links = tf.sysconfig.get_link_flags()
            run(["-shared", *objects, "-o", str(built), *links, "-lpthread"])
            for old in FOLDER.glob("recurrence-*.so"):
                old.unlink()
            built.replace(library())
    except (UserError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"built {library().name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
