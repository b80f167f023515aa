import { describe, expect, test } from "@jest/globals";
import { createPool } from "@umbra/scheduler";
import { createRecorder } from "@umbra/shadow";
import type { RequestAccount } from "../src/decision/request-account.ts";
import {
  type LiveLeg,
  type LiveRequest,
  MeasuredLeg,
  type PickedLeg,
} from "../src/requests/live-request.ts";
import { LiveRequests } from "../src/requests/live-requests.ts";
import { until } from "./until.ts";

function setup() {
  const clock = { ms: 0 };
  const cancelled: string[] = [];
  const over: string[] = [];
  const lost: string[] = [];
  const live = new LiveRequests({
    observers: [
      {
        over: ({ requestId }) => over.push(requestId),
        twinLost: (mirror, { requestId }) => lost.push(`${requestId} ${mirror}`),
      },
    ],
    now: () => clock.ms,
    canCancel: (mirror) => mirror !== "open",
    onCancel: (mirror) => cancelled.push(mirror),
    graceMs: 1,
  });
  const begin = (requestId: string, mirrors: readonly string[] = ["m"]): LiveRequest => {
    const request = live.begin(requestId, mirrors);
    if (request === undefined) throw new Error("no room");
    return request;
  };
  return { live, clock, cancelled, begin, over, lost };
}

function picked(endpoint = "10.0.0.1:8000"): PickedLeg {
  return {
    model: "m",
    stream: true,
    endpoint,
    dispatchedAt: 0,
    promptBytes: 10,
  };
}

const account: RequestAccount = {
  arrived: () => {},
  decided: () => [],
  ended: () => {},
  answered: () => {},
};

function measure(leg: LiveLeg, from = picked()): MeasuredLeg {
  leg.measured = new MeasuredLeg(account, from);
  return leg.measured;
}

describe("a live request", () => {
  test("is known until its last stream is over", () => {
    const { live, begin, over } = setup();
    const request = begin("r");
    measure(request);
    const primary = live.observe("r", undefined);
    const twin = live.beginTwin("r", "m", () => {});
    expect([primary, twin?.request]).toEqual([request, request]);
    live.primaryOver(request);
    live.streamOver(request);
    expect([live.size, over]).toEqual([1, []]);
    live.streamOver(request);
    expect([live.size, over]).toEqual([0, ["r"]]);
  });

  test("is observed once, and only if it is measured", () => {
    const { live, begin } = setup();
    begin("other");
    measure(begin("r"));
    expect(live.observe("r", undefined)?.measured?.picked).toEqual(picked());
    for (const id of ["r", "other", "stranger"])
      expect(live.observe(id, undefined)).toBeUndefined();
  });

  test("has a twin in each mirror, each observed once", () => {
    const { live, begin } = setup();
    const request = begin("r", ["m", "n"]);
    for (const mirror of ["m", "n"]) {
      const twin = live.beginTwin("r", mirror, () => {});
      if (twin !== undefined) measure(twin, picked(mirror));
    }
    expect(live.observe("r", "n")?.measured?.picked.endpoint).toBe("n");
    expect(live.observe("r", "n")).toBeUndefined();
    expect(live.observe("r", "m")).toBe(request.twins[0]);
  });

  test("keeps the client's name of the model for its twins", () => {
    const { live, begin } = setup();
    begin("r").clientModel = "client";
    expect(live.expecting("r", "m")?.clientModel).toBe("client");
    expect(live.expecting("r", "n")).toBeUndefined();
  });
});

test("a mirror is named until the last request with a twin in it is over", () => {
  const { live, begin, clock } = setup();
  const [first, second] = [begin("1", ["m", "n"]), begin("2", ["m"])];
  expect(["m", "n", "o"].map((each) => live.isNamed(each))).toEqual([true, true, false]);
  for (const each of [first, second]) live.streamOver(each);
  clock.ms += 11_000;
  live.expire();
  live.expire();
  expect([live.size, live.isNamed("m"), live.isNamed("n")]).toEqual([0, false, false]);
  begin("3", ["n"]);
  expect([live.isNamed("m"), live.isNamed("n")]).toEqual([false, true]);
});

describe("too many idle requests", () => {
  /** A request that was answered, and whose twin has not come. */
  function answered(live: LiveRequests, recorder: ReturnType<typeof createRecorder>, id: string) {
    const request = live.begin(id, ["m"]);
    if (request === undefined) throw new Error("no room");
    measure(request);
    live.observe(id, undefined);
    request.pairing = recorder.open(undefined);
    const start = { requestId: id, lane: "primary" as const, pool: "p", mirrors: ["m"] };
    request.pairing.begin({ ...start, ...picked() })?.end("complete");
    for (const over of [() => live.primaryOver(request), () => live.streamOver(request)]) over();
  }

  test.each([
    {
      name: "the oldest makes room: its twin is not measured",
      more: 8_192,
      ms: 0,
      want: "unmeasured",
    },
    { name: "a twin that does not come in time was not sent", more: 0, ms: 10_000, want: "unsent" },
  ])("$name", ({ more, ms, want }) => {
    const { live, clock } = setup();
    const lost: string[] = [];
    const recorder = createRecorder({
      now: () => clock.ms,
      observers: [
        { lost: ({ requestId }, mirror, twin) => lost.push(`${requestId} ${mirror} ${twin}`) },
      ],
    });
    for (let i = 0; i <= more; i++) answered(live, recorder, `r${i}`);
    clock.ms = ms;
    live.expire();
    expect(lost).toEqual([`r0 m ${want}`]);
  });
});

describe("requests that share an id", () => {
  test("get a twin each, the oldest first", () => {
    const { live, begin } = setup();
    const [one, other] = [begin("r"), begin("r")];
    const twins = [1, 2].map(() => live.beginTwin("r", "m", () => {})?.request);
    expect(twins).toEqual([one, other]);
  });

  test("and one has ended: a twin belongs to the open one", () => {
    const { live, begin } = setup();
    live.primaryOver(begin("r"));
    const open = begin("r");
    expect(live.beginTwin("r", "m", () => {})?.request).toBe(open);
  });

  test("are bounded", () => {
    const { live } = setup();
    const begun = Array.from({ length: 200 }, () => live.begin("r", ["m"]));
    expect(begun.filter((each) => each !== undefined)).toHaveLength(64);
    expect(live.size).toBe(64);
  });

  test("make room for one with a twin if another only waits for an access log line", () => {
    const { live } = setup();
    const pool = createPool({ name: "pool", now: () => 0 });
    pool.setEndpoints(["10.0.0.1:8000"]);
    const requests = Array.from({ length: 64 }, () => live.begin("r", []));
    expect(live.begin("r", ["m"])).toBeUndefined();
    for (const request of requests.slice(0, 2)) {
      const picked = pool.pick({ model: "m" });
      if (request === undefined || !picked.ok) throw new Error("no room");
      request.lease = picked.lease;
      live.streamOver(request);
    }
    expect([live.size, live.begin("r", [])]).toEqual([64, undefined]);
    expect(live.begin("r", ["m"])).toBeDefined();
    expect(live.size).toBe(64);
  });
});

describe("a refused twin", () => {
  test("is no longer expected, and an ended request is removed with it", () => {
    const { live, begin } = setup();
    const refuse = (requestId: string) => {
      const twin = live.beginTwin(requestId, "m");
      if (twin !== undefined) live.streamOver(twin.request);
    };
    const open = begin("open");
    for (const id of ["open", "open", "stranger"]) refuse(id);
    expect(live.expecting("open", "m")).toBeUndefined();
    expect(live.size).toBe(1);
    live.primaryOver(open);
    live.primaryOver(begin("over"));
    expect(live.size).toBe(1);
    refuse("over");
    expect(live.size).toBe(0);
  });
});

describe("the legs of a request", () => {
  const leg = { requestId: "r", pool: "p", mirrors: ["m"] };
  const primary = { ...leg, lane: "primary" } as const;
  const shadow = { ...leg, lane: "shadow" } as const;

  function recorded() {
    const made = setup();
    const heard: string[] = [];
    const recorder = createRecorder<LiveRequest>({
      now: () => made.clock.ms,
      observers: [
        {
          paired: (_, mirror, { requestId }) => heard.push(`paired ${requestId} ${mirror}`),
          lost: ({ requestId }, mirror) => heard.push(`lost ${requestId} ${mirror}`),
        },
      ],
    });
    const begin = (requestId: string, mirrors?: readonly string[]): LiveRequest => {
      const request = made.begin(requestId, mirrors);
      request.pairing = recorder.open(request);
      return request;
    };
    return { ...made, begin, heard };
  }

  test("wait for a running twin, and 10 s for one that has not arrived", () => {
    const { live, clock, begin, heard } = recorded();
    const request = begin("r", ["m", "n"]);
    const twin = live.beginTwin("r", "m", () => {});
    const running = request.pairing?.begin(shadow);
    request.pairing?.begin({ ...primary, mirrors: ["m", "n"] })?.end("complete");
    live.primaryOver(request);
    clock.ms = 600_000;
    live.expire();
    expect([twin?.request, heard]).toEqual([request, []]);
    running?.end("complete");
    live.streamOver(request);
    clock.ms = 609_999;
    live.expire();
    expect(heard).toEqual(["paired r m"]);
    clock.ms = 610_000;
    live.expire();
    expect([heard, live.size]).toEqual([["paired r m", "lost r n"], 0]);
  });

  test("give up a twin that never ends after 11 minutes", () => {
    const { live, clock, begin, heard } = recorded();
    const request = begin("r");
    live.beginTwin("r", "m", () => {});
    request.pairing?.begin(shadow);
    request.pairing?.begin(primary)?.end("complete");
    live.primaryOver(request);
    clock.ms = 660_000;
    live.expire();
    expect([heard, live.size]).toEqual([["lost r m"], 1]);
  });

  test("belong to one request at a time if several share an id", () => {
    const { live, begin } = recorded();
    const [one, other] = [begin("r"), begin("r")];
    expect([live.isShared(one), live.isShared(other)]).toEqual([false, false]);
    const primaryLeg = one.pairing?.begin(primary);
    expect([live.isShared(one), live.isShared(other)]).toEqual([false, true]);
    primaryLeg?.end("complete");
    expect(live.isShared(other)).toBe(true);
    one.pairing?.begin(shadow)?.end("complete");
    expect(live.isShared(other)).toBe(false);
  });
});

test("a twin that has not arrived 10 s after its request is reported once, whatever the request does", () => {
  const { live, clock, begin, lost } = setup();
  const request = begin("r", ["m", "open"]);
  live.beginTwin("r", "open", () => {});
  clock.ms = 9_999;
  live.expire();
  expect(lost).toEqual([]);
  clock.ms = 10_000;
  live.expire();
  live.expire();
  expect(lost).toEqual(["r m"]);
  expect(request.streams).toBe(2);
});

test("twins continue if the primary's end is unknown because measuring stopped", async () => {
  const { live, begin, cancelled } = setup();
  const cut = begin("cut");
  const gone = begin("gone");
  for (const id of ["cut", "gone"]) live.beginTwin(id, "m", () => {});
  measure(cut).isCut = true;
  measure(gone);
  live.primaryOver(cut);
  live.primaryOver(gone);
  await until(async () => cancelled.length > 0);
  expect(cancelled).toEqual(["m"]);
});

describe("something that never arrives", () => {
  test.each([
    { name: "a twin", prepare: () => {} },
    { name: "an observe stream", prepare: (request: LiveRequest) => void measure(request) },
  ])("is not waited for longer than 10 s: $name", ({ prepare }) => {
    const { live, clock, begin } = setup();
    const request = begin("r");
    prepare(request);
    live.primaryOver(request);
    clock.ms = 9_999;
    live.expire();
    expect(live.size).toBe(1);
    clock.ms = 10_000;
    live.expire();
    expect(live.size).toBe(0);
  });

  test("is waited for while a stream is open", () => {
    const { live, clock, begin } = setup();
    begin("r");
    clock.ms = 100_000;
    live.expire();
    expect(live.size).toBe(1);
  });

  test("a twin with an unknown primary is tracked alone", () => {
    const { live } = setup();
    const twin = live.beginTwin("r", "m", () => {});
    if (twin === undefined) throw new Error("no room");
    expect([live.size, twin.isCounted]).toEqual([1, false]);
    live.streamOver(twin.request);
    expect(live.size).toBe(0);
  });

  test("above the limit, new requests are not tracked", () => {
    const { live } = setup();
    for (let i = 0; i < 70_000; i++) live.begin(`r${i}`, []);
    expect(live.size).toBe(65_536);
    expect(live.begin("more", [])).toBeUndefined();
    expect(live.beginTwin("more", "m", () => {})).toBeUndefined();
  });
});

test("a client that disconnects ends its twins if the answer was not complete and the lane supports it", async () => {
  const { live, begin, cancelled } = setup();
  const failed: string[] = [];
  const requests = ["gone", "answered", "unmeasured"].map((id) => {
    const request = begin(id, ["m", "open"]);
    for (const mirror of ["m", "open"]) {
      live.beginTwin(id, mirror, () => failed.push(`${id} ${mirror}`));
    }
    return request;
  });
  const [gone, answered] = requests as [LiveRequest, LiveRequest];
  measure(gone);
  measure(answered).isWhole = true;
  for (const request of requests.toReversed()) live.primaryOver(request);
  await until(async () => cancelled.length > 0);
  expect({ failed, cancelled }).toEqual({ failed: ["gone m"], cancelled: ["m"] });
});
