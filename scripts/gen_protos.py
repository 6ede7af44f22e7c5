"""Generates the Python code of the contract, or checks that it is in step with the protos.

Usage:
    python scripts/gen_protos.py            write *_pb2.py, *_pb2.pyi, *_pb2_grpc.py, *_pb2_grpc.pyi beside the protos
    python scripts/gen_protos.py --check    fail if a generated file differs from what would be written
    python scripts/gen_protos.py --lint     lint the protos, and compare them with the last released contract
    python scripts/gen_protos.py --release  make the present contract the released one (protos/released.binpb)
"""

import argparse
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from google.rpc import status_pb2

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
RELEASED = PROTOS / "released.binpb"
TOOLCHAIN = {"grpcio-tools": "1.85.1", "mypy-protobuf": "5.1.0"}
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")


def check_toolchain() -> None:
    """Ends the program if the generators are not the versions that the committed code was written by."""
    wrong = [
        f"{name} {version(name)} (wanted {wanted})"
        for name, wanted in TOOLCHAIN.items()
        if version(name) != wanted
    ]
    if wrong:
        sys.exit(f"gen_protos: wrong toolchain: {', '.join(wrong)}")


def run_protoc(*arguments: str) -> None:
    """Runs protoc over all protos; ends the program if it fails."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    includes = [str(PROTOS), str(Path(status_pb2.__file__).parents[2]), str(files("grpc_tools") / "_proto")]
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        *(f"-I{path}" for path in includes),
        *arguments,
        *sources,
    ]
    plugins = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(command, cwd=PROTOS, env=plugins, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"gen_protos: protoc failed:\n{result.stderr}")


def generate(target: Path) -> None:
    """Writes the generated code below `target`, leaving out stubs of services where a file has none."""
    run_protoc(
        f"--python_out={target}",
        f"--mypy_out=quiet:{target}",
        f"--grpc_python_out={target}",
        f"--mypy_grpc_out=quiet:{target}",
    )
    for source in PROTOS.rglob("*.proto"):
        if "\nservice " not in source.read_text():
            stem = target / source.relative_to(PROTOS).with_suffix("")
            for ending in ("_pb2_grpc.py", "_pb2_grpc.pyi"):
                stem.with_name(stem.name + ending).unlink()


def generated_files(folder: Path) -> dict[str, bytes]:
    """Content of each generated file below `folder`, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for pattern in GENERATED
        for path in folder.rglob(pattern)
    }


def check() -> None:
    """Ends the program if the committed code is not what the protos give."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh, committed = generated_files(Path(folder)), generated_files(PROTOS)
    stale = sorted(name for name in fresh.keys() | committed.keys() if fresh.get(name) != committed.get(name))
    if stale:
        sys.exit(
            f"gen_protos: out of step with the protos: {', '.join(stale)}\nRun: python scripts/gen_protos.py"
        )
    print(f"gen_protos: {len(committed)} generated files are in step with the protos")


def describe(target: Path, *options: str) -> None:
    """Writes the contract as one file of descriptors."""
    run_protoc(f"--descriptor_set_out={target}", "--include_imports", *options)


def lint() -> None:
    """Ends the program if the protos break a lint rule, or break clients of the last released contract."""
    buf = str(Path(sys.executable).with_name("buf"))
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "contract.binpb"
        describe(image, "--include_source_info")
        for command in (["lint", str(image)], ["breaking", str(image), "--against", str(RELEASED)]):
            # The descriptors hold the imports too, which are not ours to lint.
            options = ["--config", str(ROOT / "buf.yaml"), "--exclude-path", "google"]
            result = subprocess.run([buf, *command, *options], capture_output=True, text=True, check=False)
            if result.returncode:
                sys.exit(f"gen_protos: {command[0]} failed:\n{result.stdout}{result.stderr}")
    print("gen_protos: the protos pass lint and break no client of the released contract")


def main() -> None:
    """Does what the one option says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", help="fail if generated code is out of step")
    choice.add_argument("--lint", action="store_true", help="lint, and find breaking changes")
    choice.add_argument("--release", action="store_true", help="make the present contract the released one")
    options = parser.parse_args()
    check_toolchain()
    if options.check:
        check()
    elif options.lint:
        lint()
    elif options.release:
        describe(RELEASED)
    else:
        generate(PROTOS)


if __name__ == "__main__":
    main()
