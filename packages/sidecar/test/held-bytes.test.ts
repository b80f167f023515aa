import { describe, expect, test } from "@jest/globals";
import { promptOf, readRequest } from "@umbra/openai";
import { heldBytes } from "../src/requests/parsed-request.ts";

const messages = [{ role: "user", content: "hi" }];
const tools = [{ type: "function", function: { name: "f" } }];

describe("the memory of a waiting request", () => {
  const held = (body: object, changedBody?: Uint8Array) => {
    const text = Buffer.from(JSON.stringify(body));
    const bytes = new Uint8Array(text.length);
    bytes.set(text);
    const read = readRequest(bytes);
    if (!read.ok) throw new Error(read.message);
    const prompt = promptOf(bytes, read.fields);
    const request = { model: "m", ...(prompt === undefined ? {} : { prompt }) };
    return {
      size: text.length,
      held: heldBytes({ body: bytes, changedBody, inference: request }),
      prompt,
    };
  };

  test.each<{ name: string; body: object; copied: number }>([
    { name: "only the body if the prompt is a view of it", body: { messages }, copied: 0 },
    { name: "the prompt's copy with tools", body: { messages, tools }, copied: 76 },
    {
      name: "the prompt's copy with system text",
      body: { messages, system: "be kind" },
      copied: 40,
    },
    { name: "nothing more without a prompt", body: { other: "x" }, copied: 0 },
  ])("is $name", ({ body, copied }) => {
    const { size, held: bytes } = held(body);
    expect(bytes - size).toBe(copied);
  });

  test("includes the changed body", () => {
    const { size, held: bytes } = held({ messages }, new Uint8Array(100));
    expect(bytes - size).toBe(100);
  });

  test("is 0 without a body", () => {
    const nothing = { body: undefined, changedBody: undefined, inference: { model: "m" } };
    expect(heldBytes(nothing)).toBe(0);
  });
});
