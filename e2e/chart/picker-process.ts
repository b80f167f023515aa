import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { request } from "undici";
import { freePorts } from "../harness/ports.ts";
import { startUmbra } from "../harness/processes.ts";
import { until } from "../harness/until.ts";
import { caseNamed, objectsOf } from "./chart-files.ts";
import { localText } from "./local-text.ts";
import { podOf } from "./pod.ts";

/** The process of the chart's picker pod, with its arguments: other ports, and resources from a file. */
export interface PickerProcess {
  readonly port: number;
  readonly graceMs: number;
  /** What a kubelet does when the pod is deleted; returns how it ended, and after how long. */
  end(): Promise<{ readonly umbra: string; readonly tookMs: number }>;
  remove(): Promise<void>;
}

export interface PickerOptions {
  /** YAML of the pool. */
  readonly resources: string;
  /** In ms, in place of the chart's times. */
  readonly times: Readonly<Record<"drain" | "grace", number>>;
}

/** Starts a picker and waits for its readiness probe. */
export async function startPicker({ resources, times }: PickerOptions): Promise<PickerProcess> {
  const { pod, containers } = podOf(objectsOf(caseNamed("picker")));
  const folder = mkdtempSync(join(tmpdir(), "umbra-picker-"));
  const [admin = 0, probes = 0, grpc = 0, peers = 0] = await freePorts(4);
  const [file, secret] = [join(folder, "resources.yaml"), join(folder, "peer-secret")];
  writeFileSync(file, resources);
  writeFileSync(secret, randomBytes(32).toString("base64"));
  const ports = { admin, probes, grpc, peers, stats: 0 };
  const places = { ports, sockets: `${folder}/`, secret };
  // Without an API server there are no replicas to find.
  const cluster = /^--(?:kube$|lease=|peers-service=)/;
  const args = containers
    .flatMap(({ args: each = [] }) => each)
    .filter((each) => !cluster.test(each))
    .map((each) =>
      localText(each, places).replace(
        /^--(drain|grace)=\d+$/,
        (_, name: keyof typeof times) => `--${name}=${times[name]}`,
      ),
    );
  const running = startUmbra(...args, "-f", file);
  const isReady = async (): Promise<boolean> => {
    try {
      const { statusCode, body } = await request(`http://127.0.0.1:${probes}/readyz`);
      await body.dump();
      return statusCode === 200;
    } catch {
      // For a kubelet, a connection that breaks is a probe that fails.
      return false;
    }
  };
  await until("the readiness probe", isReady, 60_000).catch((cause: Error) => {
    throw new Error(`${cause.message}\n${running.output()}`);
  });
  return {
    port: grpc,
    graceMs: pod.terminationGracePeriodSeconds * 1_000,
    async end() {
      const startedMs = performance.now();
      await running.stop();
      const { exitCode, signalCode } = running.process;
      return { umbra: signalCode ?? `status ${exitCode}`, tookMs: performance.now() - startedMs };
    },
    async remove() {
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
