export {
  type EndpointScraper,
  type EndpointScraperOptions,
  type FetchedPage,
  type PageErrorCode,
  type Scraped,
  type ScrapeErrorCode,
  type ScrapeFailure,
  type ScrapePlace,
  startEndpointScraper,
  statusErrorCode,
} from "./endpoint-scraper.ts";
export {
  type ForeignPage,
  foreignPage,
  foreignPageReason,
  pageStatusReason,
  tooComplexReason,
} from "./foreign-page.ts";
export { type MetricsPlace, type MetricsPlaceSettings, metricsPlaces } from "./metrics-place.ts";
export { type Scraping, type ScrapingOptions, startScraping } from "./scraping.ts";
