import { Argument, type Command } from "commander";
import { repository, type Topic, topics } from "../docs/topics.ts";
import { commandOf, type FlagsOf, outputFlag } from "../flags.ts";
import type { Io } from "../io.ts";
import { shippedPath } from "../process/shipped-file.ts";
import { print } from "../tables.ts";

const docsFlags = { output: outputFlag("how the pages are printed") };

/** `umbra docs`: where to read on. */
export function docsCommand(io: Io): Command {
  return commandOf("docs", {
    summary: "show where to read more",
    description: "Lists the pages of the documentation, or shows where one of them is.",
    examples: ["umbra docs", "umbra docs evaluate", "umbra docs errors"],
    flags: [docsFlags],
  })
    .addArgument(new Argument("[topic]", "which page").choices(Object.keys(topics)))
    .action((topic: string | undefined, { output }: FlagsOf<typeof docsFlags>) => {
      const chosen = Object.entries(topics).filter(([name]) => name === (topic ?? name));
      const pages = chosen.map(([name, page]) => placed(name, page));
      print(output, pages, topic === undefined ? list(pages) : details(pages), io);
    });
}

/** A page with where it is read. */
interface PlacedPage {
  readonly topic: string;
  readonly title: string;
  readonly summary: string;
  readonly url: string;
  /** On this machine; absent where the installation does not include the page. */
  readonly file?: string;
}

function placed(topic: string, { title, summary, path }: Topic): PlacedPage {
  const file = shippedPath(path);
  const url = `${repository}/blob/main/${path}`;
  return { topic, title, summary, url, ...(file === undefined ? {} : { file }) };
}

function list(pages: readonly PlacedPage[]): string {
  const width = Math.max(...pages.map(({ topic }) => topic.length)) + 2;
  const lines = pages.map(({ topic, title, summary }) => [
    `  ${topic.padEnd(width)}${title}`,
    `  ${" ".repeat(width)}${summary}`,
  ]);
  return [
    `Documentation: ${repository}/blob/main/docs/index.md`,
    "",
    ...lines.flat(),
    "",
    "Where one of them is: umbra docs TOPIC",
    "",
  ].join("\n");
}

function details(pages: readonly PlacedPage[]): string {
  return pages
    .map(({ title, summary, url, file }) => {
      const place = file === undefined ? "" : `  file: ${file}\n`;
      return `${title}: ${summary}\n  web:  ${url}\n${place}`;
    })
    .join("");
}
