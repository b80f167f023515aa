import { expect, test } from "@jest/globals";
import { request } from "undici";
import { testSize } from "../testing/test-size.ts";
import { isLikely } from "./gateway-api/echo-gateway.ts";
import { chat, post, postMany } from "./harness/client.ts";
import { startGateway } from "./harness/gateway.ts";
import { addresses, startModelServers, stopModelServers } from "./harness/model-servers.ts";
import { gatewayAndRoute } from "./harness/resources.ts";
import { until } from "./harness/until.ts";

const requests = testSize(250, 1_000);

const pool = (name: string, endpoints: string) => `---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}, annotations: {umbra.dev/endpoints: "${endpoints}"}}
spec:
  selector: {matchLabels: {app: ${name}}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: umbra, port: {number: 9002}}
`;

test("a canary's share is picked in the canary's pool, an unresolved share answers 500, a mirror takes its percent", async () => {
  const [stable, canary, shadow] = await Promise.all(
    [1, 1, 1].map((count) => startModelServers(count)),
  );
  const servers = [...(stable ?? []), ...(canary ?? []), ...(shadow ?? [])];
  const gateway = await startGateway({
    resources: `${gatewayAndRoute}spec:
  parentRefs: [{name: gateway}]
  rules:
    - matches: [{path: {value: /v1/completions}}]
      backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: gone}]
    - backendRefs:
        - {group: inference.networking.k8s.io, kind: InferencePool, name: stable, weight: 60}
        - {group: inference.networking.k8s.io, kind: InferencePool, name: canary, weight: 30}
        - {group: inference.networking.k8s.io, kind: InferencePool, name: gone, weight: 10}
      filters:
        - type: RequestMirror
          requestMirror:
            percent: 50
            backendRef: {group: inference.networking.k8s.io, kind: InferencePool, name: shadow}
${pool("stable", addresses(stable ?? []))}${pool("canary", addresses(canary ?? []))}${pool("shadow", addresses(shadow ?? []))}`,
  });
  try {
    const answers = await postMany(gateway.origin, requests, 8, () => chat({ maxTokens: 1 }));
    const served = (of: typeof stable) => of?.[0]?.server.state().requestsServed ?? 0;
    const failed = answers.filter(({ status }) => status === 500);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(requests - failed.length);
    expect(JSON.parse(failed[0]?.text ?? "{}")).toMatchObject({
      error: { code: "backend_not_resolved" },
    });
    const counts = [served(stable), served(canary), failed.length, served(shadow)];
    const shares = [0.6, 0.3, 0.1, 0.45];
    expect(counts.filter((count, i) => !isLikely(count, requests, shares[i] ?? 0))).toEqual([]);
    const gone = await post(gateway.origin, chat(), { path: "/v1/completions" });
    expect(gone.status).toBe(500);
  } finally {
    await gateway.stop();
    await stopModelServers(servers);
  }
}, 60_000);

test("of a rule whose canary alone is mirrored every share is picked in its pool, and so are the canary's copies", async () => {
  const [stable = [], canary = [], shadow = []] = await Promise.all(
    [2, 2, 2].map((count) => startModelServers(count)),
  );
  const ref = (name: string) => ({
    group: "inference.networking.k8s.io",
    kind: "InferencePool",
    name,
  });
  const backendRefs = [
    { ...ref("stable"), weight: 60 },
    {
      ...ref("canary"),
      weight: 40,
      filters: [{ type: "RequestMirror", requestMirror: { backendRef: ref("shadow") } }],
    },
  ];
  const gateway = await startGateway({
    resources: `${gatewayAndRoute}spec: {parentRefs: [{name: gateway}], rules: [{backendRefs: ${JSON.stringify(backendRefs)}}]}
${pool("stable", addresses(stable))}${pool("canary", addresses(canary))}${pool("shadow", addresses(shadow))}`,
  });
  const served = (of: typeof stable) =>
    of.map(({ server }) => server.state().requestsServed).reduce((sum, each) => sum + each, 0);
  const picks = async (name: string) => {
    const { body } = await request(`http://${gateway.admin}/metrics`);
    return (await body.text())
      .split("\n")
      .filter((line) => line.startsWith("umbra_picks_total{") && line.includes(`"default/${name}"`))
      .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  };
  try {
    const answers = await postMany(gateway.origin, requests, 8, () => chat({ maxTokens: 1 }));
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    await until("every copy is served", () => served(shadow) >= served(canary));
    expect(served(stable) + served(canary)).toBe(requests);
    expect(isLikely(served(canary), requests, 0.4)).toBe(true);
    expect(served(shadow)).toBe(served(canary));
    for (const [name, of] of Object.entries({ stable, canary, shadow })) {
      expect([name, await picks(name)]).toEqual([name, served(of)]);
    }
  } finally {
    await gateway.stop();
    await stopModelServers([...stable, ...canary, ...shadow]);
  }
}, 60_000);
