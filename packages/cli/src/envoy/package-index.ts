import { readFileSync } from "node:fs";
import { devNull, homedir } from "node:os";
import { join } from "node:path";

type Env = Readonly<Record<string, string | undefined>>;

/** pip's settings of one file, by `section.name`; names have hyphens. */
type Settings = ReadonlyMap<string, string>;

/**
 * The Python package index that pip's settings name: `PIP_INDEX_URL`, else `index-url` of pip's files, those of the user
 * before those of the machine. Undefined where pip would take its default.
 */
export function configuredIndex(env: Env): string | undefined {
  return settingOf(env, "index-url");
}

/** Whether pip's settings forbid every package index: `PIP_NO_INDEX`, else `no-index` of pip's files. */
export function isIndexForbidden(env: Env): boolean {
  return /^(?:1|true|t|yes|y|on)$/i.test(settingOf(env, "no-index") ?? "");
}

/** Of pip's files, the section `download` goes before `global` and `install` of any file. */
function settingOf(env: Env, name: "index-url" | "no-index"): string | undefined {
  const files = settingsFiles(env).map(settingsIn);
  const values = [
    env[name === "index-url" ? "PIP_INDEX_URL" : "PIP_NO_INDEX"],
    ...files.map((each) => each.get(`download.${name}`)),
    ...files.map((each) => each.get(`global.${name}`) ?? each.get(`install.${name}`)),
  ];
  return values.find((value) => value !== undefined && value !== "");
}

/** The user's first. */
function settingsFiles(env: Env): readonly string[] {
  // So pip is kept from reading any file.
  if (env.PIP_CONFIG_FILE === devNull) return [];
  const home = env.HOME ?? homedir();
  const config = env.XDG_CONFIG_HOME ?? join(home, ".config");
  const named = env.PIP_CONFIG_FILE === undefined ? [] : [env.PIP_CONFIG_FILE];
  return [...named, join(config, "pip/pip.conf"), join(home, ".pip/pip.conf"), "/etc/pip.conf"];
}

function settingsIn(file: string): Settings {
  const settings = new Map<string, string>();
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    // Absent or not readable: pip ignores it too.
    return settings;
  }
  let section = "";
  for (const line of text.split(/\r?\n/)) {
    section = /^\[([^\]]+)\]/.exec(line)?.[1] ?? section;
    const [, name, value] = /^(index[-_]url|no[-_]index)\s*[=:]\s*(\S+)/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    settings.set(`${section}.${name.replace("_", "-")}`, value);
  }
  return settings;
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
