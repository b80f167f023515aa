import { errorAnswer, promptOf, readRequest, withModel } from "@umbra/openai";
import { createAnswerReader } from "@umbra/openai/answers";

const body = Buffer.from('{"model":"llama","stream":true,"prompt":"Hi"}');
const request = readRequest(body);
if (!request.ok) throw new Error(errorAnswer(request, { path: "/v1/messages" }).body);
console.log(request.model, request.isStream); // llama true
console.log(String(promptOf(body, request.fields))); // the bytes for a prefix cache
console.log(String(withModel(body, request, "llama-8b"))); // every other byte is unchanged

const events = [
  'data: {"choices":[{"text":"Hello","finish_reason":"stop"}]}\n\n',
  'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1}}\n\n',
];
const answer = createAnswerReader("text/event-stream");
for (const event of events) answer?.push(Buffer.from(event), performance.now());
console.log(answer?.end()?.outTokens); // 1
