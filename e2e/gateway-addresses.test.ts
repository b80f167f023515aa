import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request } from "undici";
import { type EchoServer, startEchoServer } from "./harness/echo-server.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { freePorts } from "./harness/ports.ts";

const gatewayOf = (name: string, className: string, address: string, port: number) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}}
spec:
  gatewayClassName: ${className}
  addresses: [{value: ${address}}]
  listeners: [{name: web, port: ${port}, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}}
spec:
  parentRefs: [{name: ${name}}]
  rules: [{backendRefs: [{name: ${name}, port: 80}]}]
`;

const service = (name: string, { address }: EchoServer) => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, annotations: {umbra.dev/endpoints: "${address}"}}
spec: {ports: [{port: 80}]}
`;

let servers: readonly EchoServer[];
let gateway: Gateway;
let port: number;

beforeAll(async () => {
  const names = ["left", "right", "other"];
  servers = await Promise.all(names.map(startEchoServer));
  [port = 0] = await freePorts(1);
  gateway = await startGateway({
    resources: `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: umbra}
spec: {controllerName: umbra.dev/gateway}
${gatewayOf("left", "umbra", "127.0.5.1", port)}${gatewayOf("right", "umbra", "127.0.5.2", port)}${gatewayOf("other", "other", "127.0.5.3", port)}${servers.map((each) => service(each.name, each)).join("")}`,
    httpPort: port,
  });
}, 60_000);

afterAll(async () => {
  await gateway?.stop();
  await Promise.all(servers?.map((each) => each.close()) ?? []);
});

describe("Gateways on one port", () => {
  test.each([
    { address: "127.0.5.1", from: "left" },
    { address: "127.0.5.2", from: "right" },
  ])("each serve their own routes: at $address those of $from", async ({ address, from }) => {
    const { statusCode, body } = await request(`http://${address}:${port}/`);
    expect([statusCode, await body.json()]).toEqual([200, expect.objectContaining({ from })]);
  });

  test("of another controller are not served", async () => {
    await expect(request(`http://127.0.5.3:${port}/`)).rejects.toThrow("ECONNREFUSED");
  });
});
