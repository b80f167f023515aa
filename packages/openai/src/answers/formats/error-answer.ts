import { isFailedFinish, record } from "./json.ts";

/**
 * True if an event of a 200 answer, or its whole body, is an error. Model servers can't change the status of a stream
 * that has started, so they report errors in different formats:
 *
 * - `{"error": {…}}`: vLLM from 0.10.1 on, SGLang, llama.cpp, TGI's chat; `{"type": "error", "error": {…}}`:
 * Anthropic's messages; `{"error": "…", "error_type": "…"}`: TGI; `{"error": "…"}`: Ollama
 * - `{"object": "error", "message": …, "code": …}`: vLLM before 0.10.1, TensorRT-LLM, LMDeploy
 * - `{"code": …, "message": …, "type": …}`: llama.cpp before its answers wrapped it
 * - a choice that has finished with `abort` or `error`: vLLM and SGLang; `{"type": "abort"}` of SGLang's own API
 */
export function isErrorAnswer(answer: Readonly<Record<string, unknown>>): boolean {
  if (answer.error) return true;
  if (answer.object === "error" || answer.type === "error") return true;
  if (typeof answer.message === "string" && answer.code != null) return true;
  const { choices } = answer;
  return (
    Array.isArray(choices) && choices.some((each) => isFailedFinish(record(each).finish_reason))
  );
}
