import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { createSocketFolder } from "../src/process/socket-folder.ts";

const folder = mkdtempSync(join(tmpdir(), "umbra-test-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the folder is the user's alone, and goes with what is in it", () => {
  const { socket, remove } = createSocketFolder({});
  const own = join(socket, "..");
  expect(statSync(own).mode & 0o777).toBe(0o700);
  writeFileSync(socket, "");
  remove();
  expect(existsSync(own)).toBe(false);
});

test.each([
  { name: "too long a path", length: 90 },
  { name: "a path that is not there", length: 1 },
])("a socket goes elsewhere where TMPDIR has $name", ({ length }) => {
  const TMPDIR = join(folder, "x".repeat(length));
  const { socket, remove } = createSocketFolder({ TMPDIR, XDG_RUNTIME_DIR: folder });
  expect(socket.startsWith(`${folder}/umbra-`)).toBe(true);
  expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(107);
  remove();
});

test("nothing is left of the folder when the process exits", () => {
  const listeners = process.listeners("exit").length;
  const { socket, remove } = createSocketFolder({});
  const onExit = process.listeners("exit").at(-1);
  expect(process.listeners("exit")).toHaveLength(listeners + 1);
  (onExit as () => void)();
  expect(existsSync(join(socket, ".."))).toBe(false);
  remove();
  expect(process.listeners("exit")).toHaveLength(listeners);
});
