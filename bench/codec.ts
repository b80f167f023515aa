// Which protobuf codec: @bufbuild/protobuf (es) against protobufjs (pbjs), on the messages of one BUFFERED exchange
// and on a bare grpc-js server. Ratios within one run. `npm run bench:codec`
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ProcessingRequestSchema, ProcessingResponseSchema } from "@umbra/ext-proc/internal";
import { median, startServer } from "./harness/child.ts";
import { connect, messagesOf, play } from "./harness/exchange.ts";
import { pbjsTypes } from "./harness/pbjs.ts";

const { request, response } = await pbjsTypes();
const answer = {
  response: {
    case: "requestBody" as const,
    value: {
      response: {
        headerMutation: {
          setHeaders: [
            {
              header: {
                key: "x-gateway-destination-endpoint",
                rawValue: Buffer.from("10.0.0.1:8000"),
              },
            },
          ],
        },
      },
    },
  },
};
const plainAnswer = { requestBody: { response: answer.response.value.response } };

/** Microseconds of one call, the median of rounds. */
function time(run: () => unknown): number {
  const rounds: number[] = [];
  for (let round = 0; round < 7; round++) {
    const started = performance.now();
    for (let i = 0; i < 20_000; i++) run();
    rounds.push(((performance.now() - started) / 20_000) * 1_000);
  }
  return median(rounds.slice(2));
}

process.stdout.write("one message, us            es    pbjs  es/pbjs\n");
for (const bodyBytes of [1_024, 65_536]) {
  const [headers, body] = messagesOf("BUFFERED", bodyBytes);
  if (headers === undefined || body === undefined) throw new Error("unreachable");
  if (bodyBytes === 1_024)
    row(
      "decode headers",
      () => fromBinary(ProcessingRequestSchema, headers),
      () => request.decode(headers),
    );
  row(
    `decode body ${bodyBytes}`,
    () => fromBinary(ProcessingRequestSchema, body),
    () => request.decode(body),
  );
}
row(
  "make and encode a pick",
  () => toBinary(ProcessingResponseSchema, create(ProcessingResponseSchema, answer)),
  () => response.encode(response.create(plainAnswer)).finish(),
);

function row(name: string, es: () => unknown, pbjs: () => unknown): void {
  const [a, b] = [time(es), time(pbjs)];
  process.stdout.write(
    `${name.padEnd(22)} ${a.toFixed(2).padStart(7)} ${b.toFixed(2).padStart(7)} ${(a / b).toFixed(2).padStart(8)}\n`,
  );
}

const servers = { es: await startServer("bare"), pbjs: await startServer("bare-pbjs") };
const clients = { es: connect(servers.es.port), pbjs: connect(servers.pbjs.port) };
process.stdout.write(
  "\nbare grpc-js server, BUFFERED, requests/s\nbody   streams       es    pbjs  es/pbjs\n",
);
for (const bodyBytes of [1_024, 16_384]) {
  for (const streams of [16, 64]) {
    const messages = messagesOf("BUFFERED", bodyBytes);
    const rates = { es: [] as number[], pbjs: [] as number[] };
    for (let round = 0; round < 4; round++) {
      for (const name of ["es", "pbjs"] as const) {
        const end = performance.now() + 700;
        let done = 0;
        await Promise.all(
          Array.from({ length: streams }, async () => {
            while (performance.now() < end) {
              await play(clients[name], messages);
              done++;
            }
          }),
        );
        if (round > 0) rates[name].push(done / 0.7);
      }
    }
    const ratio = median(rates.es.map((each, i) => each / (rates.pbjs[i] ?? Number.NaN)));
    process.stdout.write(
      `${String(bodyBytes).padEnd(6)} ${String(streams).padStart(7)} ${median(rates.es).toFixed(0).padStart(8)} ${median(rates.pbjs).toFixed(0).padStart(7)} ${ratio.toFixed(2).padStart(8)}\n`,
    );
  }
}
for (const { child } of Object.values(servers)) child.kill();
for (const client of Object.values(clients)) client.close();
