import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { renderBootstrap, type Topology } from "@umbra/envoy-config";
import { request } from "undici";
import { freePorts } from "../../e2e/harness/ports.ts";
import { startProcess } from "../../e2e/harness/processes.ts";
import { until } from "../../e2e/harness/until.ts";
import type { BootstrapEdit } from "./path-cases.ts";

const binary =
  process.env.ENVOY_BIN ?? new URL("../../.cache/envoy/1.40.0/envoy", import.meta.url).pathname;

export interface BenchEnvoy {
  /** Of its listener. */
  readonly port: number;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/** An Envoy with one worker and the topology's bootstrap, as `umbra render` prints it. */
export async function startEnvoy({
  topology,
  sidecar,
  folder,
  name,
  edit,
}: {
  readonly topology: Topology;
  /** `host:port` of the picker. */
  readonly sidecar: string;
  readonly folder: string;
  readonly name: string;
  readonly edit: BootstrapEdit | undefined;
}): Promise<BenchEnvoy> {
  const [port = 0, adminPort] = await freePorts(2);
  const listeners = topology.listeners.map((listener) => ({ ...listener, port }));
  const envoyAdmin = `127.0.0.1:${adminPort}`;
  const file = join(folder, `${name}.yaml`);
  const bootstrap = renderBootstrap({ ...topology, listeners }, { sidecar, envoyAdmin });
  writeFileSync(file, edit === undefined ? bootstrap : edits[edit](bootstrap));
  const envoy = startProcess(
    binary,
    ...["-c", file, "--concurrency", "1", "--log-level", "error", "--disable-hot-restart"],
  );
  await until(`Envoy for ${name} is ready`, async () => {
    if (envoy.process.exitCode !== null) throw new Error(`Envoy ended: ${envoy.output()}`);
    try {
      const { statusCode, body } = await request(`http://${envoyAdmin}/ready`);
      await body.dump();
      return statusCode === 200;
    } catch {
      // Not listening yet.
      return false;
    }
  });
  return { port, pid: envoy.process.pid ?? 0, stop: () => envoy.stop() };
}

const edits: Readonly<Record<BootstrapEdit, (bootstrap: string) => string>> = {
  /** A filter before all others that reads the model's name from every body. */
  json(bootstrap) {
    const type =
      "type.googleapis.com/envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata";
    const found = "on_present: {metadata_namespace: umbra, key: model}";
    const rules = `[{selectors: [{key: model}], ${found}}]`;
    const filter = `{name: json, typed_config: {"@type": ${type}, request_rules: {rules: ${rules}}}}`;
    return bootstrap.replace(/^( *)http_filters:\n/m, `$&$1  - ${filter}\n`);
  },
  unretried: (bootstrap) =>
    bootstrap.replaceAll(/(?<=skip_envoy_headers: true\n)( +)retry_policy:\n(?:\1 +.*\n)+/g, ""),
  unlogged: (bootstrap) =>
    bootstrap.replaceAll(/^( +)- name: envoy\.access_loggers\.http_grpc\n(?:\1 +.*\n)+/gm, ""),
  "both ways"(bootstrap) {
    return bootstrap.replaceAll(
      /(request_body_mode: FULL_DUPLEX_STREAMED\s+request_trailer_mode: SEND\s+)response_header_mode: SKIP(\s+)response_body_mode: NONE/g,
      "$1response_header_mode: SEND$2response_body_mode: FULL_DUPLEX_STREAMED",
    );
  },
  "requests only": withoutAnswers,
  "buffered requests": (bootstrap) =>
    withoutAnswers(bootstrap).replaceAll(
      /request_body_mode: FULL_DUPLEX_STREAMED(\s+)request_trailer_mode: SEND/g,
      "request_body_mode: BUFFERED$1request_trailer_mode: SKIP",
    ),
};

function withoutAnswers(bootstrap: string): string {
  return bootstrap.replaceAll(
    /response_header_mode: SEND(\s+)response_body_mode: FULL_DUPLEX_STREAMED(\s+)response_trailer_mode: SEND/g,
    "response_header_mode: SKIP$1response_body_mode: NONE$2response_trailer_mode: SKIP",
  );
}
