import { elements } from "./browser/elements.ts";
import { feed } from "./browser/feed.ts";
import { gates } from "./browser/gates.ts";
import { mirrors } from "./browser/mirrors.ts";
import { pools } from "./browser/pools.ts";
import { ratioChart } from "./browser/ratio-chart.ts";
import { verdict } from "./browser/verdict.ts";

/**
 * The page's own program, as the browser runs it: one module of these parts, which share a scope. Text from outside is
 * set with `textContent` alone: a pool's name can't become markup.
 */
export const script: string = [elements, verdict, gates, ratioChart, mirrors, pools, feed].join("");
