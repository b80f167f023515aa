// Model servers that answer at once: its argument is their addresses. Tells how many requests came in, how many of them
// no picker had named an endpoint for, and how many came to another endpoint than the picked one.
import { createServer } from "node:http";
import { vllmPage } from "../metrics/vllm-page.ts";

const answer = JSON.stringify({
  id: "stub-1",
  object: "chat.completion",
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "yes" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 },
});
const models = JSON.stringify({ object: "list", data: [{ id: "m", object: "model" }] });
const page = vllmPage(4_096);
const json = { "content-type": "application/json", "content-length": Buffer.byteLength(answer) };

let [requests, unpicked, elsewhere] = [0, 0, 0];
const addresses = (process.argv[2] ?? "").split(",");
for (const address of addresses) {
  const [host, port] = address.split(/:(?=\d+$)/);
  const server = createServer((request, response) => {
    if (request.method !== "POST") {
      response.end(request.url === "/metrics" ? page : models);
      return;
    }
    requests++;
    const picked = request.headers["x-gateway-destination-endpoint"];
    if (picked === undefined) unpicked++;
    // The first is the pick; what follows are fallbacks.
    else if (String(picked).split(",")[0] !== address) elsewhere++;
    // After the whole body, as a model server answers.
    request.on("end", () => response.writeHead(200, json).end(answer));
    request.resume();
  });
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(Number(port), host, resolve));
}
process.on("message", (asked) => {
  if (asked === "stop") process.exit(0);
  process.send?.({ requests, unpicked, elsewhere });
});
process.send?.(addresses.length);
