// Slack's mrkdwn, and the part of Markdown that its markdown block knows, as nodes.

import { glyph } from "./icons.js";
import { h, link } from "./dom.js";

// A few names; every other :word: stays as written, so that an ARN is never mangled.
const EMOJI = {
  white_check_mark: "✅", warning: "⚠️", hourglass_flowing_sand: "⏳", hourglass: "⌛", x: "❌", eyes: "👀",
  rotating_light: "🚨", information_source: "ℹ️", tada: "🎉", wave: "👋", lock: "🔒", key: "🔑", bar_chart: "📊",
  page_facing_up: "📄", arrow_up: "⬆️", arrow_down: "⬇️", thumbsup: "👍", "+1": "👍", bell: "🔔", zzz: "💤",
};

export function emoji(name) {
  return EMOJI[name] || `:${name}:`;
}

export function unescape(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

const WORD = /[\p{L}\p{N}_]/u;
const STYLES = { "*": "strong", _: "em", "~": "s" };

// world: {users, channels, groups, me, zone}
export function mrkdwn(text, world) {
  const parts = text.split(/```\n?([\s\S]+?)\n?```/);
  const nodes = parts.map((part, index) =>
    index % 2 ? h("pre", {}, unescape(plainTokens(part, world))) : quoted(part, index > 0, index < parts.length - 1, world),
  );
  return h("div", { class: "mrkdwn" }, nodes);
}

function quoted(text, afterFence, beforeFence, world) {
  let lines = text.split("\n");
  if (afterFence && lines[0] === "") lines = lines.slice(1);
  if (beforeFence && lines.at(-1) === "") lines = lines.slice(0, -1);
  const nodes = [];
  let quote = null;
  lines.forEach((line, index) => {
    const isQuote = line.startsWith("&gt;");
    if (isQuote) {
      if (!quote) nodes.push((quote = h("blockquote")));
      else quote.append(h("br"));
      quote.append(...inline(line.slice(4).trimStart(), world));
      return;
    }
    if (index > 0 && !quote) nodes.push(h("br"));
    quote = null;
    nodes.push(...inline(line, world));
  });
  return nodes;
}

const TOKEN = /(`[^`\n]+`)|(<[^<>\n]+>)|(:[a-z0-9_+-]+:)|([*_~])/g;

export function inline(text, world) {
  const nodes = [];
  let plain = "";
  let at = 0;
  const flush = () => {
    if (plain) nodes.push(...drawn(unescape(plain)));
    plain = "";
  };
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) {
    if (match.index < at) continue;
    plain += text.slice(at, match.index);
    at = match.index + match[0].length;
    const before = text[match.index - 1] || " ";
    if (match[1]) {
      flush();
      nodes.push(h("code", {}, unescape(plainTokens(match[1].slice(1, -1), world))));
    } else if (match[2]) {
      flush();
      nodes.push(token(match[2].slice(1, -1), world));
    } else if (match[3]) {
      const known = EMOJI[match[3].slice(1, -1)];
      if (known && !WORD.test(before)) plain += known;
      else {
        plain += ":";
        at = match.index + 1;
        TOKEN.lastIndex = at;
      }
    } else {
      const end = closing(text, match.index, match[4]);
      if (end < 0 || WORD.test(before)) plain += match[4];
      else {
        flush();
        nodes.push(h(STYLES[match[4]], {}, inline(text.slice(match.index + 1, end), world)));
        at = end + 1;
      }
      TOKEN.lastIndex = at;
    }
  }
  plain += text.slice(at);
  flush();
  return nodes;
}

// The states a bot tells most are drawn, because not every machine has letters for them.
export function drawn(text) {
  return text.split(/(🔴|✅|⏳|⚠️|⚠)/u).filter(Boolean).map((part) => glyph(part) || document.createTextNode(part));
}

function closing(text, start, mark) {
  if (/\s/.test(text[start + 1] || " ")) return -1;
  for (let end = text.indexOf(mark, start + 2); end > 0; end = text.indexOf(mark, end + 1)) {
    const after = text[end + 1] || " ";
    if (!/\s/.test(text[end - 1]) && !WORD.test(after)) return end;
  }
  return -1;
}

// Tokens inside code keep their words and lose their marks.
function plainTokens(text, world) {
  return text.replace(/<([^<>\n]+)>/g, (_, inner) => {
    const node = token(inner, world);
    return node.textContent.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  });
}

function token(inner, world) {
  const [head, ...rest] = inner.split("|");
  const label = rest.length ? unescape(rest.join("|")) : "";
  if (head.startsWith("@")) return person(head.slice(1), world, label);
  if (head.startsWith("#")) return room(head.slice(1), world, label);
  if (head.startsWith("!date^")) return moment(head.slice(6), label, world);
  if (head.startsWith("!subteam^")) return group(head.slice(9), world, label);
  if (head.startsWith("!")) return h("span", { class: "mention loud" }, `@${head.slice(1)}`);
  return link(unescape(head), label);
}

export function person(id, world, label = "") {
  const user = world.users[id];
  const mine = id === world.me ? " mine" : "";
  return h("span", { class: `mention${mine}`, data: { user: id } }, `@${user ? user.real_name : label || id}`);
}

export function room(id, world, label = "") {
  const channel = world.channels.get(id);
  return h("a", { class: "mention", href: `#/${id}` }, `#${channel ? channel.name : label || id}`);
}

export function group(id, world, label = "") {
  const known = world.groups[id];
  const mine = known?.users.includes(world.me) ? " mine" : "";
  return h("span", { class: `mention${mine}`, title: known?.name, data: { group: id } }, `@${known?.handle || label.replace(/^@/, "") || id}`);
}

function moment(spec, fallback, world) {
  const [stamp, format, address] = spec.split("^");
  const when = new Date(Number(stamp) * 1000);
  if (!format || Number.isNaN(when.getTime())) return document.createTextNode(fallback);
  const text = dated(when, unescape(format), world.zone);
  const node = h("time", { datetime: when.toISOString(), title: when.toUTCString() }, text);
  if (!address) return node;
  const out = link(unescape(address), " ");
  out.replaceChildren(node);
  return out;
}

export function dated(when, format, zone) {
  const say = (options) => new Intl.DateTimeFormat("en-US", { timeZone: zone, ...options }).format(when);
  const number = (options) => new Intl.DateTimeFormat("en-CA", { timeZone: zone, ...options }).format(when);
  const pretty = (options) => relativeDay(when, zone) || say(options);
  const short = { month: "short", day: "numeric", year: "numeric" };
  const long = { weekday: "long", month: "long", day: "numeric", year: "numeric" };
  const usual = { month: "long", day: "numeric", year: "numeric" };
  const makers = {
    "{date_num}": () => number({ year: "numeric", month: "2-digit", day: "2-digit" }),
    "{date}": () => say(usual),
    "{date_short}": () => say(short),
    "{date_long}": () => say(long),
    "{date_pretty}": () => pretty(usual),
    "{date_short_pretty}": () => pretty(short),
    "{date_long_pretty}": () => pretty(long),
    "{time}": () => say({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
    "{time_secs}": () => say({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }),
    "{ago}": () => ago(when),
  };
  return format.replace(/\{[a-z_]+\}/g, (name) => (makers[name] ? makers[name]() : name));
}

function relativeDay(when, zone) {
  const day = (moment) => new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(moment);
  const now = Date.now();
  const names = { [day(now)]: "today", [day(now - 86400000)]: "yesterday", [day(now + 86400000)]: "tomorrow" };
  return names[day(when)];
}

function ago(when) {
  const minutes = Math.round((Date.now() - when.getTime()) / 60000);
  const say = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (Math.abs(minutes) < 60) return say.format(-minutes, "minute");
  if (Math.abs(minutes) < 1440) return say.format(-Math.round(minutes / 60), "hour");
  return say.format(-Math.round(minutes / 1440), "day");
}

// Markdown: headings, lists, quotes, fences, rules, tables; **bold**, *italic*, ~~strike~~, `code`, [text](address).
export function markdown(text, world) {
  const out = h("div", { class: "mrkdwn markdown" });
  const lines = text.split("\n");
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index];
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    if (line.startsWith("```")) {
      const end = lines.findIndex((one, at) => at > index && one.startsWith("```"));
      const last = end < 0 ? lines.length : end;
      out.append(h("pre", {}, lines.slice(index + 1, last).join("\n")));
      index = last;
    } else if (heading) out.append(h(`h${Math.min(heading[1].length + 2, 6)}`, {}, marked(heading[2], world)));
    else if (/^\s*([-*+]|\d+\.)\s+/.test(line)) {
      const ordered = /^\s*\d/.test(line);
      const list = h(ordered ? "ol" : "ul");
      for (; index < lines.length && /^\s*([-*+]|\d+\.)\s+/.test(lines[index]); index++) {
        list.append(h("li", {}, marked(lines[index].replace(/^\s*([-*+]|\d+\.)\s+/, ""), world)));
      }
      index--;
      out.append(list);
    } else if (/^\|.*\|$/.test(line) && /^\|[\s:|-]+\|$/.test(lines[index + 1] || "")) {
      const cells = (row) => row.slice(1, -1).split("|").map((cell) => cell.trim());
      const body = h("tbody");
      const head = h("tr", {}, cells(line).map((cell) => h("th", {}, marked(cell, world))));
      for (index += 2; index < lines.length && /^\|.*\|$/.test(lines[index]); index++) {
        body.append(h("tr", {}, cells(lines[index]).map((cell) => h("td", {}, marked(cell, world)))));
      }
      index--;
      out.append(h("div", { class: "scroll" }, h("table", { class: "grid" }, h("thead", {}, head), body)));
    } else if (/^(---+|\*\*\*+)$/.test(line)) out.append(h("hr"));
    else if (line.startsWith(">")) out.append(h("blockquote", {}, marked(line.replace(/^>\s?/, ""), world)));
    else if (line.trim()) out.append(h("p", {}, marked(line, world)));
  }
  return out;
}

const MARK = /`([^`]+)`|\*\*([^*]+)\*\*|~~([^~]+)~~|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(([^)\s]+)\)|<([@#!][^<>]+)>/g;

function marked(text, world) {
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(MARK)) {
    nodes.push(document.createTextNode(unescape(text.slice(at, match.index))));
    at = match.index + match[0].length;
    if (match[1]) nodes.push(h("code", {}, match[1]));
    else if (match[2]) nodes.push(h("strong", {}, marked(match[2], world)));
    else if (match[3]) nodes.push(h("s", {}, marked(match[3], world)));
    else if (match[4]) nodes.push(h("em", {}, marked(match[4], world)));
    else if (match[5]) nodes.push(link(match[6], match[5]));
    else nodes.push(token(match[7], world));
  }
  nodes.push(document.createTextNode(unescape(text.slice(at))));
  return nodes;
}
