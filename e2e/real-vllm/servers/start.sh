#!/bin/sh
# Starts one server, and waits up to ten minutes until it is ready. Its process id is in FOLDER/PORT.pid.
# usage: start.sh FOLDER PORT MODEL [vLLM arguments…]   (MODEL: base or candidate, both served as `tiny`)
set -eu
cd "$1"
port=$2 model=$3
shift 3
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1 VLLM_TARGET_DEVICE=cpu \
  VLLM_CPU_KVCACHE_SPACE=1 VLLM_CPU_OMP_THREADS_BIND=nobind OMP_NUM_THREADS=1 VLLM_HOST_IP=127.0.0.1 GLOO_SOCKET_IFNAME=lo
setsid venv/bin/python -m vllm.entrypoints.cli.main serve "$PWD/models/$model" --served-model-name tiny \
  --host 127.0.0.1 --port "$port" --max-model-len 2048 --max-num-seqs 16 --dtype bfloat16 --enforce-eager \
  --no-enable-log-requests "$@" >"$port.log" 2>&1 &
echo $! >"$port.pid"
for _ in $(seq 600); do
  curl -sf "http://127.0.0.1:$port/health" >/dev/null && exit 0
  kill -0 "$(cat "$port.pid")" || exit 1
  sleep 1
done
exit 1
