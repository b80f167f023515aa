import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  createSectionFeed,
  maxStreams,
  type SectionFeed,
  sectionEvent,
} from "../src/live-page/section-feed.ts";
import { until } from "./until.ts";

let feed: SectionFeed;
let server: Server;
let url = "";
/** Renders the section `a` for all, and `b` for each choice. */
let html = { a: "<p>1</p>", b: "<p>one</p>" };
let renders = 0;
let watched: boolean[] = [];
let errors: unknown[] = [];
let isBroken = false;
const sockets: Socket[] = [];

beforeEach(async () => {
  html = { a: "<p>1</p>", b: "<p>one</p>" };
  [renders, watched, errors, isBroken] = [0, [], [], false];
  feed = createSectionFeed({
    everyMs: 20,
    render() {
      renders++;
      if (isBroken) throw new Error("broken");
      return (chosen) => [
        { id: "a", html: html.a },
        { id: "b", html: `${html.b} of ${chosen}` },
      ];
    },
    onWatched: (isWatched) => watched.push(isWatched),
    onError: (cause) => errors.push(cause),
  });
  server = createServer((request, response) => {
    feed.add(response, new URL(request.url ?? "", "http://x").searchParams.get("of") ?? undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  feed.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

interface Watching {
  readonly status: number;
  /** Received sections in order, without alive events. */
  readonly came: { readonly id: string; readonly html: string }[];
  alive: number;
  isOver: boolean;
  stop(): void;
}

/** Parses events as specified for server-sent events. */
async function watch(of?: string): Promise<Watching> {
  const controller = new AbortController();
  const response = await fetch(of === undefined ? url : `${url}?of=${of}`, {
    signal: controller.signal,
  });
  const watching: Watching = {
    status: response.status,
    came: [],
    alive: 0,
    isOver: false,
    stop: () => controller.abort(),
  };
  const read = async () => {
    let rest = "";
    for await (const chunk of response.body ?? []) {
      const events = `${rest}${Buffer.from(chunk).toString()}`.split("\n\n");
      rest = events.pop() ?? "";
      for (const event of events) take(watching, event);
    }
  };
  read()
    .catch(() => undefined)
    .finally(() => {
      watching.isOver = true;
    });
  return watching;
}

function take(watching: Watching, event: string): void {
  const { type, data } = parse(event);
  if (type === "alive") watching.alive++;
  else {
    const [id = ""] = data.split("\n", 1);
    watching.came.push({ id, html: data.slice(id.length + 1) });
  }
}

function parse(event: string): { readonly type: string; readonly data: string } {
  const lines = event.split(/\r\n|[\r\n]/).filter((line) => line !== "");
  const valuesOf = (field: string) =>
    lines.flatMap((line) => (line.startsWith(`${field}: `) ? line.slice(field.length + 2) : []));
  return { type: valuesOf("event").join(""), data: valuesOf("data").join("\n") };
}

const has = (watching: Watching, count: number) => until(async () => watching.came.length >= count);

describe("a stream", () => {
  test("sends all sections at first, then changed ones", async () => {
    const watching = await watch();
    await has(watching, 2);
    html = { ...html, a: "<p>2</p>" };
    await has(watching, 3);
    await until(async () => watching.alive > 2);
    expect(watching.came).toEqual([
      { id: "a", html: "<p>1</p>" },
      { id: "b", html: "<p>one</p> of undefined" },
      { id: "a", html: "<p>2</p>" },
    ]);
  });

  test("is for the chosen evaluation", async () => {
    const [first, second] = [await watch("x"), await watch("y")];
    await Promise.all([has(first, 2), has(second, 2)]);
    expect([first.came[1]?.html, second.came[1]?.html]).toEqual([
      "<p>one</p> of x",
      "<p>one</p> of y",
    ]);
  });

  test("is rejected while there are too many, and accepted when one has closed", async () => {
    const all = [];
    for (let i = 0; i < maxStreams; i++) all.push(await watch());
    expect((await watch()).status).toBe(503);
    all[0]?.stop();
    await until(async () => (await watch()).status === 200);
    expect(all.map(({ status }) => status)).toEqual(Array(maxStreams).fill(200));
  });

  test("that is not read is closed, and others continue", async () => {
    const { port } = server.address() as AddressInfo;
    const stuck = connect(port, "127.0.0.1");
    sockets.push(stuck);
    stuck.pause().write("GET /?of=stuck HTTP/1.1\r\nhost: x\r\n\r\n");
    const watching = await watch();
    const closed = new Promise((resolve) => stuck.once("close", resolve).once("error", resolve));
    const connections = () =>
      new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));
    await until(async () => (await connections()) === 2);
    const filler = setInterval(() => {
      html = { ...html, a: `<p>${"x".repeat(512 * 1024)}${performance.now()}</p>` };
    }, 10);
    try {
      await until(async () => (await connections()) === 1);
    } finally {
      clearInterval(filler);
    }
    stuck.resume();
    await closed;
    html = { ...html, a: "<p>end</p>" };
    await until(async () => watching.came.some((each) => each.html === "<p>end</p>"));
    expect(watching.isOver).toBe(false);
  }, 30_000);

  test("ends when the feed is closed", async () => {
    const watching = await watch();
    await has(watching, 2);
    feed.close();
    await until(async () => watching.isOver);
    expect(watched).toEqual([true, false]);
  });
});

describe("rendering", () => {
  test("runs once for all streams, and only while a page is open", async () => {
    const all = [await watch(), await watch(), await watch()];
    await until(async () => all.every(({ alive }) => alive >= 3));
    const looks = Math.max(...all.map(({ alive }) => alive));
    // Once for each new stream, and once for each interval, not once for each stream.
    expect(renders).toBeLessThanOrEqual(all.length + looks + 3);
    for (const each of all) each.stop();
    await until(async () => watched.length === 2);
    const before = renders;
    const later = await watch();
    await until(async () => later.alive >= 1);
    expect(renders - before).toBeLessThanOrEqual(1 + later.alive + 1);
    expect(watched).toEqual([true, false, true]);
  });

  test("that fails closes the streams with the reason; the next one starts again", async () => {
    const watching = await watch();
    await has(watching, 2);
    isBroken = true;
    await until(async () => watching.isOver);
    isBroken = false;
    expect(errors.map(String)).toEqual(["Error: broken"]);
    const next = await watch();
    await has(next, 2);
    expect(next.status).toBe(200);
  });
});

test("any markup arrives complete, with any line ends", () => {
  const line = fc.constantFrom("\n", "\r\n", "\r", "data: x", "<p>", ":", " ", "event: y", "é");
  fc.assert(
    fc.property(
      fc.array(line).map((parts) => parts.join("")),
      (markup) => {
        const event = sectionEvent({ id: "a", html: markup });
        expect(event.split("\n\n")).toHaveLength(2);
        expect(parse(event)).toEqual({
          type: "section",
          data: `a\n${markup.replaceAll(/\r\n|\r/g, "\n")}`,
        });
      },
    ),
  );
});
