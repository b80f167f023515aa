import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { Leg } from "@umbra/shadow";
import { type Captures, createCaptures, type Texts } from "../src/capture/captures.ts";

function capturing() {
  const folder = mkdtempSync(join(tmpdir(), "umbra-captures-"));
  const captures = createCaptures({
    folder,
    limit: 5,
    retentionMs: 60_000,
    secret: "s",
    routeOf: () => "default/r",
  });
  return { folder, captures };
}

function leg(lane: "primary" | "shadow"): Leg {
  const rest = { requestId: "r", stream: false, status: 200, t0: 0, outChars: 0 };
  return { ...rest, lane, pool: lane, class: lane === "primary" ? "ok" : "timeout" };
}

function pair(captures: Captures, request: { texts: Texts | undefined }): void {
  const legs = { primary: leg("primary"), shadow: leg("shadow") };
  captures.paired?.({ requestId: "r", ...legs }, "m", request);
}

test("a capture has the request and both answers, and is written once for a request", () => {
  const { folder, captures } = capturing();
  const request = { texts: captures.hold(Buffer.from('{"prompt":"hi"}')) };
  request.texts?.add(undefined, Buffer.from("one "));
  request.texts?.add("m", Buffer.from("other"));
  request.texts?.add(undefined, Buffer.from("answer"));
  pair(captures, request);
  pair(captures, request);
  const files = readdirSync(folder);
  expect(files).toHaveLength(1);
  expect(JSON.parse(readFileSync(join(folder, files[0] ?? ""), "utf8"))).toMatchObject({
    route: "default/r",
    request: '{"prompt":"hi"}',
    primary: { class: "ok", answer: "one answer" },
    shadow: { class: "timeout", answer: "other" },
  });
});

test("texts are bounded: of each request, and by the requests that hold any", () => {
  const { captures } = capturing();
  const requests = Array.from({ length: 512 }, () => ({ texts: captures.hold(Buffer.from("{}")) }));
  expect(captures.hold(Buffer.from("{}"))).toBeUndefined();
  const [first] = requests;
  if (first === undefined) throw new Error("nothing is held");
  for (let i = 0; i < 100; i++) first.texts?.add(`${i}`, Buffer.alloc(65_536, "x"));
  expect(["0", "3", "4"].map((each) => first.texts?.answerOf(each).length)).toEqual([
    65_536, 65_536, 0,
  ]);
  for (let i = 0; i < 2; i++) captures.over?.(first);
  expect(captures.hold(Buffer.from("{}"))).toBeDefined();
  expect(captures.hold(Buffer.from("{}"))).toBeUndefined();
});
