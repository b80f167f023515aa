import { describe, expect, test } from "@jest/globals";
import { readRequest } from "@umbra/openai";
import type { ParsedRequest } from "../src/requests/parsed-request.ts";
import { kindOf } from "../src/requests/request-kind.ts";

const path = "/v1/chat/completions";

function parsed(json: object): ParsedRequest {
  const body = Buffer.from(JSON.stringify({ messages: [], ...json }));
  const read = readRequest(body, "application/json");
  const pool = {
    listedModels: new Set(["listed"]),
    served: { base: new Set(["served"]) },
    priorityOf: (model: string | undefined) => (model === "listed" ? "Critical" : "Standard"),
  };
  return { pool, read, body } as unknown as ParsedRequest;
}

describe("the kind of a request", () => {
  test.each([
    { json: { model: "listed" }, model: "listed", shape: "text", priority: "Critical" },
    { json: { model: "served" }, model: "served", shape: "text", priority: "Standard" },
    { json: { model: "my secret text" }, model: "other", shape: "text", priority: "Standard" },
    { json: {}, model: null, shape: "text", priority: "Standard" },
    { json: { tools: [{ type: "function" }] }, model: null, shape: "tools", priority: "Standard" },
    { json: { tools: null }, model: null, shape: "text", priority: "Standard" },
    {
      json: { response_format: { type: "json_object" } },
      ...{ model: null, shape: "json", priority: "Standard" },
    },
    {
      json: { response_format: { type: "json_schema", json_schema: { name: "x" } } },
      ...{ model: null, shape: "json", priority: "Standard" },
    },
    {
      json: { response_format: { type: "text" } },
      ...{ model: null, shape: "text", priority: "Standard" },
    },
    { json: { response_format: "json" }, model: null, shape: "text", priority: "Standard" },
    { json: { guided_json: {} }, model: null, shape: "json", priority: "Standard" },
  ])("of $json is $model, $shape, $priority", ({ json, ...want }) => {
    expect(kindOf(parsed(json), path)).toEqual({ path, ...want });
  });
});
