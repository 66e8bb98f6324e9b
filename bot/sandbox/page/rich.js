// rich_text blocks: everything in them is literal but their own styles.

import { h, link } from "./dom.js";
import { dated, drawn, emoji, group, person, room } from "./mrkdwn.js";

export function richText(block, world) {
  return h("div", { class: "rich" }, block.elements.map((one) => part(one, world)));
}

function part(one, world) {
  if (one.type === "rich_text_list") {
    const start = one.offset ? one.offset + 1 : null;
    const list = h(one.style === "ordered" ? "ol" : "ul", { start, class: `indent${one.indent || 0}` });
    list.append(...one.elements.map((item) => h("li", {}, item.elements.map((run) => piece(run, world)))));
    return list;
  }
  const runs = one.elements.map((run) => piece(run, world));
  if (one.type === "rich_text_preformatted") return h("pre", {}, runs);
  return h(one.type === "rich_text_quote" ? "blockquote" : "p", {}, runs);
}

function piece(run, world) {
  const makers = {
    text: () => h("span", {}, drawn(run.text)),
    link: () => link(run.url, run.text),
    emoji: () => h("span", {}, drawn(emoji(run.name))),
    user: () => person(run.user_id, world),
    channel: () => room(run.channel_id, world),
    usergroup: () => group(run.usergroup_id, world),
    broadcast: () => h("span", { class: "mention loud" }, `@${run.range}`),
    date: () => h("time", {}, dated(new Date(run.timestamp * 1000), run.format, world.zone)),
    color: () => document.createTextNode(run.value),
  };
  let node = (makers[run.type] || (() => document.createTextNode(`[${run.type}]`)))();
  const tags = { bold: "strong", italic: "em", strike: "s", code: "code", underline: "u" };
  for (const [name, tag] of Object.entries(tags)) if (run.style?.[name]) node = h(tag, {}, node);
  return node;
}
