#!/usr/bin/env bash
# Build the kernels with the address and undefined-behaviour sanitizers and run tests with them:
#     tools/sanitize.sh [ARGUMENTS OF PYTEST]
# Without arguments: what reads bytes and keys from outside. Builds in build/sanitize, with an
# environment of its own there.
set -euo pipefail
cd "$(dirname "$0")/.."

home=build/sanitize
[ -d "$home/venv" ] || python3 -m venv "$home/venv"
"$home/venv/bin/pip" install -q 'scikit-build-core>=1.0' 'cython>=3.2' 'cython-cmake>=0.2.1' cmake \
  ninja numpy msgspec python-rapidjson click rich pytest hypothesis pytest-benchmark
"$home/venv/bin/pip" install -q --no-build-isolation --no-deps --force-reinstall \
  -Ccmake.define.MAPCORE_SANITIZE=ON -Cbuild-dir="$home/kernels" .

[ $# -gt 0 ] || set -- tests/test_wire.py tests/documents tests/routing tests/_kernels tests/test_tools.py
# Python itself leaks at exit, and a sanitized kernel has too large an address space for a limit.
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so) $(gcc -print-file-name=libstdc++.so)" \
  "$home/venv/bin/python" -m pytest -q -p no:cacheprovider --ignore=tests/routing/test_memory.py "$@"
