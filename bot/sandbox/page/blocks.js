// Block Kit blocks as nodes.

import { chart } from "./charts.js";
import { control } from "./controls.js";
import { h } from "./dom.js";
import { drawn, markdown, mrkdwn } from "./mrkdwn.js";
import { richText } from "./rich.js";
import { dataTable, table } from "./tables.js";

export function blocks(list, desk) {
  return h("div", { class: "blocks" }, list.map((block) => framed(block, desk)));
}

function framed(block, desk) {
  const make = MAKERS[block.type] || unknown;
  return h("div", { class: `block ${block.type}`, data: { hook: "block", type: block.type, block: block.block_id } }, make(block, desk));
}

function unknown(block) {
  return h("p", { class: "unknown" }, `This page cannot draw a ${block.type} block. Its JSON stands in the traffic.`);
}

function text(object, desk) {
  if (object.type === "mrkdwn") return mrkdwn(object.text, desk.world);
  return h("span", { class: "plain" }, drawn(object.text));
}

// Pictures are not fetched: the page speaks to nobody but the sandbox.
function picture(element) {
  return h("span", { class: "no-picture", role: "img", "aria-label": element.alt_text, title: element.image_url }, `Picture: ${element.alt_text}`);
}

function section(block, desk) {
  const accessory = block.accessory;
  return [
    h(
      "div",
      { class: "section-text" },
      block.text ? text(block.text, desk) : null,
      block.fields ? h("div", { class: "fields" }, block.fields.map((field) => h("div", {}, text(field, desk)))) : null,
    ),
    accessory ? h("div", { class: "accessory" }, accessory.type === "image" ? picture(accessory) : control(block, accessory, desk)) : null,
  ];
}

function input(block, desk) {
  const wrong = desk.errors?.[block.block_id];
  const node = control(block, block.element, desk);
  const field = node.matches("input, select, textarea") ? node : null;
  const id = `in-${block.block_id}`;
  if (field) field.id = id;
  if (wrong) (field || node).setAttribute("aria-invalid", "true");
  if (wrong) (field || node).setAttribute("aria-describedby", `${id}-wrong`);
  return [
    h(field ? "label" : "span", { class: "label", for: field ? id : null }, block.label.text, block.optional ? h("small", {}, " (optional)") : null),
    node,
    wrong ? h("p", { class: "wrong", id: `${id}-wrong`, role: "alert", data: { hook: "error", block: block.block_id } }, wrong) : null,
    block.hint ? h("p", { class: "hint" }, block.hint.text) : null,
  ];
}

function container(block, desk) {
  const title = block.title ? block.title.text : richText(block.rich_text_title, desk.world);
  const inner = [block.subtitle ? h("p", { class: "hint" }, text(block.subtitle, desk)) : null, blocks(block.child_blocks, desk)];
  if (!block.is_collapsible) return [h("h4", {}, title), inner];
  return h("details", { open: !block.default_collapsed }, h("summary", {}, title), inner);
}

const MAKERS = {
  section,
  input,
  container,
  header: (block) => h("h3", {}, drawn(block.text.text)),
  divider: () => h("hr"),
  context: (block, desk) => block.elements.map((one) => (one.type === "image" ? picture(one) : text(one, desk))),
  actions: (block, desk) => block.elements.map((one) => control(block, one, desk)),
  image: (block) => [block.title ? h("p", { class: "hint" }, block.title.text) : null, picture(block)],
  alert: (block, desk) => h("div", { class: `alert ${block.level || "default"}`, role: "note" }, text(block.text, desk)),
  rich_text: (block, desk) => richText(block, desk.world),
  markdown: (block, desk) => markdown(block.text, desk.world),
  table: (block, desk) => table(block, desk.world),
  data_table: (block, desk) => dataTable(block, desk.world),
  data_visualization: (block) => chart(block),
};
