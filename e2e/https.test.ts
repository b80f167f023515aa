import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Agent, request } from "undici";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import {
  addresses,
  type ModelServer,
  startModelServers,
  stopModelServers,
} from "./harness/model-servers.ts";

const secret = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../envoy/https/tls/${path}`, import.meta.url)), "utf8");
const indented = (text: string) => text.replaceAll(/^/gm, "    ");
const certificates = {
  chat: { crt: secret("default/chat/tls.crt"), key: secret("default/chat/tls.key") },
  wildcard: {
    crt: secret("certificates/wildcard/tls.crt"),
    key: secret("certificates/wildcard/tls.key"),
  },
};

const resources = (endpoint: string) => `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gateway}
spec:
  listeners:
    - {name: http, port: 8443, protocol: HTTPS, tls: {certificateRefs: [{name: chat}, {name: wildcard}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gateway}]
  rules:
    - backendRefs: [{name: models, port: 80}]
    - matches: [{path: {type: PathPrefix, value: /old}}]
      filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /v1}}}]
---
apiVersion: v1
kind: Service
metadata: {name: models, annotations: {umbra.dev/endpoints: "${endpoint}"}}
spec: {ports: [{port: 80}]}
${Object.entries(certificates)
  .map(
    ([name, { crt, key }]) => `---
apiVersion: v1
kind: Secret
metadata: {name: ${name}}
type: kubernetes.io/tls
stringData:
  tls.crt: |
${indented(crt)}
  tls.key: |
${indented(key)}
`,
  )
  .join("")}`;

let servers: readonly ModelServer[];
let gateway: Gateway;

beforeAll(async () => {
  servers = await startModelServers(1);
  gateway = await startGateway({
    resources: resources(addresses(servers)),
    renderFlags: ["--inline-certificates"],
  });
}, 60_000);

afterAll(async () => {
  await gateway.stop();
  await stopModelServers(servers);
});

const port = () => Number(new URL(gateway.origin).port);

/** The names in the certificate that a client is shown who asks for `servername`, and the protocol agreed on. */
async function handshake(servername: string) {
  const { crt } = servername === "chat.example.com" ? certificates.chat : certificates.wildcard;
  const socket = connect({
    host: "127.0.0.1",
    port: port(),
    servername,
    ca: crt,
    ALPNProtocols: ["h2", "http/1.1"],
  });
  await new Promise((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  const { subjectaltname } = socket.getPeerCertificate();
  const found = { subjectaltname, alpn: socket.alpnProtocol, version: socket.getProtocol() };
  socket.destroy();
  return found;
}

describe("an HTTPS listener", () => {
  test.each([
    ["chat.example.com", "DNS:chat.example.com"],
    ["code.example.com", "DNS:*.example.com"],
  ])("shows who asks for %s the certificate of %s", async (servername, subjectaltname) => {
    expect(await handshake(servername)).toMatchObject({ subjectaltname, alpn: "h2" });
  });

  test("serves requests, and redirects to itself", async () => {
    const dispatcher = new Agent({
      connect: { ca: certificates.chat.crt, servername: "chat.example.com" },
    });
    const origin = gateway.origin.replace("http:", "https:");
    const headers = { host: "chat.example.com" };
    const models = await request(`${origin}/v1/models`, { dispatcher, headers });
    expect(models.statusCode).toBe(200);
    await models.body.dump();
    const old = await request(`${origin}/old/page?a=1`, { dispatcher, headers });
    expect(old.statusCode).toBe(302);
    expect(old.headers.location).toBe("https://chat.example.com:8443/v1?a=1");
    await old.body.dump();
    await dispatcher.close();
  });
});
