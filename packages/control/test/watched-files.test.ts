import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import {
  createSourceFiles,
  type FileSystem,
  nodeFileSystem,
  watchFiles,
} from "@umbra/control/internal";
import { closeAfter, eventually, mountConfigMap, newFolder, replaceFile } from "./fixtures.ts";

/** Only signs of a change lead to a scan: the regular one would hide a sign that is missed. */
const onlySigns = { safetyMs: 600_000, pollMs: 600_000 };

interface Seen {
  /** Files with their present text; those that can't be read have their problem. */
  readonly files: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
}

function watched(
  paths: readonly string[],
  {
    system = nodeFileSystem,
    ...options
  }: Partial<Parameters<typeof watchFiles>[0]> & { system?: FileSystem } = {},
): Seen {
  const files = new Map<string, string>();
  const problems: string[] = [];
  const watching = watchFiles({
    paths,
    files: createSourceFiles({ paths, system, now: Date.now }),
    onChange({ put, kept, removed }) {
      for (const { name, text } of put) files.set(name, Buffer.from(text).toString());
      for (const { name, problem } of kept) files.set(name, problem);
      for (const name of removed) files.delete(name);
    },
    onProblem: (words) => void problems.push(words),
    pace: onlySigns,
    ...options,
  });
  closeAfter(() => watching.close());
  return { files, problems };
}

const until = (seen: Seen, file: string, text: string | undefined) =>
  eventually(() => (seen.files.get(file) === text ? true : undefined));

describe("files that are watched", () => {
  test("a file that is written in place, repeatedly", async () => {
    const file = join(newFolder(), "a.yaml");
    writeFileSync(file, "1");
    const seen = watched([file]);
    for (const text of ["2", "3", "4"]) {
      writeFileSync(file, text);
      await until(seen, file, text);
    }
    expect(seen.files).toEqual(new Map([[file, "4"]]));
  });

  test("a file that another one takes the place of, repeatedly", async () => {
    const file = join(newFolder(), "a.yaml");
    writeFileSync(file, "1");
    const seen = watched([file]);
    for (const text of ["2", "3", "4"]) {
      replaceFile(file, text);
      await until(seen, file, text);
    }
    expect(seen.files).toEqual(new Map([[file, "4"]]));
  });

  test("a file that is deleted and comes back", async () => {
    const file = join(newFolder(), "a.yaml");
    writeFileSync(file, "1");
    const seen = watched([file]);
    rmSync(file);
    await until(seen, file, undefined);
    writeFileSync(file, "2");
    await until(seen, file, "2");
    expect(seen.files).toEqual(new Map([[file, "2"]]));
  });

  test("files that come and go in a folder, and files of other types", async () => {
    const folder = newFolder();
    const [a, b] = [join(folder, "a.yaml"), join(folder, "b.json")];
    writeFileSync(a, "1");
    const seen = watched([folder]);
    writeFileSync(join(folder, "notes.txt"), "not read");
    writeFileSync(b, "2");
    await until(seen, b, "2");
    rmSync(a);
    await until(seen, a, undefined);
    expect(seen.files).toEqual(new Map([[b, "2"]]));
  });

  test.each(["folder", "file"])(
    "a ConfigMap whose ..data link is swapped, by its %s",
    async (by) => {
      const folder = newFolder();
      const file = join(folder, "a.yaml");
      mountConfigMap(folder, 1, { "a.yaml": "1" });
      const seen = watched([by === "folder" ? folder : file]);
      for (const version of [2, 3, 4]) {
        mountConfigMap(folder, version, { "a.yaml": String(version) });
        await until(seen, file, String(version));
      }
      expect(seen.files).toEqual(new Map([[file, "4"]]));
    },
  );

  test("a linked file whose target changes, and whose link is moved to another one", async () => {
    const folder = newFolder();
    const [link, target, other] = ["link.yaml", "target", "other"].map((name) =>
      join(folder, name),
    ) as [string, string, string];
    mkdirSync(target);
    writeFileSync(join(target, "a.yaml"), "1");
    writeFileSync(other, "moved");
    symlinkSync("target/a.yaml", link);
    const seen = watched([link]);
    writeFileSync(join(target, "a.yaml"), "2");
    await until(seen, link, "2");
    replaceFile(join(target, "a.yaml"), "3");
    await until(seen, link, "3");
    symlinkSync("other", `${link}.tmp`);
    renameSync(`${link}.tmp`, link);
    await until(seen, link, "moved");
    expect(seen.files).toEqual(new Map([[link, "moved"]]));
  });

  test("a linked folder whose link is moved to another one", async () => {
    const folder = newFolder();
    for (const name of ["one", "two"]) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "a.yaml"), name);
    }
    const link = join(folder, "current");
    symlinkSync("one", link);
    const seen = watched([link]);
    symlinkSync("two", `${link}.tmp`);
    renameSync(`${link}.tmp`, link);
    await until(seen, join(link, "a.yaml"), "two");
    writeFileSync(join(folder, "two", "a.yaml"), "changed");
    await until(seen, join(link, "a.yaml"), "changed");
    expect(seen.files.size).toBe(1);
  });

  test("a folder that is removed keeps its files, and is followed when it is back", async () => {
    const folder = join(newFolder(), "resources");
    const file = join(folder, "a.yaml");
    replaceFile(file, "1");
    const seen = watched([folder]);
    for (const text of ["2", "3"]) {
      rmSync(folder, { recursive: true });
      await until(
        seen,
        file,
        `there is no file or folder "${folder}": check the path given with -f`,
      );
      replaceFile(file, text);
      await until(seen, file, text);
    }
    writeFileSync(file, "4");
    await until(seen, file, "4");
    expect(seen.files).toEqual(new Map([[file, "4"]]));
  });

  test("a folder that is removed and made again within one scan", async () => {
    const folder = join(newFolder(), "resources");
    const file = join(folder, "a.yaml");
    replaceFile(file, "1");
    const seen = watched([folder]);
    for (const text of ["2", "3", "4"]) {
      rmSync(folder, { recursive: true });
      replaceFile(file, text);
      await until(seen, file, text);
    }
    writeFileSync(file, "5");
    await until(seen, file, "5");
    expect(seen.files).toEqual(new Map([[file, "5"]]));
  });

  test("a folder that can't be read keeps its files", async () => {
    const folder = newFolder();
    const file = join(folder, "a.yaml");
    writeFileSync(file, "1");
    let isReadable = true;
    const system: FileSystem = {
      ...nodeFileSystem,
      list(path) {
        if (isReadable) return nodeFileSystem.list(path);
        throw Object.assign(new Error(`EACCES: permission denied, scandir '${path}'`), {
          code: "EACCES",
        });
      },
    };
    const seen = watched([folder], { system });
    isReadable = false;
    writeFileSync(join(folder, "b.yaml"), "a sign");
    await until(seen, file, `"${folder}" can't be read: EACCES: permission denied`);
    isReadable = true;
    writeFileSync(file, "2");
    await until(seen, file, "2");
    expect(seen.files.get(join(folder, "b.yaml"))).toBe("a sign");
  });

  test("a file that can't be read keeps its place until it can", async () => {
    const file = join(newFolder(), "a.yaml");
    writeFileSync(file, "1");
    let isReadable = true;
    const system: FileSystem = {
      ...nodeFileSystem,
      read(path) {
        if (isReadable) return nodeFileSystem.read(path);
        throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
      },
    };
    const seen = watched([file], { system });
    isReadable = false;
    writeFileSync(file, "2");
    await until(seen, file, `"${file}" can't be read: EIO: i/o error`);
    isReadable = true;
    writeFileSync(`${file}.sign`, "");
    await until(seen, file, "2");
    expect(seen.problems).toEqual([]);
  });

  test.each(["ENOSPC", "EMFILE"])(
    "polls, and says so once, where %s ends the watches",
    async (code) => {
      const folder = newFolder();
      const file = join(folder, "a.yaml");
      writeFileSync(file, "1");
      const seen = watched([folder], {
        pace: { safetyMs: 600_000, pollMs: 20 },
        watchFolder() {
          throw Object.assign(new Error(`${code}: no more watches, watch '${folder}'`), { code });
        },
      });
      writeFileSync(file, "2");
      await until(seen, file, "2");
      writeFileSync(file, "3");
      await until(seen, file, "3");
      expect(seen.problems).toHaveLength(1);
      expect(seen.problems[0]).toMatch(
        `can't be watched: ${code}: no more watches; scanning the files every 0.02 s instead`,
      );
    },
  );

  test("a change without a sign is found by the regular scan", async () => {
    const file = join(newFolder(), "a.yaml");
    writeFileSync(file, "1");
    const seen = watched([file], {
      pace: { safetyMs: 20, pollMs: 600_000 },
      watchFolder: () => ({ close() {} }),
    });
    writeFileSync(file, "2");
    await until(seen, file, "2");
    expect(seen.problems).toEqual([]);
  });

  test("two writes within the file system's resolution of time are both seen", () => {
    const facts = { kind: "file", bytes: 1, signature: "same", changedAtMs: 1_000 } as const;
    let text = "1";
    const system: FileSystem = { stat: () => facts, list: () => [], read: () => Buffer.from(text) };
    const files = createSourceFiles({ paths: ["a.yaml"], system, now: () => 1_010 });
    const first = files.scan();
    text = "2";
    expect(first.isUnsure).toBe(true);
    expect(files.scan().put).toEqual([{ name: "a.yaml", text: Buffer.from("2") }]);
  });

  test.each([
    { name: "a time of the content that is in the future", aheadMs: 0, nowMs: Date.now() + 60_000 },
    { name: "a clock that is ahead", aheadMs: 60_000, nowMs: Date.now() },
  ])("$name does not make a file unsure", ({ aheadMs, nowMs }) => {
    const file = join(newFolder(), "a.yaml");
    writeFileSync(file, "1");
    const future = new Date(Date.now() + 86_400_000);
    utimesSync(file, future, future);
    const system: FileSystem = {
      ...nodeFileSystem,
      stat(path) {
        const facts = nodeFileSystem.stat(path);
        return facts && { ...facts, changedAtMs: facts.changedAtMs + aheadMs };
      },
    };
    const files = createSourceFiles({ paths: [file], system, now: () => nowMs });
    expect(files.scan()).toMatchObject({ put: [{ name: file }], isUnsure: false });
  });

  test("a pipe in a folder is not read, as that may never end", () => {
    const folder = newFolder();
    const pipe = join(folder, "a.yaml");
    execFileSync("mkfifo", [pipe]);
    const system: FileSystem = {
      ...nodeFileSystem,
      read() {
        throw new Error("read");
      },
    };
    const { put, kept, found } = createSourceFiles({
      ...{ paths: [folder], system, now: Date.now },
    }).scan();
    expect([put, kept]).toEqual([[], []]);
    expect(found.problems.get(pipe)).toEqual({
      kind: "unreadable",
      message: `"${pipe}" can't be read: it is not a file or folder`,
    });
  });

  test("links that lead back to their folder end the search", () => {
    const folder = newFolder();
    writeFileSync(join(folder, "c.yaml"), "1");
    for (const name of ["a.yaml", "b.yaml"]) symlinkSync(".", join(folder, name));
    let lists = 0;
    const system: FileSystem = {
      ...nodeFileSystem,
      list(path) {
        if (++lists > 30_000) throw new Error("too many folders");
        return nodeFileSystem.list(path);
      },
    };
    const { found } = createSourceFiles({ paths: [folder], system, now: Date.now }).scan();
    const words = [...found.problems.values()].map(({ message }) => message);
    expect(words).not.toEqual([]);
    expect(words).toEqual(words.map(() => expect.stringMatching(/there are more than/)));
  }, 30_000);

  test("a pipe is read once", () => {
    const facts = { kind: "other", bytes: 0, signature: "1", changedAtMs: 0 } as const;
    let reads = 0;
    const system: FileSystem = {
      stat: () => facts,
      list: () => [],
      read: () => Buffer.from(String(++reads)),
    };
    const files = createSourceFiles({ paths: ["/dev/fd/63"], system, now: Date.now });
    expect(files.scan().put).toEqual([{ name: "/dev/fd/63", text: Buffer.from("1") }]);
    expect(files.scan().put).toEqual([]);
    expect(reads).toBe(1);
  });

  test("a file that is too large is not read", () => {
    const facts = {
      kind: "file",
      bytes: 17 * 1024 * 1024,
      signature: "1",
      changedAtMs: 0,
    } as const;
    const system: FileSystem = {
      stat: () => facts,
      list: () => [],
      read() {
        throw new Error("read");
      },
    };
    const files = createSourceFiles({ paths: ["a.yaml"], system, now: Date.now });
    expect(files.scan().kept).toEqual([
      { name: "a.yaml", problem: '"a.yaml" is larger than 16 MiB' },
    ]);
  });
});
