import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type ApiAccess, createApiClient, type JsonObject, readAccess } from "@umbra/kubernetes";
import {
  accessOf,
  kubeconfigFiles,
  readInCluster,
  readKubeconfig,
} from "@umbra/kubernetes/internal";
import { selfSigned } from "@umbra/sidecar/internal";
import {
  ScriptedApiServer,
  type ScriptedApiServerOptions,
} from "../../../testing/api-server/scripted-api-server.ts";

type Made = Awaited<ReturnType<typeof selfSigned>>;

let folder: string;
let certificate: Made;
let other: Made;

beforeAll(async () => {
  certificate = await selfSigned();
  other = await selfSigned();
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "umbra-kubeconfig-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, content: unknown): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

/** A kubeconfig with one of each; `server` and credentials as given. */
function kubeconfig(cluster: object, user: object = {}, name = "config"): string {
  return write(name, {
    "current-context": "here",
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user }],
    contexts: [{ name: "here", context: { cluster: "c", user: "u", namespace: "team" } }],
  });
}

describe("a kubeconfig", () => {
  test.each([
    { name: "no YAML", text: "a: [", want: /kubeconfig .*config: it is not valid YAML/ },
    { name: "a list", text: "[]", want: /it is not a kubeconfig/ },
    { name: "no current-context", text: "{}", want: /it has no current-context; .*use-context/ },
    { name: "an unknown context", text: "current-context: x", want: /it has no context "x"/ },
    {
      name: "an unknown cluster",
      text: "{current-context: x, contexts: [{name: x, context: {cluster: y}}]}",
      want: /it has no cluster "y" \(context "x"\)/,
    },
    {
      name: "an unknown user",
      text: "{current-context: x, contexts: [{name: x, context: {cluster: y, user: z}}], clusters: [{name: y, cluster: {server: 'http://x'}}]}",
      want: /it has no user "z" \(context "x"\)/,
    },
  ])("with $name is refused in one sentence", ({ text, want }) => {
    expect(() => readKubeconfig([write("config", text)])).toThrow(want);
  });

  test.each([
    "users: [{name: u, user: {token: sesame",
    "users:\n- name: u\n  user: {token: sesame\n",
    'token: "sesame\\q"',
    "token: sesame\n sesame: sesame: 1",
  ])("that is no YAML is refused without its text: %j", (text) => {
    const read = () => readKubeconfig([write("config", text)]);
    expect(read).toThrow(/config: it is not valid YAML \(line \d+, column \d+\)$/);
    expect(read).not.toThrow(/sesame/);
  });

  test("with an empty namespace has none", () => {
    const config = write("config", {
      "current-context": "here",
      clusters: [{ name: "c", cluster: { server: "https://127.0.0.1" } }],
      contexts: [{ name: "here", context: { cluster: "c", namespace: "" } }],
    });
    expect(readKubeconfig([config])).not.toHaveProperty("namespace");
  });

  test("that is not there is refused by name", () => {
    expect(() => readKubeconfig([join(folder, "none")])).toThrow(/none: ENOENT/);
  });

  test("with a server that is no address is refused", () => {
    expect(() => readAccess({ file: kubeconfig({ server: "10.0.0.1" }) })).toThrow(
      /cluster "c": its server "10\.0\.0\.1" is not an http or https address/,
    );
  });

  test("with a proxy of another kind is refused", () => {
    const cluster = { server: "https://c", "proxy-url": "socks4://proxy" };
    expect(() => readAccess({ file: kubeconfig(cluster) })).toThrow(/its proxy-url is not an http/);
  });

  test("of several files, the first that has something counts", () => {
    const first = write("first", {
      contexts: [{ name: "here", context: { cluster: "c", namespace: "first" } }],
    });
    const second = kubeconfig({ server: "https://second" });
    const config = readKubeconfig([first, join(folder, "none"), second]);
    expect(config).toMatchObject({ namespace: "first", cluster: { server: "https://second" } });
  });

  test.each([
    { given: { file: "f" }, environment: { KUBECONFIG: "a:b" }, want: ["f"] },
    { given: {}, environment: { KUBECONFIG: "a::b" }, want: ["a", "b"] },
    { given: {}, environment: { HOME: "/home/x" }, want: ["/home/x/.kube/config"] },
  ])("is looked for in $want", ({ given, environment, want }) => {
    expect(kubeconfigFiles(given, environment)).toEqual(want);
  });
});

describe("credentials at a scripted API server", () => {
  let server: ScriptedApiServer;
  const open: { close(): Promise<void> }[] = [];

  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()));
    await server.stop();
  });

  async function started(options: ScriptedApiServerOptions = {}): Promise<void> {
    server = new ScriptedApiServer({ tls: certificate, ...options });
    await server.start();
  }

  /** The server's version, asked with the credentials of a kubeconfig. */
  async function ask(access: ApiAccess): Promise<JsonObject> {
    const client = createApiClient(access, "umbra-test/1");
    open.push(client);
    return client.request({ method: "GET", path: "/version" });
  }

  function trusting(): object {
    return { server: server.url, "certificate-authority-data": base64(certificate.cert) };
  }

  const version = { gitVersion: "v0.0.0-scripted" };

  test.each([
    { name: "a token", user: { token: "secret" } },
    {
      name: "a token file, with a newline, by a path from the kubeconfig's folder",
      user: { tokenFile: "token" },
    },
    {
      name: "a program",
      user: { exec: { apiVersion: "client.authentication.k8s.io/v1", command: "PROGRAM" } },
    },
  ])("$name", async ({ user }) => {
    await started({ token: "secret" });
    write("token", "secret\n");
    const program = write(
      "program",
      `#!/bin/sh\ncase "$KUBERNETES_EXEC_INFO" in *https://127.0.0.1*) echo '{"status":{"token":"secret"}}';; *) exit 1;; esac\n`,
    );
    chmodSync(program, 0o755);
    const text = JSON.parse(JSON.stringify(user).replace("PROGRAM", program)) as object;
    expect(await ask(readAccess({ file: kubeconfig(trusting(), text) }))).toEqual(version);
    expect(server.seen[0]?.headers).toMatchObject({ "user-agent": "umbra-test/1" });
  });

  test("a program that fails is reported with what it wrote, and asked again", async () => {
    await started({ token: "secret" });
    const program = write("program", "#!/bin/sh\necho 'log in first' >&2\nexit 1\n");
    chmodSync(program, 0o755);
    const access = readAccess({ file: kubeconfig(trusting(), { exec: { command: program } }) });
    await expect(ask(access)).rejects.toMatchObject({
      code: "NO_CREDENTIALS",
      message: 'credentials of user "u": log in first',
    });
    writeFileSync(program, `#!/bin/sh\necho '{"status":{"token":"secret"}}'\n`);
    expect(await ask(access)).toEqual(version);
  });

  test.each([
    { name: "no JSON", output: "sesame", want: /its program's output is not valid JSON$/ },
    { name: "no status", output: "{}", want: /its program's output has no `status`$/ },
  ])("a program with $name is reported without its output, and asked again", async (given) => {
    await started({ token: "secret" });
    const program = write("program", `#!/bin/sh\necho '${given.output}'\n`);
    chmodSync(program, 0o755);
    const access = readAccess({ file: kubeconfig(trusting(), { exec: { command: program } }) });
    const error: unknown = await ask(access).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "NO_CREDENTIALS" });
    expect(String(error)).toMatch(given.want);
    expect(String(error)).not.toContain("sesame");
    writeFileSync(program, `#!/bin/sh\necho '{"status":{"token":"secret"}}'\n`);
    expect(await ask(access)).toEqual(version);
  });

  test.each([
    {
      name: "arguments that are no list",
      exec: { args: "get-token" },
      want: "`args` must be a list of texts",
    },
    {
      name: "an argument that is no text",
      exec: { args: [3] },
      want: "`args` must be a list of texts",
    },
    {
      name: "variables without a name",
      exec: { env: [{ value: "1" }] },
      want: "`env` must be a list of names and values, both texts",
    },
    {
      name: "variables that are no list",
      exec: { env: { A: "1" } },
      want: "`env` must be a list of names and values, both texts",
    },
    { name: "no command", exec: { command: undefined }, want: "`command` must be a text" },
    {
      name: "a command that is not there",
      exec: { command: "/nowhere/program" },
      want: "spawn /nowhere/program ENOENT",
    },
    {
      name: "an argument that no program can get",
      exec: { args: ["a\u0000b"] },
      want: "an argument or a variable has a null byte",
    },
  ])("a program with $name is reported with the reason why it can't be run", async (given) => {
    await started({ token: "secret" });
    const program = write("program", `#!/bin/sh\necho '{"status":{"token":"secret"}}'\n`);
    chmodSync(program, 0o755);
    const exec = { command: program, ...given.exec };
    const access = readAccess({ file: kubeconfig(trusting(), { exec }) });
    await expect(ask(access)).rejects.toMatchObject({
      code: "NO_CREDENTIALS",
      message: `credentials of user "u": its program can't be run: ${given.want}`,
    });
  });

  test("a program that is not there leaves no timer, which would keep a command from ending", async () => {
    await started({ token: "secret" });
    const exec = { command: "/nowhere/program" };
    const access = readAccess({ file: kubeconfig(trusting(), { exec }) });
    const timers = () => process.getActiveResourcesInfo().filter((each) => each === "Timeout");
    const before = timers().length;
    await expect(ask(access)).rejects.toMatchObject({ code: "NO_CREDENTIALS" });
    expect(timers().length).toBeLessThanOrEqual(before);
  });

  test("a program that fails and writes nothing is reported as that", async () => {
    await started({ token: "secret" });
    const program = write("program", "#!/bin/sh\nexit 3\n");
    chmodSync(program, 0o755);
    const access = readAccess({ file: kubeconfig(trusting(), { exec: { command: program } }) });
    await expect(ask(access)).rejects.toMatchObject({
      message: 'credentials of user "u": its program failed and wrote no reason',
    });
  });

  test("a name and a password, and a name to act as", async () => {
    await started();
    const user = { username: "me", password: "pw", as: "another" };
    await ask(readAccess({ file: kubeconfig(trusting(), user) }));
    expect(server.seen[0]?.headers).toMatchObject({
      authorization: `Basic ${base64("me:pw")}`,
      "impersonate-user": "another",
    });
  });

  test("a client certificate, from files next to the kubeconfig", async () => {
    const tls = { ...certificate, requestCert: true, rejectUnauthorized: true, ca: other.cert };
    await started({ tls });
    write("me.pem", other.cert);
    write("me.key", other.key);
    const user = { "client-certificate": "me.pem", "client-key": "me.key" };
    expect(await ask(readAccess({ file: kubeconfig(trusting(), user) }))).toEqual(version);
    await expect(ask(readAccess({ file: kubeconfig(trusting()) }))).rejects.toMatchObject({
      code: "UNREACHABLE",
    });
  });

  test("a certificate that no authority of the kubeconfig signed is refused, unless it says not to check", async () => {
    await started();
    const wrong = { server: server.url, "certificate-authority-data": base64(other.cert) };
    await expect(ask(readAccess({ file: kubeconfig(wrong) }))).rejects.toMatchObject({
      code: "UNREACHABLE",
    });
    const careless = { server: server.url, "insecure-skip-tls-verify": true };
    expect(await ask(readAccess({ file: kubeconfig(careless) }))).toEqual(version);
  });

  test("the identity of a pod, whose token is read again after it was refused", async () => {
    await started({ token: "first" });
    write("pod/token", "first\n");
    write("pod/ca.crt", certificate.cert);
    write("pod/namespace", "mine\n");
    const { hostname, port } = new URL(server.url);
    const environment = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
    const access = accessOf(readInCluster(environment, join(folder, "pod")));
    expect(access.namespace).toBe("mine");
    expect(await ask(access)).toEqual(version);
    server.token = "second";
    write("pod/token", "second\n");
    await expect(ask(access)).rejects.toMatchObject({ code: "REFUSED", status: 401 });
    expect(await ask(access)).toEqual(version);
  });

  test("a program is asked once by many requests at the same time", async () => {
    await started({ token: "secret" });
    const runs = join(folder, "runs");
    const program = write(
      "program",
      `#!/bin/sh\necho run >> ${runs}\nsleep 0.2\necho '{"status":{"token":"secret"}}'\n`,
    );
    chmodSync(program, 0o755);
    const access = readAccess({ file: kubeconfig(trusting(), { exec: { command: program } }) });
    await Promise.all(Array.from({ length: 5 }, () => ask(access)));
    expect(readFileSync(runs, "utf8")).toBe("run\n");
  });

  test("an authority that was replaced in its file is read again", async () => {
    await started();
    const ca = write("ca.pem", other.cert);
    const access = readAccess({
      file: kubeconfig({ server: server.url, "certificate-authority": "ca.pem" }),
    });
    await expect(ask(access)).rejects.toMatchObject({ code: "UNREACHABLE" });
    writeFileSync(ca, certificate.cert);
    expect(await ask(access)).toEqual(version);
  });

  test("through a proxy, with TLS to the API server", async () => {
    await started();
    const tunnels: string[] = [];
    const proxy = createServer().on("connect", (request: IncomingMessage, client: Socket) => {
      tunnels.push(request.url ?? "");
      const [host = "", port] = (request.url ?? "").split(":");
      const upstream = connect(Number(port), host, () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        upstream.pipe(client).pipe(upstream);
      });
      upstream.on("error", () => client.destroy());
      client.on("error", () => upstream.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const { port } = proxy.address() as AddressInfo;
    const cluster = { ...trusting(), "proxy-url": `http://127.0.0.1:${port}` };
    const client = createApiClient(readAccess({ file: kubeconfig(cluster) }), "umbra-test");
    expect(await client.request({ method: "GET", path: "/version" })).toEqual(version);
    expect(tunnels).toEqual([new URL(server.url).host]);
    await client.close();
    await new Promise((resolve) => proxy.close(resolve));
  });

  test("no error names a token", async () => {
    await started({ token: "right" });
    const access = readAccess({ file: kubeconfig(trusting(), { token: "sesame" }) });
    const error: unknown = await ask(access).catch((cause: unknown) => cause);
    expect(`${String(error)} ${JSON.stringify(error)}`).toMatch(/401: Unauthorized/);
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain("sesame");
  });
});

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
