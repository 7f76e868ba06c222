// SPDX-License-Identifier: GPL-2.0-or-later
// Looks at pages of the built site: see scripts/look, which calls it.
import { createRequire } from "node:module";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [site, folder, ...named] = process.argv.slice(2);
const require = createRequire(resolve(folder, "node_modules") + "/");
const puppeteer = require("puppeteer-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const PAGES = [
  "index",
  "three-in-the-morning",
  "test-your-own-program",
  "reference/causes/syn-ack-lost",
  "reference/commands/netlab-run",
  "atlas/index#FIN_WAIT1/CLOSE_WAIT",
  "conformance/index#rst-in-window/TIME_WAIT",
];
const LOOKS = [
  { name: "phone", width: 390, theme: "light" },
  { name: "wide", width: 1280, theme: "light" },
  { name: "phone-dark", width: 390, theme: "dark" },
  { name: "wide-dark", width: 1280, theme: "dark" },
];
const SERIOUS = ["serious", "critical"];
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** What is wrong with a page as it is shown so wide, light or dark. */
async function look(browser, address, picture, { width, theme }) {
  const wrong = [];
  const page = await browser.newPage();
  page.on("console", (said) => {
    if (["error", "warn"].includes(said.type())) wrong.push(`console: ${said.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`script: ${error.message}`));
  page.on("request", (request) => {
    if (!/^(file|data|about):/.test(request.url())) wrong.push(`asks ${request.url()}`);
  });
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
  await page.goto(address, { waitUntil: "load" });
  await page.screenshot({ path: `${picture}.png`, fullPage: false });
  const wider = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  if (wider > 0) wrong.push(`is ${wider} pixels wider than the window`);
  await page.evaluate(AXE);
  const found = await page.evaluate(() => window.axe.run(document));
  for (const { id, impact, nodes } of found.violations) {
    if (SERIOUS.includes(impact)) {
      wrong.push(`axe: ${id} (${impact}), ${nodes.length} times, first ${nodes[0].html.slice(0, 120)}`);
    }
  }
  await page.close();
  return wrong;
}

/** The page as it is printed. */
async function print(browser, address, picture) {
  const page = await browser.newPage();
  await page.emulateMediaType("print");
  await page.goto(address, { waitUntil: "load" });
  await page.pdf({ path: `${picture}.pdf`, format: "A4" });
  await page.setViewport({ width: 794, height: 1123 });
  await page.screenshot({ path: `${picture}.png` });
  await page.close();
}

/** The file of a page, and the place in it. Ends it all where there is no such page. */
function found(name) {
  const [path, place] = name.split("#");
  const file = [path, `${site}/${path}`, `${site}/${path}.html`].find((each) => existsSync(each));
  if (file) return [file, place];
  console.error(`look: there is no page ${path}: expected a file, or a page of the site such as index`);
  process.exit(2);
}

for (const name of named) found(name);
const browser = await puppeteer.launch({
  executablePath: CHROMIUM.find((path) => existsSync(path)),
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--allow-file-access-from-files"],
});
let count = 0;
for (const name of named.length ? named : PAGES) {
  const [file, place] = found(name);
  const address = pathToFileURL(resolve(file)).href + (place ? `#${place}` : "");
  const stem = `${folder}/${name.replaceAll(/[/#]/g, "-")}`;
  for (const kind of LOOKS) {
    for (const each of await look(browser, address, `${stem}-${kind.name}`, kind)) {
      console.log(`${name}, ${kind.name}: ${each}`);
      count += 1;
    }
  }
  await print(browser, address, `${stem}-print`);
}
await browser.close();
console.log(count ? `${count} complaints` : "nothing to complain of");
process.exit(count ? 1 : 0);
