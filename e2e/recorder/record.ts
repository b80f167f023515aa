// Records what the real Envoy sends to an ext_proc server in each mode. `npm run record:ext-proc`
// Bodies come in pieces that the network cuts: those of large requests may be cut elsewhere each time.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import {
  createServer,
  type IncomingHttpHeaders,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Recording, recordedFolder } from "../../packages/ext-proc/test/recording.ts";
import { freePorts } from "../harness/ports.ts";
import { startProcess } from "../harness/processes.ts";
import { until } from "../harness/until.ts";
import { type RecordedMode, recordedModes, recorderBootstrap } from "./bootstrap.ts";
import { type RecordedCase, recordedCases } from "./cases.ts";
import { caseHeader, type RecordingPicker, startRecordingPicker } from "./recording-picker.ts";

const envoyBinary =
  process.env.ENVOY_BIN ??
  fileURLToPath(new URL("../../.cache/envoy/1.40.0/envoy", import.meta.url));
/** An address that is always free, so that recordings of it are the same each time. */
const upstream = { host: "127.77.0.1", port: 8_000 };

/** The requests that the model server has seen. */
const asked = new Set<string>();
const folder = mkdtempSync(join(tmpdir(), "umbra-record-"));
const picker = await startRecordingPicker();
const server = await startUpstream(picker);
const ports = await freePorts(recordedModes.length);
const byMode = new Map(recordedModes.map(({ name }, i) => [name, ports[i] ?? 0]));
const version = /\/(\d+\.\d+\.\d+)\//.exec(
  execFileSync(envoyBinary, ["--version"], { encoding: "utf8" }),
)?.[1];
try {
  for (const isGraceful of [false, true]) await recordBy(isGraceful);
} finally {
  server.close();
  server.closeAllConnections();
  picker.close();
  rmSync(folder, { recursive: true, force: true });
}

/** Starts an Envoy and has it play all cases of the modes that are configured so. */
async function recordBy(isGraceful: boolean): Promise<void> {
  const modes = recordedModes.filter((mode) => (mode.isGraceful ?? false) === isGraceful);
  const config = join(folder, "envoy.json");
  const to = { byMode, picker: picker.port, upstream: `${upstream.host}:${upstream.port}` };
  writeFileSync(config, JSON.stringify(recorderBootstrap(modes, isGraceful, to)));
  const envoy = startProcess(
    envoyBinary,
    ...["-c", config, "--concurrency", "1", "--log-level", "warning", "--disable-hot-restart"],
  );
  try {
    const [first] = modes;
    await until("Envoy listens", () => isListening(byMode.get(first?.name ?? "") ?? 0), 30_000);
    for (const mode of modes) await recordMode(mode);
  } catch (cause) {
    process.stderr.write(`${envoy.output()}\n`);
    throw cause;
  } finally {
    await envoy.stop();
  }
}

async function recordMode(mode: RecordedMode): Promise<void> {
  const recorded = new Map<string, Recording>();
  for (const name of mode.cases) recorded.set(name, await record(mode, name));
  const to = join(recordedFolder, mode.name);
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  for (const [name, recording] of recorded) {
    writeFileSync(join(to, `${name}.json`), `${JSON.stringify(recording, undefined, 2)}\n`);
    process.stdout.write(`${mode.name}/${name}: ${recording.messages.length} messages\n`);
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

async function record(mode: RecordedMode, name: string): Promise<Recording> {
  const made = recordedCases[name];
  if (made === undefined) throw new Error(`there is no case ${name}`);
  const id = `${mode.name}/${name}`;
  await ask(mode, id, made);
  const taken = () => picker.taken(id);
  await until(`the stream of ${id} has ended`, () => taken()?.end !== undefined, 30_000);
  const { messages = [], end = "reset" } = taken() ?? {};
  return { envoy: version ?? "unknown", processingMode: mode.processingMode, messages, end };
}

/** Sends the request, each piece of its body after Envoy has passed on the one before, where it passes them on. */
async function ask(mode: RecordedMode, id: string, made: RecordedCase): Promise<void> {
  const isPassedOn = /STREAMED/.test(mode.processingMode.request_body_mode ?? "");
  const { pieces, trailers } = made;
  const length =
    pieces.length === 1 ? { "content-length": Buffer.byteLength(pieces[0] ?? "") } : {};
  const client = request({
    host: "127.0.0.1",
    port: byMode.get(mode.name),
    agent: false,
    method: made.method,
    path: "/v1/chat/completions",
    headers: {
      host: "example.com",
      "content-type": "application/json",
      [caseHeader]: id,
      ...made.headers,
      ...length,
      ...(trailers === undefined ? {} : { trailer: Object.keys(trailers).join() }),
    },
  });
  // A broken connection is a way to end, too: what matters is how the stream does.
  const done = new Promise<void>((resolve) => {
    client.on("response", (response) => response.resume().on("close", resolve));
    client.on("close", resolve);
    client.on("error", () => resolve());
  });
  if (pieces.length > 0) client.flushHeaders();
  let written = 0;
  for (const piece of pieces) {
    client.write(piece);
    written += piece.length;
    const isSeen = () => (picker.taken(id)?.requestBytes ?? 0) >= written;
    if (isPassedOn && pieces.length > 1) await until(`a piece of ${id} was passed on`, isSeen);
  }
  if (made.isCutShort === true) {
    await until("the stream has begun", () => picker.taken(id) !== undefined);
    client.destroy();
  } else {
    if (trailers !== undefined) client.addTrailers(trailers);
    client.end();
  }
  if (made.answer.isHeld === true) {
    await until("the model server has the request", () => asked.has(id));
    client.destroy();
  }
  await done;
}

/** A model server that answers as the case says; each piece after Envoy has passed on the one before. It has no clock. */
async function startUpstream(by: RecordingPicker): Promise<Server> {
  const upstreamServer = createServer((incoming, response) => {
    incoming.resume().on("end", () => void answer(incoming.headers, response, by));
  });
  await new Promise<void>((resolve) => {
    upstreamServer.listen(upstream.port, upstream.host, resolve);
  });
  return upstreamServer;
}

async function answer(
  headers: IncomingHttpHeaders,
  response: ServerResponse,
  by: RecordingPicker,
): Promise<void> {
  const id = String(headers[caseHeader]);
  asked.add(id);
  const [modeName, name = ""] = id.split("/");
  const mode = recordedModes.find((each) => each.name === modeName);
  const made = recordedCases[name]?.answer;
  if (made === undefined || made.isHeld === true) return;
  const { pieces, trailers } = made;
  response.sendDate = false;
  response.writeHead(200, {
    "content-type": pieces.length > 1 ? "text/event-stream" : "application/json",
    ...(trailers === undefined ? {} : { trailer: Object.keys(trailers).join() }),
    ...(pieces.length === 1 ? { "content-length": Buffer.byteLength(pieces[0] ?? "") } : {}),
  });
  const isPassedOn = /STREAMED/.test(mode?.processingMode.response_body_mode ?? "");
  let written = 0;
  for (const piece of pieces) {
    response.write(piece);
    written += piece.length;
    const isSeen = () => (by.taken(id)?.responseBytes ?? 0) >= written;
    if (isPassedOn && pieces.length > 1) await until(`the answer of ${id} was passed on`, isSeen);
  }
  if (trailers !== undefined) response.addTrailers(trailers);
  response.end();
}
