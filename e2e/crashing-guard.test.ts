import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { hasCrashingGuardOn, turnsOnCrashingGuard } from "@umbra/envoy-config";
import { crashingGuard } from "@umbra/envoy-config/internal";
import { request } from "undici";
import { freePorts } from "./harness/ports.ts";
import { runUmbra, startProcess } from "./harness/processes.ts";
import { until } from "./harness/until.ts";

const envoyBinary =
  process.env.ENVOY_BIN ?? fileURLToPath(new URL("../.cache/envoy/1.40.0/envoy", import.meta.url));

const on = { [crashingGuard]: true };
const off = { [crashingGuard]: false };
const nested = { envoy: { reloadable_features: { ext_proc_graceful_grpc_close: true } } };
const half = { "envoy.reloadable_features": { ext_proc_graceful_grpc_close: true } };

describe("umbra reads runtime layers as Envoy does", () => {
  const cases: readonly { name: string; layers: readonly object[]; want: boolean }[] = [
    { name: "a flat key", layers: [on], want: true },
    { name: "nested maps", layers: [nested], want: true },
    { name: "a key split once", layers: [half], want: true },
    { name: "text", layers: [{ [crashingGuard]: "True" }], want: true },
    { name: "a number", layers: [{ [crashingGuard]: 1 }], want: false },
    { name: "on in the last of three layers", layers: [{ a: 1 }, off, on], want: true },
    { name: "off in the last of two layers", layers: [nested, off], want: false },
    { name: "no layer", layers: [], want: false },
  ];

  test.each(cases)(
    "$name",
    async ({ layers, want }) => {
      const [port = 0] = await freePorts(1);
      const bootstrap = {
        admin: { address: { socket_address: { address: "127.0.0.1", port_value: port } } },
        layered_runtime: {
          layers: layers.map((static_layer, index) => ({ name: `layer-${index}`, static_layer })),
        },
      };
      const folder = mkdtempSync(join(tmpdir(), "umbra-guard-"));
      const file = join(folder, "envoy.json");
      writeFileSync(file, JSON.stringify(bootstrap));
      const envoy = startProcess(
        envoyBinary,
        ...["-c", file, "--concurrency", "1", "--log-level", "error", "--disable-hot-restart"],
      );
      try {
        let page: unknown;
        await until("Envoy answers", async () => {
          const answer = await request(`http://127.0.0.1:${port}/runtime?format=json`).catch(
            () => undefined,
          );
          page = await answer?.body.json();
          return page !== undefined;
        });
        expect(hasCrashingGuardOn(page)).toBe(want);
        expect(turnsOnCrashingGuard(bootstrap)).toBe(want);
        const { stdout } = await runUmbra(
          ...["doctor", "--envoy-admin", `127.0.0.1:${port}`, "--bootstrap", file, "-o", "json"],
        );
        expect(stdout.match(/"UMB0330"/g) ?? []).toHaveLength(want ? 2 : 0);
      } finally {
        await envoy.stop();
        rmSync(folder, { recursive: true, force: true });
      }
    },
    30_000,
  );
});
