// Opens pages in headless Chromium and says what a reader would meet.
//
//   node visit.mjs PLAN.json > FOUND.json
//
// The plan: { chromium, root, shots, pages: [path], queries: [text], schemes: ["light", "dark"], widths: [1400, 375] }.
// "root" is a folder; it is served on a port of the loopback that the system chooses. What is found for each visit:
// messages on the console, requests that leave the machine, horizontal overflow, elements wider than the page, and
// violations of axe-core's rule on contrast. For each query the address of the first result of the search.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import puppeteer from "puppeteer-core";

const plan = JSON.parse(await readFile(process.argv[2], "utf8"));
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const types = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".json": "application/json",
  ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".xml": "text/xml" };
const server = createServer(async (request, response) => {
  let file = path.join(plan.root, decodeURIComponent(new URL(request.url, "http://a").pathname));
  if (!path.extname(file)) file = path.join(file, "index.html");
  try {
    const content = await readFile(file);
    response.writeHead(200, { "Content-Type": types[path.extname(file)] ?? "application/octet-stream" }).end(content);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const base = `http://127.0.0.1:${server.address().port}/`;

const browser = await puppeteer.launch({ executablePath: plan.chromium, headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
const found = { visits: [], results: {} };

async function open(address, scheme, width) {
  const context = await browser.createBrowserContext(); // else the scheme that was chosen before would be remembered
  const page = await context.newPage();
  const seen = { console: [], outside: [] };
  page.on("console", (message) => ["error", "warn"].includes(message.type()) && seen.console.push(message.text()));
  page.on("pageerror", (error) => seen.console.push(String(error)));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith("data:") && !url.startsWith("blob:")) seen.outside.push(url);
  });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.setViewport({ width, height: 900 });
  await page.goto(base + address, { waitUntil: "networkidle0" });
  return [page, seen];
}

for (const address of plan.pages)
  for (const scheme of plan.schemes)
    for (const width of plan.widths) {
      const [page, seen] = await open(address, scheme, width);
      const overflow = await page.evaluate(() => {
        const most = document.documentElement.clientWidth;
        const scrolls = (e) => e && (["auto", "scroll", "hidden"].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
        const wide = [...document.querySelectorAll("main *, body > *")].filter((e) => {
          const box = e.getBoundingClientRect();
          return box.width > 0 && box.right > most + 1 && !scrolls(e.parentElement);
        });
        return { by: document.documentElement.scrollWidth - most,
          wide: wide.slice(0, 3).map((e) => `${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 60)}`) };
      });
      // Names that break inside a word: code in a cell whose box is higher than one line although it has no space.
      const broken = await page.evaluate(() => [...document.querySelectorAll("td code, th code")]
        .filter((e) => !/\s/.test(e.textContent) && e.getClientRects().length > 1).map((e) => e.textContent).slice(0, 5));
      await page.evaluate(axe);
      const contrast = await page.evaluate(async () => {
        const { violations } = await axe.run(document, { runOnly: ["color-contrast", "image-alt", "link-name", "document-title"] });
        return violations.flatMap((v) => v.nodes.slice(0, 4).map((n) => `${v.id}: ${n.html.slice(0, 120)} ${n.any[0]?.message ?? ""}`));
      });
      if (plan.shots)
        await page.screenshot({ path: path.join(plan.shots, `${address.replaceAll(/[/.]/g, "_") || "home"}-${scheme}-${width}.png`), fullPage: true });
      found.visits.push({ address, scheme, width, ...seen, overflow: overflow.by, wide: overflow.wide, broken, contrast });
      await page.browserContext().close();
    }

if (plan.queries?.length) {
  const [page] = await open("", "light", 1400);
  await page.focus("[data-md-component=search-query]");
  for (const query of plan.queries) {
    await page.$eval("[data-md-component=search-query]", (field) => { field.value = ""; });
    await page.type("[data-md-component=search-query]", query);
    await page.waitForSelector(`.md-search-result__link[href*="h=${query.split(/[ .]/)[0].toLowerCase()}"]`, { timeout: 60000 }).catch(() => {});
    await new Promise((later) => setTimeout(later, 1500));
    found.results[query] = await page.$$eval(".md-search-result__link", (links) => links.slice(0, 5).map((link) => link.href));
    found.results[query] = found.results[query].map((address) => address.replace(base, ""));
  }
}
await browser.close();
server.close();
process.stdout.write(JSON.stringify(found));
