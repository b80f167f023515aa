import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The Python package index that pip's settings name: `PIP_INDEX_URL`, else `index-url` of pip's files, those of the user
 * before those of the machine. Undefined where pip would take its default.
 */
export function configuredIndex(env: Env): string | undefined {
  const urls = [env.PIP_INDEX_URL, ...settingsFiles(env).map(indexUrlIn)];
  return urls.find((url) => url !== undefined && url !== "");
}

/** The user's first. */
function settingsFiles(env: Env): readonly string[] {
  const home = env.HOME ?? homedir();
  const config = env.XDG_CONFIG_HOME ?? join(home, ".config");
  const named = env.PIP_CONFIG_FILE === undefined ? [] : [env.PIP_CONFIG_FILE];
  return [...named, join(config, "pip/pip.conf"), join(home, ".pip/pip.conf"), "/etc/pip.conf"];
}

/** Of the sections `global`, `install` and `download`; pip reads the others for commands of other names. */
function indexUrlIn(file: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    // Absent or not readable: pip ignores it too.
    return undefined;
  }
  let section = "";
  for (const line of text.split(/\r?\n/)) {
    section = /^\[([^\]]+)\]/.exec(line)?.[1] ?? section;
    const [, url] = /^index[-_]url\s*[=:]\s*(\S+)/.exec(line) ?? [];
    if (url !== undefined && /^(global|install|download)$/.test(section)) return url;
  }
  return undefined;
}

/** A file that an index lists. */
export interface IndexedFile {
  readonly name: string;
  readonly url: URL;
}

/** The files of an index's page on one project: HTML (PEP 503) or JSON (PEP 691), which `text` may be either of. */
export function filesOf(text: string, page: URL): readonly IndexedFile[] {
  const links = text.trimStart().startsWith("{") ? jsonLinks(text) : htmlLinks(text);
  return links.flatMap((link) => {
    const url = URL.parse(link, page.href);
    if (url === null || !/^https?:$/.test(url.protocol)) return [];
    url.hash = "";
    return [{ name: fileName(url), url }];
  });
}

function fileName({ pathname }: URL): string {
  const last = pathname.slice(pathname.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(last);
  } catch {
    // A broken escape: no wheel has such a name.
    return last;
  }
}

function htmlLinks(text: string): readonly string[] {
  const links = text.matchAll(/<a\s[^>]{0,2000}?href\s*=\s*["']([^"']{1,4000})["']/gi);
  return [...links].map(([, href]) => (href ?? "").replaceAll("&amp;", "&"));
}

function jsonLinks(text: string): readonly string[] {
  let page: unknown;
  try {
    page = JSON.parse(text);
  } catch {
    // A page that is cut off lists nothing that can be trusted.
    return [];
  }
  const { files } = page as { readonly files?: unknown };
  if (!Array.isArray(files)) return [];
  return files.flatMap((file: unknown) => {
    const url = (file as { readonly url?: unknown } | null)?.url;
    return typeof url === "string" ? [url] : [];
  });
}
