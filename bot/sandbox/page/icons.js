// Small drawings of our own: signs of the page, and the four signs a bot tells.

import { h, svg } from "./dom.js";

const LINES = {
  lock: ["M4 7h8v6H4z", "M5.5 7V5a2.5 2.5 0 0 1 5 0v2"],
  eye: ["M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z", "M8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z"],
  reply: ["M2.5 3h11v7.5H7L4 13v-2.5H2.5z"],
};

export function icon(name) {
  return svg("svg", { viewBox: "0 0 16 16", class: "icon-svg", "aria-hidden": "true" }, LINES[name].map((d) => svg("path", { d })));
}

const GLYPHS = {
  "🔴": () => [svg("circle", { cx: 8, cy: 8, r: 6.5, fill: "#d9363e" })],
  "✅": () => [svg("rect", { x: 1, y: 1, width: 14, height: 14, rx: 3, fill: "#2f9e5b" }), svg("path", { d: "M4.5 8.3l2.5 2.5 4.7-5.4", fill: "none", stroke: "#fff", "stroke-width": 2 })],
  "⏳": () => [svg("path", { d: "M4 1.5h8M4 14.5h8M4.8 1.5c0 4 6.4 4.5 6.4 6.5s-6.4 2.5-6.4 6.5M11.2 1.5c0 4-6.4 4.5-6.4 6.5s6.4 2.5 6.4 6.5", fill: "none", stroke: "#b7791f", "stroke-width": 1.4 }), svg("path", { d: "M5.5 14h5c-.5-2-1.7-2.6-2.5-3-.8.4-2 1-2.5 3z", fill: "#e0a11b" })],
  "⚠️": () => [svg("path", { d: "M8 1.5l7 12.5H1z", fill: "#f2b632" }), svg("path", { d: "M8 6v4M8 11.6v.6", stroke: "#3a2a00", "stroke-width": 1.7, "stroke-linecap": "round" })],
};

// The drawing of a character, its letter kept for readers and for copying; null for any other.
export function glyph(letter) {
  const make = GLYPHS[letter === "⚠" ? "⚠️" : letter];
  return make ? h("span", { class: "emoji" }, svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, make()), h("span", { class: "hidden" }, letter)) : null;
}
