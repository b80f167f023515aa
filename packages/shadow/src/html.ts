/** Parts of pages in the report's style: `@umbra/shadow/html`. Pure functions, no I/O. */
export { count, number, percent, unknown } from "./render/format.ts";
export { verdictWord } from "./render/headline.ts";
export { text } from "./render/html/escape.ts";
export { htmlPage, type PageContent } from "./render/html/page.ts";
export { reportSectionIds, reportSections, type Section } from "./render/html/report-sections.ts";
export { style } from "./render/html/style.ts";
export { shareBar } from "./render/html/svg/share-bar.ts";
export { type Cell, left, type TableContent, table, wrapped } from "./render/html/table.ts";
