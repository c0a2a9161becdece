// Lighthouse on each address named on the command line, one JSON line per page.
//
// node lighthouse.mjs NODE_MODULES CHROMIUM ADDRESS...
//
// One browser for all of them; Lighthouse clears its caches before each page, so every visit is a first one.

import { pathToFileURL } from "node:url";

const [modules, chromePath, ...addresses] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(`${modules}/${path}`).href);
const { default: lighthouse, desktopConfig } = await load("lighthouse/core/index.js");
const { launch } = await load("chrome-launcher/dist/index.js");

const chrome = await launch({ chromePath, logLevel: "silent", chromeFlags: ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"] });
try {
  for (const address of addresses) {
    const flags = { port: chrome.port, logLevel: "silent", onlyCategories: ["performance", "accessibility"], disableFullPageScreenshot: true };
    const { lhr } = await lighthouse(address, flags, desktopConfig);
    const lost = Object.values(lhr.categories).flatMap(({ auditRefs }) => auditRefs)
      .filter(({ id, weight }) => weight && lhr.audits[id].score !== null && lhr.audits[id].score < 1)
      .map(({ id }) => `${id}: ${lhr.audits[id].displayValue ?? ""} ${lhr.audits[id].score}`);
    const { categories, audits, runtimeError } = lhr;
    console.log(JSON.stringify({
      address,
      performance: categories.performance.score,
      accessibility: categories.accessibility.score,
      first_paint_ms: audits.metrics?.details?.items?.[0]?.observedFirstPaint ?? null,
      lost,
      error: runtimeError?.message ?? null,
    }));
  }
} finally {
  await chrome.kill();
}
