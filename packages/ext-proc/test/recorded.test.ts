import { fromBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createExtProcServer, type ExtProcServer, type StreamOutcome } from "@umbra/ext-proc";
import { maxChunkBytes, ProcessingResponseSchema } from "@umbra/ext-proc/internal";
import { until } from "../../grpc/test/until.ts";
import { type ReadMessage, readByGenerated, readByHand } from "./both-codecs.ts";
import {
  bytesOf,
  decisionHeader,
  destination,
  newBody,
  type RecordedMessage,
  recordedExchange,
  recordings,
} from "./recording.ts";

// Streams that the real Envoy has played, in each mode, played again to our server.

/** What an answer says. */
interface Said {
  readonly what: string | undefined;
  readonly destination?: string;
  /** A body that replaces the one that came, or a piece of one that is sent on. */
  readonly body?: string;
  readonly endOfStream?: boolean;
  readonly status?: number;
}

/** Events of a stream that the server reported. */
interface Told {
  readonly decided: { readonly body: string | undefined; readonly isComplete: boolean }[];
  readonly copied: string[];
  readonly outcomes: StreamOutcome[];
}

describe("recorded messages", () => {
  test("are of all modes, and of every part of a request and its answer", () => {
    const messages = recordings().flatMap(({ recording }) => recording.messages.map(read));
    expect(new Set(messages.map(({ bodyModes }) => bodyModes?.request))).toEqual(
      new Set([undefined, 0, 1, 2, 3, 4]),
    );
    expect(new Set(messages.map(({ part }) => part)).size).toBe(6);
    expect(new Set(messages.map(({ isCopy }) => isCopy)).size).toBe(2);
  });

  test.each(recordings())(
    "of $mode/$name say by hand what the generated code says",
    ({ recording }) => {
      for (const message of recording.messages) {
        const bytes = bytesOf(message);
        expect(readByHand(bytes)).toEqual(readByGenerated(bytes));
      }
    },
  );
});

describe("recordings played to the server", () => {
  const told = new Map<string, Told>();
  let server: ExtProcServer;
  let client: Client;

  beforeAll(async () => {
    server = createExtProcServer({
      maxBodyBytes: 1_048_576,
      processor: {
        pick(stream) {
          const { decided, outcomes } = toldOf(stream.metadata.get("x-recording") ?? "");
          const exchange = recordedExchange();
          return {
            decide(headers, body, info) {
              decided.push({ body: hex(body), isComplete: info.bodyIsComplete });
              return exchange.decide(headers, body, info);
            },
            onEnd: (outcome) => outcomes.push(outcome),
          };
        },
        observe(stream) {
          const { copied, outcomes } = toldOf(stream.metadata.get("x-recording") ?? "");
          return {
            onRequestHeaders(headers) {
              copied.push(`requestHeaders ${headers.get(":path")}`);
              return undefined;
            },
            onRequestBody: (chunk) => copied.push(`requestBody ${hex(chunk)}`),
            onResponseHeaders: (headers, attributes) =>
              copied.push(
                `responseHeaders ${headers.get(":status")} ${attributes.get("upstream.address")}`,
              ),
            onResponseBody(chunk) {
              copied.push(`responseBody ${hex(chunk)}`);
              return undefined;
            },
            onResponseTrailers: (headers) =>
              copied.push(`responseTrailers ${headers.get("x-usage")}`),
            onEnd: (outcome) => outcomes.push(outcome),
          };
        },
      },
    });
    client = new Client(await server.listen("127.0.0.1:0"), credentials.createInsecure());
  });

  afterAll(async () => {
    client.close();
    await server.close(0);
  });

  function toldOf(id: string): Told {
    const known = told.get(id) ?? { decided: [], copied: [], outcomes: [] };
    told.set(id, known);
    return known;
  }

  test.each(recordings())("$mode/$name", async ({ mode, name, recording }) => {
    const id = `${mode}/${name}`;
    const metadata = new Metadata();
    metadata.set("x-recording", id);
    const call = client.makeBidiStreamRequest(
      "/envoy.service.ext_proc.v3.ExternalProcessor/Process",
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      metadata,
    );
    const answers: Buffer[] = [];
    let code: number | undefined;
    call.on("data", (answer: Buffer) => answers.push(answer));
    call.on("error", () => {});
    call.on("status", (status) => {
      code = status.code;
    });

    for (const message of recording.messages) {
      await until(() => answers.length >= message.after);
      call.write(bytesOf(message));
    }
    const messages = recording.messages.map(read);
    const want = expectedAnswers(messages);
    await until(() => isSame(said(answers), want));
    expect(said(answers)).toEqual(want);

    if (recording.end === "half-close") call.end();
    if (recording.end === "reset") call.cancel();
    const { decided, copied, outcomes } = toldOf(id);
    await until(() => code !== undefined && outcomes.length > 0);
    expect(outcomes).toEqual([isWhole(messages) ? "complete" : "cancelled"]);
    expect(recording.end === "reset" || code === 0).toBe(true);
    expect(decided).toEqual(expectedDecisions(messages));
    expect(copied).toEqual(expectedCopies(messages));
  });
});

function read(message: RecordedMessage): ReadMessage {
  return readByGenerated(bytesOf(message));
}

const fullDuplex = 4;
const partial = 3;

/** The protocol, as Envoy's documentation has it: what each of the messages is owed. */
function expectedAnswers(messages: readonly ReadMessage[]): Said[] {
  const [first] = messages;
  if (first === undefined || first.isCopy) return [];
  const modes = first.bodyModes;
  const decision = first.headers.get(decisionHeader);
  const refusal: Said = { what: "immediateResponse", status: 429 };
  const said: Said[] = [];
  const isDuplex = modes?.request === fullDuplex;
  const decider = deciderOf(messages);
  let body = "";
  for (const message of messages) {
    const { part, endOfStream } = message;
    if (part === "requestBody") body += message.body;
    if (isDuplex && part?.startsWith("request") === true) {
      if (message !== decider) continue;
      if (decision === "refuse") return [...said, refusal];
      said.push({ what: "requestHeaders", destination: destination.value });
      const sent = decision === "rewrite" ? hex(Buffer.from(newBody)) : body;
      const hasTrailers = part === "requestTrailers";
      if (part !== "requestHeaders")
        said.push({ what: "requestBody", body: sent ?? "", endOfStream: !hasTrailers });
      if (hasTrailers) said.push({ what: "requestTrailers" });
    } else if (message === decider) {
      if (decision === "refuse") return [...said, refusal];
      const replaced = decision === "rewrite" ? { body: hex(Buffer.from(newBody)) ?? "" } : {};
      said.push({ what: part, destination: destination.value, ...replaced });
    } else if (part === "responseBody" && modes?.response === fullDuplex) {
      said.push({ what: part, body: message.body, endOfStream });
    } else said.push({ what: part });
  }
  return joined(said);
}

/** The message behind which the picker knows all that it is to know. */
function deciderOf(messages: readonly ReadMessage[]): ReadMessage | undefined {
  const mode = messages[0]?.bodyModes?.request;
  return messages.find(({ part, endOfStream }) => {
    if (part === "requestHeaders") return endOfStream || mode === 0 || mode === 1;
    if (part === "requestTrailers") return mode === fullDuplex;
    return part === "requestBody" && (endOfStream || mode !== fullDuplex);
  });
}

function expectedDecisions(messages: readonly ReadMessage[]): Told["decided"] {
  const decider = deciderOf(messages);
  if (decider === undefined || decider.isCopy) return [];
  const mode = messages[0]?.bodyModes?.request;
  if (decider.part === "requestHeaders") {
    return [{ body: undefined, isComplete: decider.endOfStream }];
  }
  const body = messages
    .slice(0, messages.indexOf(decider) + 1)
    .map((message) => (message.part === "requestBody" ? message.body : ""));
  return [{ body: body.join(""), isComplete: mode !== partial || decider.endOfStream }];
}

function expectedCopies(messages: readonly ReadMessage[]): string[] {
  if (messages[0]?.isCopy !== true) return [];
  return messages.flatMap(({ part, headers, body, attributes }) => {
    switch (part) {
      case "requestHeaders":
        return [`${part} ${headers.get(":path")}`];
      case "responseHeaders":
        return [`${part} ${headers.get(":status")} ${attributes.get("upstream.address")}`];
      case "responseTrailers":
        return [`${part} ${headers.get("x-usage")}`];
      case "requestTrailers":
        return [];
      default:
        return [`${part} ${body}`];
    }
  });
}

/** The pick was made, or the whole answer was seen. */
function isWhole(messages: readonly ReadMessage[]): boolean {
  if (messages[0]?.isCopy !== true) return deciderOf(messages) !== undefined;
  const { part = "", endOfStream = false } = messages.at(-1) ?? {};
  return part === "responseTrailers" || (part.startsWith("response") && endOfStream);
}

function said(answers: readonly Buffer[]): Said[] {
  const decoded = answers.map((bytes): Said => {
    const { response } = fromBinary(ProcessingResponseSchema, bytes);
    if (response.case === "immediateResponse") {
      return { what: response.case, status: Number(response.value.status?.code) };
    }
    const { case: what } = response;
    if (what !== "requestHeaders" && what !== "requestBody" && what !== "responseBody") {
      return { what };
    }
    const { headerMutation, bodyMutation } = response.value.response ?? {};
    const set = headerMutation?.setHeaders.find(({ header }) => header?.key === destination.name);
    const { mutation } = bodyMutation ?? {};
    const to = set?.header?.rawValue;
    return {
      what,
      ...(to === undefined ? {} : { destination: Buffer.from(to).toString() }),
      ...(mutation?.case === "body" ? { body: hex(mutation.value) ?? "" } : {}),
      ...(mutation?.case === "streamedResponse"
        ? { body: hex(mutation.value.body) ?? "", endOfStream: mutation.value.endOfStream }
        : {}),
    };
  });
  for (const { body = "" } of decoded) expect(body.length / 2).toBeLessThanOrEqual(maxChunkBytes);
  return joined(decoded);
}

/** A body that is sent on in pieces says the same as in one. */
function joined(answers: readonly Said[]): Said[] {
  const all: Said[] = [];
  for (const answer of answers) {
    const last = all.at(-1);
    const isNext = last?.what === answer.what && last?.endOfStream === false;
    if (!isNext) all.push(answer);
    else all[all.length - 1] = { ...answer, body: `${last.body ?? ""}${answer.body ?? ""}` };
  }
  return all;
}

function isSame(a: readonly Said[], b: readonly Said[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("hex");
}
