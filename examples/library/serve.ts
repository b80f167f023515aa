import { createPool } from "@umbra/scheduler";
import { startScraping } from "@umbra/scheduler/scrape";
import { trackResponse } from "@umbra/scheduler/track";

const pool = createPool({ name: "llama" });
pool.setEndpoints(["10.0.0.1:8000", "10.0.0.2:8000"]);
export const scraping = startScraping(pool); // reads each server's /metrics

export async function serve(body: Uint8Array<ArrayBuffer>, model: string): Promise<Response> {
  const picked = pool.pick({ model, prompt: body });
  if (!picked.ok) return Response.json({ error: picked.code }, { status: 503 });
  const url = `http://${picked.endpoint}/v1/chat/completions`;
  const answer = await fetch(url, { method: "POST", body });
  return trackResponse(answer, picked.lease); // the pool learns of first token, end and failure
}
