import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { partNames } from "@umbra/envoy-config";
import { parse, stringify } from "yaml";
import { chat, post } from "./harness/client.ts";
import { addresses, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { runUmbra, startProcess, startUmbra } from "./harness/processes.ts";
import { scenario } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const envoyBinary = process.env.ENVOY_BIN ?? join(root, ".cache/envoy/1.40.0/envoy");
const example = readFileSync(join(root, "examples/own-bootstrap/envoy.yaml"), "utf8");

/** The example's bootstrap with other ports, and files of a folder. */
async function startOwn(edit: (bootstrap: string) => string = (text) => text) {
  const folder = mkdtempSync(join(tmpdir(), "umbra-own-"));
  const [http, envoyAdmin, grpc, admin] = await freePorts(4);
  const file = join(folder, "resources.yaml");
  const bootstrap = join(folder, "envoy.yaml");
  const text = edit(
    example
      .replace("port_value: 8080", `port_value: ${http}`)
      .replace("port_value: 9901", `port_value: ${envoyAdmin}`)
      .replace("route_config_name: 0.0.0.0:8080", "route_config_name: 0.0.0.0:80")
      .replaceAll("path: ./", `path: ${folder}/`),
  );
  writeFileSync(bootstrap, text);
  return {
    origin: `http://127.0.0.1:${http}`,
    sidecarFlags: ["-f", file, "--grpc", `127.0.0.1:${grpc}`, "--admin", `127.0.0.1:${admin}`],
    /** Writes the parts again and moves each over the old one. */
    async render(resources: string, ...flags: readonly string[]) {
      writeFileSync(file, resources);
      for (const part of partNames) {
        const own = ["--format", part, "--sidecar", `127.0.0.1:${grpc}`, ...flags];
        const { status, stdout, stderr } = await runUmbra("render", "-f", file, ...own);
        if (status !== 0) throw new Error(stderr);
        writeFileSync(join(folder, "next"), stdout);
        renameSync(join(folder, "next"), join(folder, `${part}.yaml`));
      }
    },
    startEnvoy: () =>
      startProcess(
        envoyBinary,
        ...["-c", bootstrap, "--concurrency", "1", "--log-level", "warning"],
        "--disable-hot-restart",
      ),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

test("a bootstrap of one's own takes in the parts, and changed ones without a restart", async () => {
  const [first = [], second = [], shadow = []] = await Promise.all(
    [1, 1, 1].map((count) => startModelServers(count)),
  );
  const own = await startOwn();
  const resources = (primary: typeof first) =>
    scenario({ primary: addresses(primary), shadow: addresses(shadow) });
  await own.render(resources(first));
  const sidecar = startUmbra("serve", ...own.sidecarFlags);
  const envoy = own.startEnvoy();
  const served = (of: typeof first) => of[0]?.server.state().requestsServed ?? 0;
  try {
    await until("the request is answered and mirrored", async () => {
      await post(own.origin, chat({ maxTokens: 1 }));
      return served(first) > 0 && served(shadow) > 0;
    });
    await own.render(resources(second));
    await until("the new endpoint answers", async () => {
      await post(own.origin, chat({ maxTokens: 1 }));
      return served(second) > 0;
    });
    expect(envoy.output()).not.toMatch(/\[(error|critical)\]|rejected/);
  } finally {
    await Promise.all([envoy.stop(), sidecar.stop()]);
    own.remove();
    await stopModelServers([...first, ...second, ...shadow]);
  }
}, 60_000);

test("with --plain-mirror routes and clusters are all that a bootstrap takes in", async () => {
  const [primary = [], shadow = []] = await Promise.all([1, 1].map(() => startModelServers(1)));
  const own = await startOwn((text) => {
    const bootstrap = parse(text);
    const manager = bootstrap.static_resources.listeners[0].filter_chains[0].filters[0];
    manager.typed_config.http_filters = manager.typed_config.http_filters.slice(-1);
    delete bootstrap.dynamic_resources.lds_config;
    delete bootstrap.bootstrap_extensions;
    return stringify(bootstrap);
  });
  const endpoints = { primary: addresses(primary), shadow: addresses(shadow) };
  await own.render(scenario(endpoints), "--plain-mirror");
  const envoy = own.startEnvoy();
  const served = (of: typeof primary) => of[0]?.server.state().requestsServed ?? 0;
  try {
    await until("the request is answered and mirrored", async () => {
      await post(own.origin, chat({ maxTokens: 1 }));
      return served(primary) > 0 && served(shadow) > 0;
    });
    expect(envoy.output()).not.toMatch(/\[(warning|error|critical)\]/);
  } finally {
    await envoy.stop();
    own.remove();
    await stopModelServers([...primary, ...shadow]);
  }
}, 60_000);
