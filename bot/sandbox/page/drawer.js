// The drawer: what went over the wire, which of Slack's rules were broken, and what this sandbox is not.

import { fill, h } from "./dom.js";

const KEPT = 500;
const ABOUT = [
  ["What this is", "A small Slack on your own machine. The bot talks to it exactly as it talks to Slack: the Web API over HTTP, commands and clicks over Socket Mode. Nothing leaves your computer."],
  ["What it keeps to", "Three seconds to acknowledge, trigger_ids and response_urls that run out, limits of blocks, tables, charts and text, membership, scopes, rate limits, redelivery of events. Each rule broken is listed here with its JSON pointer."],
  ["What it lacks", "Search, reactions by people, editing and deleting your own messages, huddles, canvases, workflows, link previews, pictures from the web, group DMs, external_select menus, file and rich-text inputs, streaming and assistant threads, and the blocks video, card, carousel, plan, task_card, context_actions and file. Reactions by the app are kept and not drawn."],
  ["Where it may differ", "Slack does not publish every limit. Where sources disagree the stricter one holds here: 101 rows in a data_table, 13,000 characters of block text, one table a message, sorting and filtering drawn our way. Messages only you can see stay when the page is loaded anew. It forgets everything when it stops."],
];

export class Drawer {
  constructor(place, onToggle) {
    this.place = place;
    this.onToggle = onToggle;
    this.traffic = [];
    this.broken = [];
    this.tab = "traffic";
    this.wanted = "";
    this.list = h("div", { class: "drawer-list", tabindex: "0", role: "region", "aria-label": "Entries" });
    this.tabs = h("div", { role: "tablist", class: "tabs" });
    this.search = h("input", { type: "search", placeholder: "Filter: method, channel, word…", "aria-label": "Filter the traffic", data: { hook: "traffic-filter" }, oninput: () => ((this.wanted = this.search.value.toLowerCase()), this.draw()) });
    fill(place, h("header", {}, this.tabs, this.search, h("button", { type: "button", class: "icon", "aria-label": "Close the drawer", data: { hook: "drawer-close" }, onclick: () => this.onToggle(null) }, "✕")), this.list);
  }

  reset(traffic, broken) {
    this.traffic = traffic;
    this.broken = broken;
    this.draw();
  }

  add(kind, one) {
    this[kind].push(one);
    if (kind === "traffic" && this.traffic.length > KEPT) this.traffic.shift();
    if (this.place.hidden) return;
    if (kind === this.tab && this.fits(one)) this.list.prepend(this.entry(one));
    this.drawTabs();
  }

  open(tab) {
    this.place.hidden = !tab;
    if (tab) this.tab = tab;
    this.draw();
  }

  fits(one) {
    return !this.wanted || JSON.stringify(one).toLowerCase().includes(this.wanted);
  }

  drawTabs() {
    const names = { traffic: "Traffic", broken: `Rules broken (${this.broken.length})`, about: "About this sandbox" };
    fill(this.tabs, Object.entries(names).map(([key, words]) =>
      h("button", { type: "button", role: "tab", "aria-selected": String(key === this.tab), class: key === "broken" && this.broken.length ? "bad" : null, data: { hook: `tab-${key}` }, onclick: () => this.onToggle(key) }, words),
    ));
    this.search.hidden = this.tab === "about";
  }

  draw() {
    if (this.place.hidden) return;
    this.drawTabs();
    if (this.tab === "about") {
      fill(this.list, h("div", { class: "about", data: { hook: "about" } }, ABOUT.map(([title, words]) => [h("h3", {}, title), h("p", {}, words)])));
      return;
    }
    const found = this[this.tab].filter((one) => this.fits(one)).reverse();
    const none = this.tab === "broken" ? "No rule of Slack’s was broken." : "Nothing yet.";
    fill(this.list, found.length ? found.map((one) => this.entry(one)) : h("p", { class: "none" }, none));
  }

  entry(one) {
    const time = new Date(one.at * 1000).toLocaleTimeString("en-GB");
    if (this.tab === "broken") {
      return h("article", { class: "breach", data: { hook: "breach", rule: one.rule } }, h("header", {}, h("b", {}, one.rule), h("span", {}, one.where), h("time", {}, time)), h("p", {}, one.words), one.pointer ? h("code", {}, one.pointer) : null);
    }
    const out = one.way.startsWith("slack");
    const error = one.answer?.error || (one.status !== 200 ? (one.status === 0 ? "cut" : one.status) : "");
    const json = (value) => h("pre", {}, JSON.stringify(value, null, 2));
    const body = h("div", { class: "bodies" });
    const details = h(
      "details",
      { class: `exchange ${one.ok ? "" : "bad"}`, data: { hook: "exchange", what: one.what } },
      h("summary", {}, h("time", {}, time), h("span", { class: "way", title: one.way }, out ? "→ app" : "← app"), h("b", {}, one.what), h("span", { class: "result" }, error, one.injected ? " (injected)" : "")),
      body,
    );
    details.addEventListener("toggle", () => {
      if (details.open && !body.childElementCount) fill(body, json(one.sent), one.answer ? [h("p", { class: "hint" }, "answer"), json(one.answer)] : null);
    });
    return details;
  }
}
