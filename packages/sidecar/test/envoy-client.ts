import { create } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js";
import { streamMetadata } from "@umbra/envoy-config";
import {
  ExternalProcessor,
  type ProcessingRequest,
  ProcessingRequestSchema,
  type ProcessingResponse,
} from "@umbra/ext-proc/internal";
import { methodDefinition } from "../../grpc/test/method-definition.ts";

const definition = methodDefinition(ExternalProcessor.method.process);
type Call = ClientDuplexStream<ProcessingRequest, ProcessingResponse>;

export interface StreamOf {
  readonly lane: "primary" | "shadow";
  readonly pool: string;
  readonly mirrors?: string;
  /** Name of the route that rewrites the path. */
  readonly rewrittenBy?: string;
  /** Headers with an underscore that may pass; absent: the sidecar refuses none. */
  readonly underscores?: string;
}

export interface Sent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The headers that a pick sets, or its immediate reply. */
export interface PickAnswer {
  readonly headers: Readonly<Record<string, string>>;
  /** The changed body for the endpoint, instead of the client's. */
  readonly body: string | undefined;
  readonly reply: string | undefined;
  /** Ends the request. */
  end(): Promise<void>;
}

export interface HeldPick {
  /** `failed`: the call has ended with an error. */
  readonly state: "held" | "refused" | "failed";
  /** The client leaves. */
  leave(): Promise<void>;
}

/** Calls a sidecar like Envoy's two filters. */
export interface EnvoyClient {
  pick(of: StreamOf, request: Sent): Promise<PickAnswer>;
  /** Sends the headers of a request whose body does not come. */
  hold(of: StreamOf, headers: Readonly<Record<string, string>>): Promise<HeldPick>;
  /** Without a body: one message, one answer. */
  pickByHeaders(of: StreamOf, headers: Readonly<Record<string, string>>): Promise<PickAnswer>;
  /** Sends the recorded copies of a request and its whole answer. */
  observe(
    of: StreamOf,
    headers: Readonly<Record<string, string>>,
    answer: readonly string[],
  ): Promise<void>;
  close(): void;
}

export function createEnvoyClient(address: string): EnvoyClient {
  const client = new Client(address, credentials.createInsecure());

  function open({ lane, pool, mirrors = "", rewrittenBy, underscores }: StreamOf): Call {
    const metadata = new Metadata();
    metadata.set(streamMetadata.lane, lane);
    metadata.set(streamMetadata.pool, pool);
    metadata.set(streamMetadata.mirrors, mirrors);
    if (rewrittenBy !== undefined) metadata.set(streamMetadata.rewrittenBy, rewrittenBy);
    if (underscores !== undefined) metadata.set(streamMetadata.underscores, underscores);
    return client.makeBidiStreamRequest(
      definition.path,
      definition.requestSerialize,
      definition.responseDeserialize as (bytes: Buffer) => ProcessingResponse,
      metadata,
    );
  }

  function pickAnswer(
    call: Call,
    ended: Promise<void>,
    answer: ProcessingResponse | undefined,
  ): PickAnswer {
    return {
      headers: headersOf(answer),
      body: bodyOf(answer),
      reply:
        answer?.response.case === "immediateResponse"
          ? Buffer.from(answer.response.value.body).toString()
          : undefined,
      async end() {
        call.end();
        await ended;
      },
    };
  }

  return {
    async pick(of, { headers, body }) {
      const call = open(of);
      const ended = over(call);
      const [, answer] = await answered(call, [
        { case: "requestHeaders", value: { headers: mapOf(headers) } },
        { case: "requestBody", value: { body: Buffer.from(body), endOfStream: true } },
      ]);
      return pickAnswer(call, ended, answer);
    },
    async hold(of, headers) {
      const call = open(of);
      const ended = over(call);
      const leave = async () => {
        call.cancel();
        await ended;
      };
      const request = { case: "requestHeaders", value: { headers: mapOf(headers) } };
      try {
        const [answer] = await answered(call, [request]);
        const isRefused = answer?.response.case === "immediateResponse";
        return { state: isRefused ? "refused" : "held", leave };
      } catch {
        return { state: "failed", leave };
      }
    },
    async pickByHeaders(of, headers) {
      const call = open(of);
      const ended = over(call);
      // The default of its body modes is NONE.
      const first = { protocolConfig: {} };
      const request = { case: "requestHeaders", value: { headers: mapOf(headers) } };
      const [answer] = await answered(call, [request], first);
      return pickAnswer(call, ended, answer);
    },
    async observe(of, headers, answer) {
      const call = open(of);
      const ended = over(call);
      call.resume();
      const write = (request: object) =>
        call.write(create(ProcessingRequestSchema, { observabilityMode: true, ...request }));
      write({ request: { case: "requestHeaders", value: { headers: mapOf(headers) } } });
      const answerHeaders = mapOf({ ":status": "200", "content-type": "text/event-stream" });
      write({ request: { case: "responseHeaders", value: { headers: answerHeaders } } });
      for (const [i, chunk] of answer.entries()) {
        const value = { body: Buffer.from(chunk), endOfStream: i === answer.length - 1 };
        write({ request: { case: "responseBody", value } });
      }
      await ended;
    },
    close: () => client.close(),
  };
}

function mapOf(headers: Readonly<Record<string, string>>) {
  return {
    headers: Object.entries(headers).map(([key, value]) => ({ key, rawValue: Buffer.from(value) })),
  };
}

/** One answer to each message, or fewer if one is an immediate reply. */
async function answered(
  call: Call,
  requests: readonly object[],
  besides: object = {},
): Promise<readonly ProcessingResponse[]> {
  const answers: ProcessingResponse[] = [];
  for (const request of requests) {
    const next = new Promise<ProcessingResponse>((resolve, reject) => {
      call.once("data", resolve);
      call.once("error", reject);
    });
    call.write(create(ProcessingRequestSchema, { ...besides, request: request as never }));
    const answer = await next;
    answers.push(answer);
    if (answer.response.case === "immediateResponse") return [answer, answer];
  }
  return answers;
}

function headersOf(answer: ProcessingResponse | undefined): Readonly<Record<string, string>> {
  const { response } = answer ?? {};
  const isRoute = response?.case === "requestHeaders" || response?.case === "requestBody";
  const set = isRoute ? (response.value.response?.headerMutation?.setHeaders ?? []) : [];
  return Object.fromEntries(
    set.map(({ header }) => [header?.key ?? "", Buffer.from(header?.rawValue ?? []).toString()]),
  );
}

function bodyOf(answer: ProcessingResponse | undefined): string | undefined {
  const { response } = answer ?? {};
  if (response?.case !== "requestBody") return undefined;
  const mutation = response.value.response?.bodyMutation?.mutation;
  return mutation?.case === "body" ? Buffer.from(mutation.value).toString() : undefined;
}

function over(call: Call): Promise<void> {
  return new Promise((resolve) => {
    call.once("end", resolve);
    call.once("error", () => resolve());
  });
}
