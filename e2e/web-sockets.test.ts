import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { request, WebSocket } from "undici";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { raw } from "./harness/raw.ts";
import { gatewayAndRoute } from "./harness/resources.ts";
import { until } from "./harness/until.ts";
import { startWebSocketServer, type WebSocketServer } from "./harness/web-socket-server.ts";

const under = (path: string, backends: readonly string[], filters = "") =>
  `    - {matches: [{path: {value: ${path}}}], backendRefs: [${backends.map((name) => `{name: ${name}, port: 80}`).join(", ")}]${filters}}\n`;

const service = (name: string, endpoint: string, appProtocol: string, more = "") => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, annotations: {umbra.dev/endpoints: "${endpoint}"${more}}}
spec: {ports: [{port: 80, appProtocol: ${appProtocol}}]}
`;

let servers: Record<"picked" | "balanced" | "shadow", WebSocketServer>;
let gateway: Gateway;

beforeAll(async () => {
  servers = {
    picked: await startWebSocketServer("picked"),
    balanced: await startWebSocketServer("balanced"),
    shadow: await startWebSocketServer("shadow"),
  };
  const { picked, balanced, shadow } = servers;
  const mirror =
    ", filters: [{type: RequestMirror, requestMirror: {backendRef: {name: shadow, port: 80}}}]";
  const ws = "kubernetes.io/ws";
  gateway = await startGateway({
    resources: `${gatewayAndRoute}spec:
  parentRefs: [{name: gateway}]
  rules:
${under("/picked", ["picked"], mirror)}${under("/balanced", ["balanced"])}${under("/timed", ["picked"], ", timeouts: {request: 300ms}")}${under("/mixed", ["picked", "http"])}${under("/http", ["http"])}${[
  service("picked", picked.address, ws),
  service("balanced", balanced.address, ws, ", umbra.dev/picker: none"),
  service("http", picked.address, "http"),
  service("shadow", shadow.address, ws),
].join("")}`,
  });
}, 60_000);

afterAll(async () => {
  await gateway?.stop();
  await Promise.all(Object.values(servers ?? {}).map((each) => each.close()));
});

interface Conversation {
  readonly socket: WebSocket;
  /** Sends a message and returns the next one that comes. */
  say(message: string): Promise<string>;
}

async function connect(path: string): Promise<Conversation> {
  const socket = new WebSocket(`${gateway.origin.replace("http", "ws")}${path}`);
  const heard: string[] = [];
  socket.addEventListener("message", ({ data }) => heard.push(String(data)));
  let failed = false;
  socket.addEventListener("error", () => {
    failed = true;
  });
  await until("the WebSocket is open", () => failed || socket.readyState === WebSocket.OPEN);
  if (failed) throw new Error(`the WebSocket ${path} was refused`);
  return {
    socket,
    async say(message) {
      socket.send(message);
      await until("a message comes", () => heard.length > 0);
      return heard.shift() ?? "";
    },
  };
}

describe("a WebSocket", () => {
  test.each([
    { path: "/picked", from: "picked" },
    { path: "/balanced", from: "balanced" },
  ])("through $path carries messages both ways", async ({ path, from }) => {
    const { socket, say } = await connect(path);
    const long = "x".repeat(30_000);
    expect(await say("one")).toBe(`${from}:one`);
    expect(await say(long)).toBe(`${from}:${long}`);
    socket.close();
    await until("it is closed", () => socket.readyState === WebSocket.CLOSED);
  });

  test("counts as in flight at its endpoint while it is open", async () => {
    const inFlight = async () => {
      const { body } = await request(`http://${gateway.admin}/metrics`);
      const page = await body.text();
      return [...page.matchAll(/^umbra_endpoint_in_flight\{[^}]*\} (\d+)$/gm)]
        .map(([, count]) => Number(count))
        .reduce((sum, each) => sum + each, 0);
    };
    const { socket, say } = await connect("/picked");
    await say("hello");
    await until("it is counted", async () => (await inFlight()) === 1);
    socket.close();
    await until("it is no longer counted", async () => (await inFlight()) === 0);
  });

  test("outlives the rule's timeouts", async () => {
    const { socket, say } = await connect("/timed");
    const endMs = performance.now() + 1_000;
    await until("a second is over", async () => {
      expect(await say("still there")).toBe("picked:still there");
      return performance.now() > endMs;
    });
    socket.close();
  });

  test("is not mirrored, but the rule's plain requests are", async () => {
    const { socket, say } = await connect("/picked");
    await say("hello");
    socket.close();
    const { body } = await request(`${gateway.origin}/picked`);
    expect(await body.text()).toBe("picked");
    await until("the twin arrives", () => servers.shadow.plain.includes("/picked"));
    expect(servers.shadow.upgraded).toEqual([]);
  });

  test.each(["/http", "/mixed"])(
    "through %s, which has a backend without WebSockets, is refused",
    async (path) => {
      const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
      const answer = await raw(gateway.origin, `GET ${path} HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`);
      expect(answer.status).toBe(403);
      expect(JSON.parse(answer.body)).toMatchObject({ error: { code: "upgrade_not_supported" } });
    },
  );
});
