import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { type Leg, type SampleComparison, skippedAgreement } from "@umbra/shadow";
import { openCaptureDesk } from "../src/capture/capture-desk.ts";
import type { CaptureSink } from "../src/capture/capture-sink.ts";
import type { CaptureStoreOptions } from "../src/capture/capture-store.ts";
import { openCaptureThread } from "../src/capture/capture-thread.ts";
import { type Captures, createCaptures, type Texts } from "../src/capture/captures.ts";
import { until } from "./until.ts";

function capturing(open: (options: CaptureStoreOptions) => CaptureSink = openCaptureDesk) {
  const folder = mkdtempSync(join(tmpdir(), "umbra-captures-"));
  const troubles: string[] = [];
  const options: CaptureStoreOptions = {
    ...{ folder, limit: 5, retentionMs: 60_000 },
    onTrouble: ({ message }) => void troubles.push(message),
  };
  return { folder, captures: createCaptures({ secret: "s", sink: open(options) }), troubles };
}

function leg(lane: "primary" | "shadow"): Leg {
  const rest = { requestId: "r", stream: false, status: 200, t0: 0, outChars: 0 };
  return { ...rest, lane, pool: lane, class: lane === "primary" ? "ok" : "timeout" };
}

function pair(captures: Captures, texts: { texts: Texts | undefined }): void {
  const request = Object.assign(texts, { gateOf: () => ({ route: "default/r" }) });
  const legs = { primary: leg("primary"), shadow: leg("shadow") };
  captures.paired?.({ requestId: "r", ...legs }, "m", request);
}

test("a capture has the request and both answers, and is written once per request", () => {
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

test("the pairs that are kept are those that say the most different things", () => {
  const { folder, captures } = capturing();
  const said = (sim: number, toolF1: number | null = null) =>
    ({ agreement: { ...skippedAgreement("other"), sim, toolF1, why: null } }) as SampleComparison;
  const all: readonly (readonly [SampleComparison, slownessMs: number])[] = [
    ...[0.99, 0.9, 1, 0.2, 0.999, 0.7, 1, 0.95].map((sim) => [said(sim), 1] as const),
    [said(1, 0.5), 1],
    [said(1), 1e12],
  ];
  for (const [found, slownessMs] of all) {
    const texts = captures.hold(Buffer.from("{}"));
    const legs = { primary: leg("primary"), shadow: { ...leg("shadow"), class: "ok" as const } };
    captures.paired?.(
      {
        requestId: `${all.findIndex(([each]) => each === found)}`,
        primary: { ...legs.primary, e2eMs: 1 },
        shadow: { ...legs.shadow, e2eMs: slownessMs },
      },
      "m",
      { texts, gateOf: () => ({ route: "default/r" }), comparisonOf: () => found },
    );
  }
  const whys = readdirSync(folder).map(
    (file) =>
      (JSON.parse(readFileSync(join(folder, file), "utf8")) as { readonly why: string }).why,
  );
  expect(whys.toSorted()).toEqual([
    "texts are similar to 0.2 (chrF)",
    "texts are similar to 0.7 (chrF)",
    "texts are similar to 0.9 (chrF)",
    "texts are similar to 0.95 (chrF)",
    "tool calls agree to 0.5 (F1)",
  ]);
});

test("texts are limited, per request and by the number of requests", () => {
  const { captures } = capturing();
  const requests = Array.from({ length: 512 }, () => ({
    texts: captures.hold(Buffer.from("{}")),
    gateOf: () => undefined,
  }));
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

test("a long answer of one lane leaves room for the other lanes", () => {
  const { captures } = capturing();
  const texts = captures.hold(Buffer.from("{}"));
  for (let i = 0; i < 100; i++) texts?.add("m0", Buffer.alloc(10_000, "x"));
  texts?.add("m0", Buffer.from("later"));
  for (let i = 0; i < 10; i++) texts?.add(undefined, Buffer.from("primary "));
  for (const twin of ["m1", "m2", "m3", "m4"]) texts?.add(twin, Buffer.from("other"));
  expect(texts?.answerOf("m0").toString()).toBe("x".repeat(65_536));
  expect(texts?.answerOf(undefined).toString()).toBe("primary ".repeat(10));
  expect(["m3", "m4"].map((twin) => texts?.answerOf(twin).toString())).toEqual(["other", ""]);
});

const held = (captures: Captures) => ({ texts: captures.hold(Buffer.from("{}")) });

test("a removed folder is created again, only for its owner", () => {
  const { folder, captures, troubles } = capturing();
  rmSync(folder, { recursive: true });
  captures.expire();
  rmSync(folder, { recursive: true });
  pair(captures, held(captures));
  expect(readdirSync(folder)).toHaveLength(1);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(troubles).toEqual([]);
});

test("captures that something removed leave room for others", () => {
  const { folder, captures } = capturing();
  const offer = () => pair(captures, { texts: captures.hold(Buffer.from("{}")) });
  for (let i = 0; i < 5; i++) offer();
  rmSync(folder, { recursive: true });
  offer();
  expect(existsSync(folder)).toBe(false);
  captures.expire();
  offer();
  expect(readdirSync(folder)).toHaveLength(1);
});

test("an unusable folder is reported without further effect", () => {
  const { folder, captures, troubles } = capturing();
  rmSync(folder, { recursive: true });
  writeFileSync(folder, "a file");
  captures.expire();
  pair(captures, held(captures));
  expect(troubles).toHaveLength(2);
  rmSync(folder);
  pair(captures, held(captures));
  expect([readdirSync(folder).length, troubles.length]).toEqual([1, 2]);
});

test("does not follow links, and closes an open folder", () => {
  const { folder, captures } = capturing();
  chmodSync(folder, 0o777);
  pair(captures, held(captures));
  const [name = ""] = readdirSync(folder);
  const target = join(folder, "target");
  writeFileSync(target, "mine");
  rmSync(join(folder, name));
  symlinkSync(target, join(folder, name));
  pair(captures, held(captures));
  expect(readFileSync(target, "utf8")).toBe("mine");
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});

test("a folder that can't be created is an error at start with its name", () => {
  const file = join(mkdtempSync(join(tmpdir(), "umbra-captures-")), "file");
  writeFileSync(file, "");
  const options = { limit: 1, retentionMs: 1, onTrouble() {}, folder: join(file, "x") };
  for (const open of [openCaptureDesk, openCaptureThread]) {
    expect(() => open(options)).toThrow(/can't use the capture folder .*captures/);
  }
  expect(existsSync(file)).toBe(true);
});

test("a thread redacts and stores captures, as many as may be kept", async () => {
  const { folder, captures, troubles } = capturing(openCaptureThread);
  for (let i = 0; i < 8; i++) {
    const texts = captures.hold(Buffer.from(`{"prompt":"mail ann${i}@example.com"}`));
    texts?.add("m", Buffer.from("an answer"));
    const legs = { primary: leg("primary"), shadow: leg("shadow") };
    const request = { texts, gateOf: () => ({ route: "default/r" }) };
    captures.paired?.({ requestId: `r${i}`, ...legs }, "m", request);
  }
  await until(async () => captures.count === 5);
  await captures.close();
  const files = readdirSync(folder);
  expect([files.length, captures.count, troubles]).toEqual([5, 5, []]);
  for (const file of files) {
    const written = readFileSync(join(folder, file), "utf8");
    expect(written).toContain("mail [e-mail]");
    expect(written).toContain("an answer");
  }
});

test("a thread that has too many captures to store is sent no more", async () => {
  const folder = mkdtempSync(join(tmpdir(), "umbra-captures-"));
  let made = 0;
  const sink = openCaptureThread({ folder, limit: 50, retentionMs: 60_000, onTrouble() {} });
  for (let i = 0; i < 100; i++) {
    sink.offer(i, () => {
      made++;
      const answer = { class: "ok", answer: new Uint8Array(8) };
      const facts = { id: i.toString(16), at: "", route: "r", candidate: "c", why: "" };
      return {
        ...facts,
        request: new Uint8Array(8),
        primary: answer,
        shadow: { ...answer, answer: new Uint8Array(8) },
      };
    });
  }
  expect(made).toBe(32);
  await until(async () => sink.count === 32);
  await sink.close();
  expect(readdirSync(folder)).toHaveLength(32);
});

test("troubles of the thread are reported", async () => {
  const { folder, captures, troubles } = capturing(openCaptureThread);
  rmSync(folder, { recursive: true });
  writeFileSync(folder, "a file");
  pair(captures, held(captures));
  await until(async () => troubles.length > 0);
  await captures.close();
  expect(troubles).toHaveLength(1);
});

test("a thread that can't be started is a trouble, and is not tried again at once", async () => {
  const failing = (options: CaptureStoreOptions) =>
    openCaptureThread(options, () => {
      throw new Error("no more threads");
    });
  const { captures, troubles } = capturing(failing);
  pair(captures, held(captures));
  pair(captures, held(captures));
  captures.expire();
  expect(troubles).toEqual(["no more threads"]);
  await captures.close();
});
