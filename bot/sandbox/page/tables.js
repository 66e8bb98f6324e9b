// Tables: Slack's table and data_table blocks, and the preview of a CSV file.

import { h, fill } from "./dom.js";
import { richText } from "./rich.js";

const SHORT = 24; // characters that are never worth a second line: dates, cipher suites, services
const WIDE = 4; // columns; with more, the first is kept narrow so that others show beside it

function shown(cell, world) {
  if (cell.type === "rich_text") return richText(cell, world);
  if (!cell.text.startsWith("arn:")) return document.createTextNode(cell.text);
  const parts = cell.text.split(/(?<=[:/])(?=\w)/); // a line ends where a part of the ARN does
  return parts.flatMap((part, index) => (index ? [h("wbr"), part] : [part]));
}

function words(cell) {
  if (cell.type !== "rich_text") return cell.text;
  const flat = (value) => (Array.isArray(value) ? value.map(flat).join(" ") : value.elements ? flat(value.elements) : value.text || value.user_id || value.url || "");
  return flat(cell.elements);
}

function classOf(align, text) {
  return text.length <= SHORT ? `${align} short` : align;
}

export function table(block, world) {
  const settings = block.column_settings || [];
  const cell = (kind, one, column) => {
    const align = settings[column]?.align || (one.type === "raw_number" ? "right" : "left");
    const wrap = settings[column]?.is_wrapped ? " wrap" : "";
    return h(kind, { class: `${align}${wrap}`, scope: kind === "th" ? "col" : null }, shown(one, world));
  };
  const [head, ...rows] = block.rows;
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table", data: { hook: "table" } },
    h(
      "table",
      { class: "grid" },
      h("thead", {}, h("tr", {}, head.map((one, column) => cell("th", one, column)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((one, column) => cell("td", one, column))))),
    ),
  );
}

export function dataTable(block, world) {
  const [head, ...rows] = block.rows;
  const size = block.page_size || 5;
  const numeric = head.map((_, column) => rows.every((row) => row[column].type === "raw_number"));
  const heading = block.row_header_column_index ?? 0;
  let order = { column: -1, down: false };
  let page = 0;
  let wanted = "";

  const body = h("tbody");
  const status = h("span", { class: "status", "aria-live": "polite", data: { hook: "table-status" } });
  const headers = head.map((one, column) =>
    h(
      "th",
      { class: classOf(numeric[column] ? "right" : "left", one.text), scope: "col", "aria-sort": "none" },
      h("button", { type: "button", data: { hook: "sort", column }, onclick: () => sort(column) }, one.text, h("span", { class: "arrow", "aria-hidden": "true" })),
    ),
  );
  const pager = (name, label, sign, step) =>
    h("button", { type: "button", data: { hook: name }, "aria-label": label, onclick: () => turn(step) }, sign);
  const back = pager("previous", "Previous page", "‹", -1);
  const forth = pager("next", "Next page", "›", 1);
  const search = h("input", {
    type: "search",
    placeholder: "Filter rows",
    "aria-label": `Filter the rows of: ${block.caption}`,
    data: { hook: "filter" },
    oninput: (event) => {
      wanted = event.target.value.toLowerCase();
      page = 0;
      draw();
    },
  });

  function sort(column) {
    if (order.column !== column) order = { column, down: numeric[column] };
    else if (order.down === numeric[column]) order = { column, down: !order.down };
    else order = { column: -1, down: false };
    page = 0;
    draw();
  }

  function turn(step) {
    page += step;
    draw();
  }

  function chosen() {
    const found = rows.filter((row) => !wanted || row.some((one) => words(one).toLowerCase().includes(wanted)));
    if (order.column < 0) return found;
    const key = (row) => (row[order.column].type === "raw_number" ? row[order.column].value : words(row[order.column]));
    const compare = (a, b) =>
      typeof key(a) === "number" && typeof key(b) === "number" ? key(a) - key(b) : String(key(a)).localeCompare(String(key(b)), "en", { numeric: true });
    return [...found].sort((a, b) => (order.down ? compare(b, a) : compare(a, b)));
  }

  function draw() {
    const found = chosen();
    const pages = Math.max(1, Math.ceil(found.length / size));
    page = Math.min(page, pages - 1);
    const first = page * size;
    const part = found.slice(first, first + size);
    fill(
      body,
      part.map((row) =>
        h("tr", {}, row.map((one, column) =>
          h(column === heading ? "th" : "td", { class: classOf(one.type === "raw_number" ? "right" : "left", words(one)), scope: column === heading ? "row" : null }, shown(one, world)),
        )),
      ),
      part.length ? null : h("tr", {}, h("td", { colspan: head.length, class: "none" }, "No row matches.")),
    );
    headers.forEach((header, column) => {
      const sorted = order.column === column ? (order.down ? "descending" : "ascending") : "none";
      header.setAttribute("aria-sort", sorted);
      header.querySelector(".arrow").textContent = { ascending: "▲", descending: "▼", none: "" }[sorted];
    });
    status.textContent = found.length ? `${first + 1}–${first + part.length} of ${found.length}` : "0 rows";
    back.disabled = page === 0;
    forth.disabled = page >= pages - 1;
  }

  draw();
  const paged = rows.length > size;
  return h(
    "div",
    { class: head.length > WIDE ? "data-table wide" : "data-table", data: { hook: "data-table" } },
    h("div", { class: "bar" }, h("span", { class: "caption" }, block.caption), search),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": block.caption },
      h("table", { class: "grid" }, h("caption", { class: "hidden" }, block.caption), h("thead", {}, h("tr", {}, headers)), body),
    ),
    h("div", { class: "bar foot" }, status, paged ? h("span", { class: "pager" }, back, forth) : null),
  );
}

// RFC 4180: quotes, doubled quotes, line breaks within them.
export function parseCsv(text) {
  const rows = [[]];
  let field = "";
  let inside = false;
  const body = text.replace(/^\ufeff/, "");
  for (let at = 0; at < body.length; at++) {
    const one = body[at];
    if (inside) {
      if (one !== '"') field += one;
      else if (body[at + 1] === '"') field += body[++at];
      else inside = false;
    } else if (one === '"') inside = true;
    else if (one === ",") {
      rows.at(-1).push(field);
      field = "";
    } else if (one === "\n" || one === "\r") {
      if (one === "\r" && body[at + 1] === "\n") at++;
      rows.at(-1).push(field);
      rows.push([]);
      field = "";
    } else field += one;
  }
  if (field || rows.at(-1).length) rows.at(-1).push(field);
  return rows.filter((row) => row.length);
}

const FEW = 4;
const MOST = 200;

export function csvPreview(text) {
  const [head = [], ...rows] = parseCsv(text);
  let few = true;
  const body = h("tbody");
  const more = h("button", { type: "button", class: "quiet", data: { hook: "more-rows" }, onclick: () => ((few = !few), draw()) });
  function draw() {
    fill(body, rows.slice(0, few ? FEW : MOST).map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell)))));
    const all = rows.length > MOST ? `the first ${MOST} of ${rows.length}` : `all ${rows.length}`;
    more.textContent = few ? `Show ${all} rows` : "Show fewer rows";
  }
  draw();
  const grid = h("table", { class: "grid file" }, h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, cell)))), body);
  return h("div", { data: { hook: "csv" } }, h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Preview of the file" }, grid), rows.length > FEW ? more : null);
}
