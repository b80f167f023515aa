import { readFileSync, writeFileSync } from "node:fs";
import { Readable } from "node:stream";
import { expect, test } from "@jest/globals";
import type { Io } from "@umbra/cli";
import { program } from "../src/program.ts";
import { commandPage } from "./command-page.ts";

const path = new URL("../../../docs/reference/cli.md", import.meta.url);

const io: Io = {
  stdout: () => {},
  stderr: () => {},
  env: {},
  isTerminal: false,
  hasColour: false,
  signal: new AbortController().signal,
  readStdin: () => "",
  streamStdin: () => Readable.from([]),
};

test("docs/reference/cli.md has every command, argument and flag", () => {
  const want = commandPage(program(io));
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(path, want);
  expect(readFileSync(path, "utf8")).toBe(want);
});
