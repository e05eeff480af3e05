"""Builds the kernels of the native engine where there is a compiler. All else stands in pyproject.toml."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

MODULE = "talon.hw._native"
SOURCES = [str(source) for source in sorted(Path("csrc").glob("*.c"))]
# Contraction off: a fused multiply-add rounds once where the written meaning rounds twice.
FLAGS = ["-std=c11", "-O3", "-ffp-contract=off", "-fno-trapping-math", "-fvisibility=hidden"]
WISH = os.environ.get("TALON_NATIVE", "auto")
"""auto: without a compiler the package installs all the same; require: then it fails; skip: nothing is built."""
EXTRA = shlex.split(os.environ.get("TALON_NATIVE_CFLAGS", ""))
"""Flags after our own, for the compiler and the linker, such as those of a sanitizer."""
REASON = Path("native/unbuilt.txt")
"""Why there is no library, for `talon doctor`."""


class Build(build_ext):
    """An extension that may be missing, and then says why."""

    def run(self) -> None:
        if WISH not in ("auto", "require", "skip"):
            raise SystemExit(f"TALON_NATIVE is auto, require or skip, not {WISH!r}")
        if WISH == "skip":
            self.unbuilt("TALON_NATIVE=skip was set when talon-hw was installed")
            return
        try:
            super().run()
        except Exception as error:  # any compiler fails in its own way
            if WISH == "require":
                raise
            self.unbuilt(f"{type(error).__name__}: {error}")

    def build_extension(self, ext: Extension) -> None:
        if self.compiler.compiler_type == "msvc":
            raise CompileError("the kernels need gcc or clang")
        self.force = True  # what an earlier build left may be of other flags
        ext.extra_compile_args += [*FLAGS, *EXTRA]
        ext.extra_link_args += EXTRA
        super().build_extension(ext)
        self.reason().unlink(missing_ok=True)

    def get_outputs(self) -> list[str]:
        return [path for path in super().get_outputs() if Path(path).exists()]

    def copy_extensions_to_source(self) -> None:
        if not self.reason().exists():
            super().copy_extensions_to_source()

    def folder(self) -> Path:
        """Where talon.hw is built: its source for an editable install."""
        editable = self.inplace or getattr(self, "editable_mode", False)
        return Path("src/talon/hw") if editable else Path(self.build_lib) / "talon" / "hw"

    def reason(self) -> Path:
        return self.folder() / REASON

    def unbuilt(self, reason: str) -> None:
        """Write the reason, and remove what an earlier build has left."""
        print(f"talon-hw: the native engine is not built: {reason}")
        for stale in [*self.folder().glob("_native*.so"), *self.folder().glob("_native*.pyd")]:
            stale.unlink()
        self.reason().parent.mkdir(parents=True, exist_ok=True)
        self.reason().write_text(reason + "\n", encoding="utf-8")


setup(
    ext_modules=[
        Extension(
            MODULE,
            SOURCES,
            depends=[str(header) for header in sorted(Path("csrc").glob("*.h"))],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            py_limited_api=True,
        )
    ],
    cmdclass={"build_ext": Build},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
