import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { chat, post } from "./harness/client.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { runUmbra } from "./harness/processes.ts";
import { scenario } from "./harness/resources.ts";
import { writeSelfSigned } from "./harness/self-signed.ts";
import { until } from "./harness/until.ts";

let primary: ModelServer[] = [];
let shadow: ModelServer[] = [];
let folder = "";
let gateway: Gateway | undefined;

beforeAll(async () => {
  primary = await startModelServers(2);
  shadow = await startModelServers(1);
  folder = mkdtempSync(join(tmpdir(), "umbra-ads-"));
  await writeSelfSigned(folder, ["sidecar", "envoy"]);
});
afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
}, 20_000);
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await stopModelServers([...primary, ...shadow]);
});

const file = (name: string) => join(folder, name);
const resources = () => scenario({ primary: addresses(primary), shadow: addresses(shadow) });

interface Config {
  readonly envoys: readonly {
    readonly isUpToDate: boolean;
    readonly refused: readonly unknown[];
  }[];
}

async function servesByAds(of: Gateway): Promise<void> {
  const isTaken = async () => {
    const { envoys } = await of.json<Config>("/v1/config");
    return envoys.length === 1 && envoys[0]?.isUpToDate === true;
  };
  await until("Envoy has taken its configuration", isTaken);
  expect((await of.json<Config>("/v1/config")).envoys[0]?.refused).toEqual([]);
  // Envoy has the configuration before it has found the picker healthy again.
  await until("it serves", async () => (await post(of.origin, chat())).status === 200);
  await until("both lanes were observed", async () => {
    const { pairs } = await of.json<{ pairs: readonly unknown[] }>("/v1/pairs");
    return pairs.length > 0;
  });
}

test("Envoy gets its configuration over a Unix socket that others can't open, and again from a new sidecar", async () => {
  const ads = ["--ads", `unix:${file("ads.sock")}`];
  gateway = await startGateway({
    ...{ resources: resources(), isByAds: true },
    ...{ serveFlags: ads, renderFlags: ads },
  });
  await servesByAds(gateway);
  expect(statSync(file("ads.sock")).mode & 0o777).toBe(0o600);
  const changes =
    /^(cluster_manager\.cluster_modified|listener_manager\.listener_(modified|in_place))/;
  const before = await gateway.stat(changes);
  await gateway.restartSidecar();
  await servesByAds(gateway);
  expect(await gateway.stat(changes)).toBe(before);
}, 90_000);

test("Envoy gets its configuration over the network with certificates on both sides", async () => {
  const [port] = await freePorts(1);
  const ads = ["--ads", `127.0.0.1:${port}`];
  const served = `--ads-tls-cert ${file("sidecar.pem")} --ads-tls-key ${file("sidecar.key")}`;
  const shown = `--sidecar-cert ${file("envoy.pem")} --sidecar-key ${file("envoy.key")}`;
  gateway = await startGateway({
    ...{ resources: resources(), isByAds: true },
    serveFlags: [...ads, ...served.split(" "), "--ads-client-ca", file("envoy.pem")],
    renderFlags: [
      ...[...ads, ...shown.split(" "), "--sidecar-ca", file("sidecar.pem")],
      ...["--ads-protocol", "DELTA_GRPC"],
    ],
  });
  await servesByAds(gateway);
}, 60_000);

test("a resource that Envoy's definition refuses ends the sidecar at its start", async () => {
  const bad = `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: bad}
spec:
  bootstrap:
    type: Merge
    value: "static_resources: {clusters: [{name: umbra-picker, connect_timeouts: 1s}]}"
`;
  writeFileSync(file("resources.yaml"), `${resources()}---\n${bad}`);
  const [grpc, admin] = await freePorts(2);
  const { status, stderr } = await runUmbra(
    ...["serve", "-f", file("resources.yaml"), "--ads", `unix:${file("bad.sock")}`],
    ...["--grpc", `127.0.0.1:${grpc}`, "--admin", `127.0.0.1:${admin}`],
  );
  expect(stderr).toMatch(/error UMB0502 .*Cluster "umbra-picker": .*connect_timeouts/);
  expect(status).toBe(1);
}, 30_000);
