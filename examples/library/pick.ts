import { createPool } from "@umbra/scheduler";
import { startScraping } from "@umbra/scheduler/scrape";
import { trackResponse } from "@umbra/scheduler/track";

const pool = createPool({ name: "llama" });
pool.setEndpoints(["10.0.0.1:8000", "10.0.0.2:8000"]);
const scraping = startScraping(pool); // reads each server's /metrics

const body = JSON.stringify({ model: "/model/llama2", prompt: "Hello", max_tokens: 8 });
const picked = pool.pick({ model: "/model/llama2", prompt: Buffer.from(body) });
if (picked.ok) {
  const url = `http://${picked.endpoint}/v1/completions`;
  const answer = await fetch(url, { method: "POST", body });
  const tracked = trackResponse(answer, picked.lease); // the pool learns when it ends
  console.log(picked.endpoint, tracked.status, await tracked.text());
} else {
  console.log(picked.code, picked.retryAfterMs);
}
scraping.stop();
