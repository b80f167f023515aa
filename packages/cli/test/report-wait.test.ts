import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "@jest/globals";
import type { ShadowReport } from "@umbra/shadow";
import { runCommand } from "./run-command.ts";

const file = "../../shadow/test/cases/render/fail/report.json";
const saved = JSON.parse(
  readFileSync(fileURLToPath(new URL(file, import.meta.url)), "utf8"),
) as ShadowReport;
const closing: Server[] = [];

afterEach(() => {
  for (const server of closing.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

function reportOn(pool: string, final: ShadowReport["verdict"]["final"]): ShadowReport {
  const { candidate, verdict } = saved;
  const status = final === null ? "INCONCLUSIVE" : verdict.status;
  return {
    ...saved,
    candidate: { ...candidate, pool },
    limits_hit: [],
    verdict: { ...verdict, status, final },
  };
}

const over = (pool: string) => reportOn(pool, saved.verdict.final);
const running = (pool: string) => reportOn(pool, null);

/** Starts an admin interface that gives these answers one after the other, the last one for ever. */
async function sidecarAnswering(answers: readonly (readonly ShadowReport[])[]): Promise<{
  readonly admin: string;
  readonly asked: () => number;
}> {
  let asked = 0;
  const server = createServer((_request, response) => {
    const reports = answers[Math.min(asked, answers.length - 1)];
    asked++;
    response.setHeader("content-type", "application/json").end(JSON.stringify({ reports }));
  });
  closing.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { admin: `127.0.0.1:${port}`, asked: () => asked };
}

test.each([
  { what: "from before the first mirrored request on", answers: [[], [over("x")]], polls: 2 },
  { what: "not for other candidates", answers: [[running("y"), over("x")]], polls: 1 },
  {
    what: "also after another one has its verdict",
    answers: [
      [over("y"), running("x")],
      [over("y"), over("x")],
    ],
    polls: 2,
  },
  {
    what: "also before its own first mirrored request",
    answers: [[running("y")], [running("y"), over("x")]],
    polls: 2,
  },
])("umbra report --wait --candidate waits for its candidate, $what", async ({ answers, polls }) => {
  const { admin, asked } = await sidecarAnswering(answers);
  const args = ["report", "--admin", admin, "--wait", "--candidate", "x", "-o", "json"];
  const { status, stdout, stderr } = await runCommand(args);
  expect({ status, stderr: stderr.match(/error.*/)?.[0], asked: asked() }).toEqual({
    ...{ status: 0, stderr: undefined, asked: polls },
  });
  expect(JSON.parse(stdout)).toMatchObject({ candidate: { pool: "x" } });
});

test("a candidate without a report is refused once all others are over", async () => {
  const { admin } = await sidecarAnswering([[over("y")]]);
  const { status, stderr } = await runCommand([
    ...["report", "--admin", admin, "--wait", "--candidate", "x"],
  ]);
  expect([status, stderr]).toEqual([
    2,
    expect.stringContaining('there is no report for "x"; choose one of y'),
  ]);
});
