import { setTimeout as sleep } from "node:timers/promises";
import { fromBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { directTopology, streamMetadata } from "@umbra/envoy-config";
import { ProcessingResponseSchema } from "@umbra/ext-proc/internal";
import { type Sidecar, startSidecar } from "@umbra/sidecar";
import pino from "pino";
import { bytesOf, recordings } from "../../ext-proc/test/recording.ts";

// Replays recorded streams of a real Envoy to a whole sidecar.

/** Streams in which the picker must read a body but can't, because it is invalid. */
const refused = /empty-body$|full-duplex[^/]*\/trailers$/;
/** Envoy or the client ends them before the data for a pick is complete. */
const unpicked = /abort-in-body$|^buffered(-graceful)?\/too-large$/;

let sidecar: Sidecar;
let client: Client;

beforeAll(async () => {
  sidecar = await startSidecar({
    topology: directTopology({ primary: ["127.0.0.1:9"], shadow: [], port: 80 }),
    grpc: "127.0.0.1:0",
    admin: { host: "127.0.0.1", port: 0 },
    log: pino({ level: "silent" }),
  });
  client = new Client(sidecar.grpcAddress, credentials.createInsecure());
});

afterAll(async () => {
  client.close();
  await sidecar.close(0);
});

async function inFlight(): Promise<number> {
  const page = await (await fetch(`http://${sidecar.adminAddress}/metrics`)).text();
  return Number(/^umbra_endpoint_in_flight{.*} (\d+)$/m.exec(page)?.[1]);
}

test.each(recordings())("$mode/$name", async ({ mode, name, recording }) => {
  const metadata = new Metadata();
  metadata.set(streamMetadata.lane, "primary");
  metadata.set(streamMetadata.pool, "default/primary");
  const call = client.makeBidiStreamRequest(
    "/envoy.service.ext_proc.v3.ExternalProcessor/Process",
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => fromBinary(ProcessingResponseSchema, bytes),
    metadata,
  );
  let destinations: string[] = [];
  const statuses: number[] = [];
  let answers = 0;
  let isOver = false;
  call.on("error", () => {});
  call.on("status", () => {
    isOver = true;
  });
  call.on(
    "data",
    ({ response }: ReturnType<typeof fromBinary<typeof ProcessingResponseSchema>>) => {
      answers++;
      if (response.case === "immediateResponse") statuses.push(Number(response.value.status?.code));
      if (response.case !== "requestHeaders" && response.case !== "requestBody") return;
      const set = response.value.response?.headerMutation?.setHeaders ?? [];
      destinations = destinations.concat(
        set
          .filter(({ header }) => header?.key === "x-gateway-destination-endpoint")
          .map(({ header }) => Buffer.from(header?.rawValue ?? []).toString()),
      );
    },
  );

  const id = `${mode}/${name}`;
  const isPicked = mode !== "observe" && !refused.test(id) && !unpicked.test(id);
  for (const message of recording.messages) {
    await until(() => answers >= message.after || statuses.length > 0);
    call.write(bytesOf(message));
  }
  const isRefused = mode !== "observe" && refused.test(id);
  await until(() => destinations.length > 0 || statuses.length > 0 || !(isPicked || isRefused));
  expect(destinations).toEqual(isPicked ? ["127.0.0.1:9"] : []);
  expect(statuses).toEqual(isRefused ? [400] : []);

  if (recording.end === "half-close") call.end();
  if (recording.end === "reset") call.cancel();
  await until(() => isOver);
  expect(isOver).toBe(true);
});

test("leave nothing in flight", async () => {
  await until(async () => (await inFlight()) === 0);
  expect(await inFlight()).toBe(0);
});

/** Gives up silently: the next expectation shows what is missing. */
async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 3_000;
  while (!(await isTrue()) && performance.now() < deadline) await sleep(1);
}
