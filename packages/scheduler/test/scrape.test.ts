import { describe, expect, test } from "@jest/globals";
import { createPool } from "@umbra/scheduler";
import {
  type FetchedPage,
  foreignPage,
  foreignPageReason,
  metricsPlaces,
  type Scraped,
  type ScrapePlace,
  type ScrapingOptions,
  startEndpointScraper,
  startScraping,
} from "@umbra/scheduler/scrape";

const page = (waiting: number) =>
  `vllm:num_requests_waiting ${waiting}\nvllm:num_requests_running 1\nvllm:kv_cache_usage_perc 0.5\n`;
const address = "10.0.0.1:8000";

/** Waits until the condition holds, for at most 4 s. */
async function until(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 4_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error("the condition did not hold in time");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Scrapes with answers of one's own, and stops at the end. */
async function scraping(
  answer: (url: string, signal: AbortSignal) => Promise<Response> | Response,
  body: (made: {
    pool: ReturnType<typeof createPool>;
    failures: (string | undefined)[];
    of: (
      each?: string,
    ) => ReturnType<ReturnType<typeof createPool>["snapshot"]>["endpoints"][number] | undefined;
    stop: () => void;
  }) => Promise<void>,
  options: ScrapingOptions = {},
): Promise<void> {
  const pool = createPool({ name: "pool" });
  pool.setEndpoints([address]);
  const failures: (string | undefined)[] = [];
  const { stop } = startScraping(pool, {
    everyMs: 2,
    fetch: async (url, { signal }) => answer(url, signal),
    onScrape: (_address, _tookMs, failure) => failures.push(failure),
    ...options,
  });
  try {
    const of = (each = address) =>
      pool.snapshot().endpoints.find((endpoint) => endpoint.address === each);
    await body({ pool, failures, of, stop });
  } finally {
    stop();
  }
}

describe("scraping", () => {
  test("feeds the pool repeatedly", async () => {
    let waiting = 0;
    const urls = new Set<string>();
    await scraping(
      (url) => {
        urls.add(url);
        return new Response(page(++waiting));
      },
      async ({ of }) => {
        await until(() => waiting > 3);
        expect(of()?.metrics).toMatchObject({ kind: "fresh", metrics: { kvCacheUsage: 0.5 } });
        expect([...urls]).toEqual(["http://10.0.0.1:8000/metrics"]);
      },
    );
  });

  test.each<{ name: string; labels: Record<string, string>; from: string }>([
    {
      name: "an engine's own place",
      labels: { "llm-d.ai/engine-type": "trtllm-serve" },
      from: "http://10.0.0.1:8000/prometheus/metrics",
    },
    {
      name: "an engine's own port",
      labels: { "llm-d.ai/engine-type": "triton-tensorrt-llm" },
      from: "http://10.0.0.1:8002/metrics",
    },
    {
      name: "the place where trtllm-serve has it, when /metrics is JSON",
      labels: {},
      from: "http://10.0.0.1:8000/prometheus/metrics",
    },
  ])("reads the page at $name", async ({ labels, from }) => {
    const text =
      "trtllm_num_requests_waiting 3\ntrtllm_num_requests_running 0\n" +
      'nv_trt_llm_request_metrics{request_type="waiting"} 3\nnv_trt_llm_request_metrics{request_type="scheduled"} 0\n';
    await scraping(
      (url) => (url === from ? new Response(text) : new Response("[]")),
      async ({ pool, of }) => {
        pool.setEndpoints([{ address, labels }]);
        await until(() => of()?.metrics.kind === "fresh");
        expect(of()?.metrics).toMatchObject({ metrics: { waitingRequests: 3 } });
        expect(of()?.lastFailure).toBeUndefined();
      },
    );
  });

  test("tries the endpoint's own page if nothing answers at the engine's port", async () => {
    const text =
      'nv_trt_llm_request_metrics{request_type="waiting"} 3\nnv_trt_llm_request_metrics{request_type="scheduled"} 0\n';
    let isPortAsked = false;
    await scraping(
      (url) => {
        if (!url.includes(":8002")) return new Response(text, { status: isPortAsked ? 200 : 404 });
        isPortAsked = true;
        throw new Error("ECONNREFUSED");
      },
      async ({ pool, of }) => {
        pool.setEndpoints([{ address, labels: { "llm-d.ai/engine-type": "triton-tensorrt-llm" } }]);
        await until(() => of()?.metrics.kind === "fresh");
        expect(of()?.metrics).toMatchObject({ metrics: { waitingRequests: 3 } });
      },
    );
  });

  test("a page that hides its server's load is a failure", async () => {
    let ms = 0;
    await scraping(
      () => new Response("python_info 1.0\n"),
      async ({ pool, of, failures }) => {
        await until(() => failures.length > 0);
        pool.recordAnswer(address, { status: 200 });
        expect(failures).not.toContainEqual(expect.any(String));
        ms = 11_000;
        await until(() => failures.at(-1) !== undefined);
        expect(of()?.lastFailure).toBe(
          "the metrics page shows no load, though the endpoint has answered requests",
        );
      },
      { now: () => performance.now() + ms },
    );
  });

  test.each([
    ["JSON", new Response('{"a":1}'), /is JSON, not a metrics page: set/],
    ["HTML", new Response(" <html>"), /is HTML, not a metrics page: set/],
    ["nothing", new Response(""), /is empty, .*: turn/],
    ["404", new Response("", { status: 404 }), /answered 404: set/],
    ["401", new Response("", { status: 401 }), /answered 401: give/],
  ])("distinguishes %s from a page without metrics", async (_name, response, want) => {
    await scraping(
      () => response.clone(),
      async ({ failures, of }) => {
        await until(() => failures.length > 2);
        expect(of()?.lastFailure).toMatch(want);
      },
    );
  });

  test("reports the error of the place where the page was found, once known", async () => {
    let isDown = false;
    await scraping(
      (url) => {
        if (isDown) throw new Error("gone");
        return new Response(url.endsWith("/prometheus/metrics") ? page(0) : "[]");
      },
      async ({ of }) => {
        await until(() => of()?.metrics.kind === "fresh");
        isDown = true;
        await until(() => of()?.lastFailure !== undefined);
        expect(of()?.lastFailure).toBe("gone");
      },
    );
  });

  test.each<[string, Parameters<typeof metricsPlaces>, readonly string[]]>([
    [
      "an unknown engine",
      ["h:1", undefined],
      ["http://h:1/metrics", "http://h:1/prometheus/metrics"],
    ],
    ["vLLM", ["h:1", "vllm"], ["http://h:1/metrics"]],
    [
      "trtllm-serve",
      ["h:1", "trtllm-serve"],
      ["http://h:1/prometheus/metrics", "http://h:1/metrics"],
    ],
    ["Triton", ["h:1", "triton-tensorrt-llm"], ["http://h:8002/metrics", "http://h:1/metrics"]],
    ["a path", ["[::1]:1", undefined, { path: "/m" }], ["http://[::1]:1/m"]],
    ["a port", ["[::1]:1", "trtllm-serve", { port: 2 }], ["http://[::1]:2/prometheus/metrics"]],
    [
      "an engine with a path that may be another exporter's",
      ["h:1", "trtllm-serve", { path: "/m", isHint: true }],
      ["http://h:1/prometheus/metrics", "http://h:1/metrics", "http://h:1/m"],
    ],
    ["TLS", ["h:1", "vllm", {}, "https"], ["https://h:1/metrics"]],
    [
      "TLS on another port only",
      ["h:1", "vllm", { port: 2, scheme: "https" }],
      ["https://h:2/metrics"],
    ],
    ["no TLS for metrics", ["h:1", "vllm", { scheme: "http" }, "https"], ["http://h:1/metrics"]],
  ])("looks for the page of %s in its places", (_name, args, want) => {
    const places = metricsPlaces(...args);
    expect(places.map(({ scheme, address: at, path }) => `${scheme}://${at}${path}`)).toEqual(want);
  });

  test.each([
    ["{", "JSON"],
    [" \r\n\t[1]", "JSON"],
    ["<html>", "HTML"],
    ["", "empty"],
    [" \n", "empty"],
    ["# HELP a b\n", undefined],
    ["\u0000[", undefined],
    [new Uint8Array([0x1f, 0x8b, 8]), "compressed"],
    [new Uint8Array([0x1f]), undefined],
  ])("takes a page that begins with %j for %p", (text, want) => {
    expect(foreignPage(text)).toBe(want);
  });

  test("says that a page is compressed", () => {
    expect(foreignPageReason("/m", "compressed")).toMatch(/^\/m is compressed, .*: configure/);
  });

  test("asks a slow server less often than a quick one", async () => {
    const asked = { slow: 0, quick: 0 };
    await scraping(
      async (url) => {
        const kind = url.includes("10.0.0.1") ? "slow" : "quick";
        asked[kind]++;
        if (kind === "slow") await new Promise((resolve) => setTimeout(resolve, 15));
        return new Response(page(0));
      },
      async ({ pool, of }) => {
        pool.setEndpoints([address, "10.0.0.2:8000"]);
        await until(() => asked.slow >= 2 && asked.quick >= 10);
        expect(of()?.metrics.kind).toBe("fresh");
        expect(asked.quick).toBeGreaterThan(4 * asked.slow);
      },
    );
  });

  test("never has two requests to one endpoint", async () => {
    let open = 0;
    let most = 0;
    let asked = 0;
    await scraping(
      async () => {
        most = Math.max(most, ++open);
        await new Promise((resolve) => setTimeout(resolve, 5));
        open--;
        asked++;
        return new Response(page(0));
      },
      async () => until(() => asked > 5),
      { everyMs: 1 },
    );
    expect(most).toBe(1);
  });

  test("starts and stops with the pool's endpoints, reading each as its labels say", async () => {
    const asked: string[] = [];
    await scraping(
      (url) => {
        asked.push(url);
        return new Response(`${page(0)}tgi_queue_size 7\ntgi_batch_current_size 1\n`);
      },
      async ({ pool, of }) => {
        await until(() => asked.length > 0);
        const labels = { "llm-d.ai/engine-type": "tgi" };
        pool.setEndpoints([{ address: "10.0.0.2:8000", labels }]);
        await until(() => of("10.0.0.2:8000")?.metrics.kind === "fresh");
        expect(of("10.0.0.2:8000")?.metrics).toMatchObject({ metrics: { waitingRequests: 7 } });
        asked.length = 0;
        await until(() => asked.length > 3);
        expect(asked.filter((url) => url.includes("10.0.0.1")).length).toBeLessThan(2);
      },
      { url: (each) => `https://${each}/m` },
    );
  });

  test.each<{
    name: string;
    answer: () => Promise<Response> | Response;
    want: RegExp;
    options?: ScrapingOptions;
  }>([
    { name: "a status", answer: () => new Response("", { status: 503 }), want: /answered 503/ },
    {
      name: "no metrics",
      answer: () => new Response("x 1"),
      want: /has no vllm:num_requests_waiting/,
    },
    { name: "no body", answer: () => new Response(null), want: /is empty, without metrics/ },
    {
      name: "a long page",
      answer: () => new Response("x".repeat(1_000)),
      want: /larger than 500 bytes/,
      options: { maxBytes: 500 },
    },
    {
      name: "an error",
      answer: () => {
        throw new Error("connection refused");
      },
      want: /connection refused/,
    },
    { name: "something thrown", answer: () => Promise.reject("odd"), want: /odd/ },
    { name: "nothing thrown", answer: () => Promise.reject(undefined), want: /undefined/ },
  ])(
    "records why a scrape failed, asks less often, and continues: $name",
    async ({ answer, want, options }) => {
      let isBroken = true;
      await scraping(
        () => (isBroken ? answer() : new Response(page(0))),
        async ({ failures, of }) => {
          await until(() => failures.length > 1);
          expect(of()?.lastFailure).toMatch(want);
          expect(of()?.metrics.kind).toBe("missing");
          isBroken = false;
          await until(() => of()?.metrics.kind === "fresh");
          expect(of()?.lastFailure).toBeUndefined();
        },
        options,
      );
    },
  );

  test("gives up an endpoint that does not answer in time", async () => {
    await scraping(
      (_url, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        }),
      async ({ of }) => {
        await until(() => of()?.lastFailure !== undefined);
        expect(of()?.lastFailure).toBe("no answer in time");
      },
      { timeoutMs: 5 },
    );
  });

  test("stops at once, also in the middle of a scrape", async () => {
    let isAborted = false;
    let asked = 0;
    await scraping(
      (_url, signal) => {
        asked++;
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            isAborted = true;
            reject(new Error("stopped"));
          });
        });
      },
      async ({ stop, failures, of }) => {
        await until(() => asked === 1);
        stop();
        await until(() => isAborted);
        await new Promise((resolve) => setImmediate(resolve));
        expect(failures).toEqual([]);
        expect(of()?.lastFailure).toBeUndefined();
      },
    );
    expect(asked).toBe(1);
  });

  test("may be stopped by the listener to a scrape", async () => {
    const pool = createPool({ name: "pool" });
    pool.setEndpoints([address]);
    let told = 0;
    const { stop } = startScraping(pool, {
      everyMs: 1,
      fetch: async () => new Response(page(0)),
      onScrape() {
        told++;
        stop();
      },
    });
    await until(() => told === 1);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(told).toBe(1);
  });

  test("uses the platform's fetch where it is given none", async () => {
    const pool = createPool({ name: "pool" });
    pool.setEndpoints(["127.0.0.1:1"]);
    const { stop } = startScraping(pool);
    try {
      await until(() => pool.snapshot().endpoints[0]?.lastFailure !== undefined);
      expect(pool.snapshot().endpoints[0]?.metrics.kind).toBe("missing");
    } finally {
      stop();
    }
  });
});

describe("the scraper of one endpoint", () => {
  /** Answers in the given order; repeats the last one. */
  function scraper(pages: readonly FetchedPage[], elsewhere: readonly boolean[] = [false]) {
    const asked: number[] = [];
    const scraped: Scraped[] = [];
    let go: (() => void) | undefined;
    const places = elsewhere.map(
      (isElsewhere, i): ScrapePlace => ({
        name: `/${i}`,
        isElsewhere,
        get(done) {
          asked.push(i);
          done(pages[Math.min(asked.length, pages.length) - 1] as FetchedPage);
        },
      }),
    ) as [ScrapePlace, ...ScrapePlace[]];
    const { close } = startEndpointScraper({
      places: () => places,
      engine: () => undefined,
      intervalMs: () => 1,
      longestMs: 1,
      maxBackOffMs: 1,
      now: () => performance.now(),
      random: () => 0.5,
      record: ({ engine }) => engine === "vllm",
      onScraped(each, next) {
        scraped.push(each);
        go = next;
      },
    });
    /** Scrapes once more. */
    const again = async () => {
      const { length } = scraped;
      go?.();
      await until(() => scraped.length > length);
    };
    return { asked, scraped, next: () => go?.(), again, close };
  }

  const wide = `m{${Array.from({ length: 64 }, (_, i) => `l${i}="v"`).join(",")}} 1\n`;
  const complex: FetchedPage = {
    ok: true,
    bytes: wide.replace("m", "vllm:num_requests_waiting").repeat(10_000),
  };

  test("backs off from an endpoint whose page takes too long to read, and no longer once it can be read", async () => {
    const { scraped, again, close } = scraper([
      ...Array<FetchedPage>(5).fill(complex),
      { ok: true, bytes: page(0) },
      complex,
    ]);
    for (let i = 0; i < 6; i++) await again();
    expect(scraped.map(({ failure, backOffMs }) => [failure?.code, backOffMs])).toEqual([
      ["too_complex", 2],
      ["too_complex", 4],
      ["too_complex", 8],
      ["too_complex", 16],
      ["too_complex", 32],
      [undefined, undefined],
      ["too_complex", 2],
    ]);
    expect(scraped[0]?.reported).toEqual({
      code: "too_complex",
      kind: "the metrics page takes too long to read",
      reason: "/0 takes too long to read: configure the server to show fewer labels or series",
    });
    close();
  });

  test("waits at most 30 s for a page that takes too long, also where another place answers an error", async () => {
    const waits: (number | undefined)[] = [];
    let go = () => {};
    let looks = 0;
    const place = (get: ScrapePlace["get"]): ScrapePlace => ({
      name: "/",
      isElsewhere: false,
      get,
    });
    const places = [
      place((done) => done(complex)),
      place((done) => done({ ok: false, code: "bad_status", reason: "", status: 404 })),
    ] as const;
    const { close } = startEndpointScraper({
      places: () => places,
      engine: () => undefined,
      intervalMs: () => 100,
      longestMs: 800,
      maxBackOffMs: 1_000,
      // A scrape looks three times and takes no time; at the fourth look, before the wait, a minute is gone.
      now: () => Math.floor(++looks / 4) * 60_000,
      random: () => 0.5,
      record: () => true,
      onScraped(scraped, next) {
        waits.push(scraped.backOffMs);
        go = next;
      },
    });
    for (let i = 1; i < 13; i++) {
      go();
      await until(() => waits.length > i);
    }
    expect(waits).toEqual([
      ...[200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600],
      ...[30_000, 30_000, 30_000, 30_000, 30_000],
    ]);
    close();
  });

  test("scrapes again only after `next` is called", async () => {
    const { asked, scraped, again, close } = scraper([{ ok: true, bytes: page(0) }]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked).toEqual([0]);
    expect(scraped[0]).toMatchObject({ bytes: page(0).length, isAnswered: true });
    expect(scraped[0]?.failure).toBeUndefined();
    await again();
    expect(asked).toEqual([0, 0]);
    close();
  });

  const refused: FetchedPage = { ok: false, code: "refused", reason: "", status: 403 };
  const unreachable: FetchedPage = { ok: false, code: "unreachable", reason: "ECONNREFUSED" };

  test.each<{
    name: string;
    pages: readonly FetchedPage[];
    elsewhere: readonly boolean[];
    want: readonly number[];
  }>([
    {
      name: "tries the next place if a place answers something else",
      pages: [refused],
      elsewhere: [false, false],
      want: [0, 1, 0],
    },
    {
      name: "tries the next place if a page is too large",
      pages: [{ ok: false, code: "too_large", reason: "larger than 500 bytes" }],
      elsewhere: [false, false],
      want: [0, 1, 0],
    },
    {
      name: "tries the next place if another port does not answer",
      pages: [unreachable],
      elsewhere: [true, false],
      want: [0, 1, 1],
    },
    {
      name: "stays with an endpoint that does not answer",
      pages: [unreachable],
      elsewhere: [false, false],
      want: [0, 0, 0],
    },
    {
      name: "stays where the page was found",
      pages: [refused, { ok: true, bytes: page(0) }],
      elsewhere: [false, false],
      want: [0, 1, 1],
    },
  ])("$name", async ({ pages, elsewhere, want }) => {
    const { asked, again, close } = scraper(pages, elsewhere);
    await again();
    await again();
    expect(asked).toEqual(want);
    close();
  });

  test("reports what is wrong with the first place, in a few words without addresses too", async () => {
    const { scraped, again, close } = scraper([refused, unreachable], [false, false]);
    await again();
    const reported = {
      code: "refused",
      reason: "/0 answered 403: give its key with --endpoint-key-file",
      kind: "the metrics page requires authentication",
    };
    expect(scraped).toMatchObject([
      { isAnswered: true, failure: reported, reported },
      { isAnswered: false, failure: { code: "unreachable", reason: "ECONNREFUSED" }, reported },
    ]);
    close();
  });

  test("sends no request after it is closed", async () => {
    const { asked, next, close } = scraper([{ ok: true, bytes: page(0) }]);
    close();
    next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked).toEqual([0]);
  });
});
