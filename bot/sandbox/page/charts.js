// data_visualization blocks as SVG, each with its numbers as a table behind a button.

import { fill, h, svg } from "./dom.js";

const HEIGHT = 240;
const LEFT = 48;
const LEVEL = 28; // room below for words that lie level
const LEANING = 15; // letters of a word that must lean
const TOP = 12;
const LETTER = 6.8; // about as wide as a letter of a tick's
const [NARROW, BROAD] = [240, 694];
const say = new Intl.NumberFormat("en-US");
const brief = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export function chart(block) {
  const spec = block.chart;
  const place = h("div");
  const names = spec.type === "pie" ? spec.segments.map((one) => one.label) : spec.series.map((one) => one.name);
  const picture = h("div", { class: "picture" }, place, names.length > 1 || spec.type === "pie" ? legend(names) : null);
  const numbers = h("div", { class: "scroll", hidden: true, data: { hook: "chart-table" } }, asTable(spec));
  const toggle = h("button", {
    type: "button",
    class: "quiet",
    "aria-pressed": "false",
    data: { hook: "chart-toggle" },
    onclick: () => {
      numbers.hidden = !numbers.hidden;
      picture.hidden = !numbers.hidden;
      toggle.setAttribute("aria-pressed", String(!numbers.hidden));
      toggle.textContent = numbers.hidden ? "Show as table" : "Show as chart";
    },
  }, "Show as table");
  // drawn as wide as there is room, so that its words keep their size beside a thread and on a phone
  const draw = (wide) => fill(place, spec.type === "pie" ? pie(spec) : axes(spec, wide));
  let drawn = 0;
  new ResizeObserver(([entry]) => {
    const wide = Math.round(Math.min(BROAD, Math.max(NARROW, entry.contentRect.width)));
    if (entry.contentRect.width && wide !== drawn) draw((drawn = wide));
  }).observe(picture);
  draw(BROAD);
  return h("figure", { class: "chart", data: { hook: "chart" } }, h("figcaption", {}, block.title, toggle), picture, numbers);
}

function legend(names) {
  return h("ul", { class: "legend" }, names.map((name, index) => h("li", {}, h("i", { class: `swatch fill${index % 12}` }), name)));
}

function asTable(spec) {
  if (spec.type === "pie") {
    const rows = spec.segments.map((one) => h("tr", {}, h("td", {}, one.label), h("td", { class: "right" }, say.format(one.value))));
    return h("table", { class: "grid" }, h("thead", {}, h("tr", {}, h("th", {}, "Part"), h("th", { class: "right" }, "Value"))), h("tbody", {}, rows));
  }
  const { categories, x_label: across } = spec.axis_config;
  const head = h("tr", {}, h("th", {}, across || ""), spec.series.map((one) => h("th", { class: "right" }, one.name)));
  const rows = categories.map((name) => h("tr", {}, h("td", {}, name), spec.series.map((one) => h("td", { class: "right" }, say.format(value(one, name))))));
  return h("table", { class: "grid" }, h("thead", {}, head), h("tbody", {}, rows));
}

function value(series, category) {
  return series.data.find((point) => point.label === category)?.value ?? 0;
}

// Round steps, at most five of them.
function ticks(least, most) {
  const span = most - least || 1;
  const rough = span / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const first = Math.floor(least / step) * step;
  const found = [];
  for (let at = first; at < most + step; at += step) found.push(Number(at.toPrecision(12)));
  return found;
}

function axes(spec, wide) {
  const { categories, x_label: across, y_label: up } = spec.axis_config;
  const values = spec.series.flatMap((one) => categories.map((name) => value(one, name)));
  const marks = ticks(Math.min(0, ...values), Math.max(0, ...values));
  const [low, high] = [marks[0], marks.at(-1)];
  const left = LEFT + (up ? 14 : 0);
  const slot = (wide - left - 8) / categories.length;
  const every = Math.ceil(categories.length / ((wide - left) / 64));
  const longest = Math.max(...categories.map((name) => name.length));
  const tilt = longest * LETTER + 8 > slot * every;
  const label = (name) => (tilt && name.length > LEANING ? `${name.slice(0, LEANING - 1)}…` : name);
  const bottom = (tilt ? 22 + (Math.min(longest, LEANING) * LETTER) / 2 : LEVEL) + (across ? 14 : 0);
  const middle = (index) => (tilt ? x(index) : Math.min(x(index), wide - (categories[index].length * LETTER) / 2));
  const y = (number) => TOP + (HEIGHT - TOP - bottom) * (1 - (number - low) / (high - low));
  const x = (index) => left + slot * (index + 0.5);
  const words = `${spec.type} chart: ${spec.series.map((one) => `${one.name}: ${categories.map((name) => `${name} ${value(one, name)}`).join(", ")}`).join("; ")}`;
  return svg(
    "svg",
    { viewBox: `0 0 ${wide} ${HEIGHT}`, role: "img", "aria-label": words },
    marks.map((mark) => [
      svg("line", { class: mark === 0 ? "axis" : "gridline", x1: left, x2: wide - 8, y1: y(mark), y2: y(mark) }),
      svg("text", { class: "tick", x: left - 6, y: y(mark) + 4, "text-anchor": "end" }, brief.format(mark)),
    ]),
    // where only some have room for their words, the last is the one people look at
    categories.map((name, index) =>
      (categories.length - 1 - index) % every ? null : svg("text", { class: "tick", x: middle(index), y: HEIGHT - bottom + 16, "text-anchor": tilt ? "end" : "middle", transform: tilt ? `rotate(-30 ${x(index)} ${HEIGHT - bottom + 16})` : null }, label(name)),
    ),
    across ? svg("text", { class: "tick", x: (left + wide) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, across) : null,
    up ? svg("text", { class: "tick", x: 12, y: HEIGHT / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${HEIGHT / 2})` }, up) : null,
    spec.type === "bar" ? bars(spec, categories, x, y, slot) : lines(spec, categories, x, y),
  );
}

function bars(spec, categories, x, y, slot) {
  const width = Math.min(48, (slot * 0.72) / spec.series.length);
  return spec.series.map((one, which) =>
    categories.map((name, index) => {
      const number = value(one, name);
      const start = x(index) + (which - spec.series.length / 2) * width;
      const height = Math.abs(y(number) - y(0));
      const bar = { class: `fill${which % 12}`, x: start, width: Math.max(1, width - 2), y: Math.min(y(number), y(0)), height, rx: 2 };
      return svg("rect", bar, svg("title", {}, `${one.name}, ${name}: ${say.format(number)}`));
    }),
  );
}

function lines(spec, categories, x, y) {
  return spec.series.map((one, which) => {
    const points = categories.map((name, index) => `${x(index)},${y(value(one, name))}`);
    const floor = `${x(categories.length - 1)},${y(0)} ${x(0)},${y(0)}`;
    return [
      spec.type === "area" ? svg("polygon", { class: `area fill${which % 12}`, points: `${points.join(" ")} ${floor}` }) : null,
      svg("polyline", { class: `line stroke${which % 12}`, points: points.join(" ") }),
      categories.map((name, index) =>
        svg("circle", { class: `fill${which % 12}`, cx: x(index), cy: y(value(one, name)), r: 3 }, svg("title", {}, `${one.name}, ${name}: ${say.format(value(one, name))}`)),
      ),
    ];
  });
}

function pie(spec) {
  const total = spec.segments.reduce((sum, one) => sum + one.value, 0);
  const [middle, radius] = [110, 100];
  const at = (share) => [middle + radius * Math.sin(2 * Math.PI * share), middle - radius * Math.cos(2 * Math.PI * share)];
  let before = 0;
  const slices = spec.segments.map((one, index) => {
    const share = one.value / total;
    const title = svg("title", {}, `${one.label}: ${say.format(one.value)} (${Math.round(share * 100)} %)`);
    if (share > 0.9999) return svg("circle", { class: `fill${index}`, cx: middle, cy: middle, r: radius }, title);
    const [fromX, fromY] = at(before);
    before += share;
    const [toX, toY] = at(before);
    const path = `M ${middle} ${middle} L ${fromX} ${fromY} A ${radius} ${radius} 0 ${share > 0.5 ? 1 : 0} 1 ${toX} ${toY} Z`;
    return svg("path", { class: `slice fill${index % 12}`, d: path }, title);
  });
  const words = `pie chart: ${spec.segments.map((one) => `${one.label} ${one.value}`).join(", ")}`;
  return svg("svg", { viewBox: "0 0 220 220", class: "pie", role: "img", "aria-label": words }, slices);
}
