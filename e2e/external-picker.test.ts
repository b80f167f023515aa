import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { selfSigned } from "@umbra/sidecar/internal";
import { request } from "undici";
import { casesBySize, testSize } from "../testing/test-size.ts";
import { chat, postMany } from "./harness/client.ts";
import { startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";
import { freePorts } from "./harness/ports.ts";
import { type Running, startUmbra } from "./harness/processes.ts";
import { gatewayAndRoute } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

const ref = (name: string) =>
  `{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}`;

const pool = (name: string, endpoints: string) => `---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}, annotations: {umbra.dev/endpoints: "${endpoints}"}}
spec:
  selector: {matchLabels: {app: ${name}}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: other-epp, port: {number: 9002}, failureMode: FailOpen}
`;

const requests = testSize(150, 400);

/** Another sidecar, in a process of its own, as the picker that Envoy is told of. */
test("a share of a rule and a mirror are picked by third-party endpoint pickers; when one dies, what Umbra picks is served on", async () => {
  const [theirs = [], ours = [], shadow = []] = await Promise.all([
    startModelServers(2),
    startModelServers(1),
    startModelServers(2),
  ]);
  const folder = mkdtempSync(join(tmpdir(), "umbra-picker-"));
  const file = join(folder, "resources.yaml");
  const resources = `${gatewayAndRoute}spec:
  parentRefs: [{name: gateway}]
  rules:
    - backendRefs: [${ref("theirs")}, weight: 70}, ${ref("ours")}, weight: 30}]
      filters: [{type: RequestMirror, requestMirror: {backendRef: ${ref("shadow")}}}}]
${pool("theirs", addresses(theirs))}${pool("ours", addresses(ours))}${pool("shadow", addresses(shadow))}`;
  writeFileSync(file, resources);
  const [grpc, admin] = await freePorts(2);
  const picker = startUmbra(
    "serve",
    ...["-f", file, "--grpc", `127.0.0.1:${grpc}`, "--admin", `127.0.0.1:${admin}`],
  );
  const flags = ["theirs", "shadow"].flatMap((name) => ["--picker", `${name}=127.0.0.1:${grpc}`]);
  const gateway = await startGateway({ resources, renderFlags: flags, serveFlags: flags });
  const served = (of: typeof theirs) =>
    of.map(({ server }) => server.state().requestsServed).reduce((sum, each) => sum + each, 0);
  const picks = async (origin: string, name: string) => {
    const { body } = await request(`http://${origin}/metrics`);
    const lines = (await body.text()).split("\n");
    return lines
      .filter((line) => line.startsWith("umbra_picks_total{") && line.includes(`"default/${name}"`))
      .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  };
  try {
    await until("the other picker answers", async () => {
      const { statusCode, body } = await request(`http://127.0.0.1:${admin}/healthz`);
      await body.dump();
      return statusCode === 200;
    });
    const answers = await postMany(gateway.origin, requests, 8, () =>
      chat({ maxTokens: 1, promptBytes: 100_000 }),
    );
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    await until("all copies are served", () => served(shadow) === requests);
    expect(served(theirs) + served(ours)).toBe(requests);
    const deviation = Math.sqrt(requests * 0.7 * 0.3);
    expect(Math.abs(served(theirs) - 0.7 * requests)).toBeLessThan(4.5 * deviation);
    expect(await picks(`127.0.0.1:${admin}`, "theirs")).toBe(served(theirs));
    expect(await picks(`127.0.0.1:${admin}`, "shadow")).toBe(requests);
    expect(await picks(`127.0.0.1:${admin}`, "ours")).toBe(0);
    expect(await picks(gateway.admin, "ours")).toBe(served(ours));
    expect(await picks(gateway.admin, "theirs")).toBe(0);

    await picker.stop("SIGKILL");
    // Envoy sends such a picker bodies in pieces, and can't continue without it once it has begun (UMB0233). The share that
    // Umbra picks is served all the same.
    const before = served(ours);
    const later = await postMany(gateway.origin, 60, 4, () => chat({ maxTokens: 1 }));
    const statuses = later.map(({ status }) => status);
    expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([]);
    expect(served(ours)).toBeGreaterThan(before);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(
      served(ours) - before,
    );
  } finally {
    await Promise.all([gateway.stop(), picker.stop()]);
    rmSync(folder, { recursive: true, force: true });
    await stopModelServers([...theirs, ...ours, ...shadow]);
  }
}, 90_000);

describe("a picker that serves TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "umbra-picker-tls-"));
  let theirs: ModelServer[] = [];
  let resources = "";
  let picker: Running | undefined;
  let pickerAddress = "";
  let pickerAdmin = "";

  beforeAll(async () => {
    for (const name of ["picker", "stranger"]) {
      const { cert, key } = await selfSigned();
      writeFileSync(join(folder, `${name}.pem`), cert);
      writeFileSync(join(folder, `${name}.key`), key);
    }
    theirs = await startModelServers(1);
    resources = `${gatewayAndRoute}spec:
  parentRefs: [{name: gateway}]
  rules: [{backendRefs: [${ref("theirs")}}]}]
${pool("theirs", addresses(theirs)).replace("FailOpen", "FailClose")}`;
    const file = join(folder, "resources.yaml");
    writeFileSync(file, resources);
    const [grpc, admin] = await freePorts(2);
    pickerAddress = `127.0.0.1:${grpc}`;
    pickerAdmin = `127.0.0.1:${admin}`;
    const tls = ["--grpc-tls-cert", join(folder, "picker.pem")];
    picker = startUmbra(
      "serve",
      ...["-f", file, "--grpc", pickerAddress, "--admin", `127.0.0.1:${admin}`],
      ...[...tls, "--grpc-tls-key", join(folder, "picker.key")],
    );
    await until("the other picker answers", async () => {
      const { statusCode, body } = await request(`http://127.0.0.1:${admin}/healthz`);
      await body.dump();
      return statusCode === 200;
    });
  }, 60_000);

  afterAll(async () => {
    await picker?.stop();
    await stopModelServers(theirs);
    rmSync(folder, { recursive: true, force: true });
  });

  const links = [
    { name: "whose authority is known is asked", ca: "picker.pem", status: 200, picked: 3 },
    { name: "with a stranger's certificate is not", ca: "stranger.pem", status: 503, picked: 0 },
    { name: "is asked unverified without an authority", ca: undefined, status: 200, picked: 3 },
  ];
  test.each(casesBySize(links, 2))(
    "$name",
    async ({ ca, status, picked }) => {
      const flags = [
        ...["--picker", `theirs=tls:${pickerAddress}`],
        ...(ca === undefined ? [] : ["--picker-ca", `theirs=${join(folder, ca)}`]),
      ];
      const served = () => theirs[0]?.server.state().requestsServed ?? 0;
      const before = served();
      const gateway = await startGateway({ resources, renderFlags: flags, serveFlags: flags });
      try {
        const answers = await postMany(gateway.origin, 3, 1, () => chat({ maxTokens: 1 }));
        expect(answers.map((each) => each.status)).toEqual([status, status, status]);
        expect(served() - before).toBe(picked);
      } finally {
        await gateway.stop();
      }
    },
    60_000,
  );

  test("is asked where the pool names its Service, and that is not Umbra's", async () => {
    const flags = ["--picker-service", "default/umbra"];
    const service = `---
apiVersion: v1
kind: Service
metadata: {name: other-epp, annotations: {umbra.dev/endpoints: "${pickerAddress}"}}
spec: {ports: [{port: 9002}]}
`;
    const before = await picksAt(pickerAdmin);
    const gateway = await startGateway({
      resources: resources + service,
      ...{ renderFlags: flags, serveFlags: flags },
    });
    try {
      const answers = await postMany(gateway.origin, 3, 1, () => chat({ maxTokens: 1 }));
      expect(answers.map((each) => each.status)).toEqual([200, 200, 200]);
      expect(await picksAt(pickerAdmin)).toBe(before + 3);
      expect(await picksAt(gateway.admin)).toBe(0);
    } finally {
      await gateway.stop();
    }
  }, 60_000);
});

/** Picks for the pool `theirs` that a sidecar counts. */
async function picksAt(admin: string): Promise<number> {
  const { body } = await request(`http://${admin}/metrics`);
  const lines = (await body.text()).split("\n");
  return lines
    .filter((line) => line.startsWith("umbra_picks_total{") && line.includes('"default/theirs"'))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}
