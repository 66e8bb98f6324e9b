// Everything in Block Kit that a person can press, choose or write in.

import { confirmFirst, h } from "./dom.js";

const KEYS = {
  static_select: ["selected_option", "initial_option"],
  radio_buttons: ["selected_option", "initial_option"],
  multi_static_select: ["selected_options", "initial_options"],
  checkboxes: ["selected_options", "initial_options"],
  datepicker: ["selected_date", "initial_date"],
  timepicker: ["selected_time", "initial_time"],
  datetimepicker: ["selected_date_time", "initial_date_time"],
  users_select: ["selected_user", "initial_user"],
  channels_select: ["selected_channel", "initial_channel"],
  conversations_select: ["selected_conversation", "initial_conversation"],
  multi_users_select: ["selected_users", "initial_users"],
  multi_channels_select: ["selected_channels", "initial_channels"],
  multi_conversations_select: ["selected_conversations", "initial_conversations"],
};

// What Slack's state would say of an element once `value` was put in: options for their values.
export function entryOf(element, value) {
  const [key] = KEYS[element.type] || ["value"];
  const offers = [...(element.options || []), ...(element.option_groups || []).flatMap((group) => group.options)];
  const option = (one) => offers.find((other) => other.value === one);
  if (key === "selected_option") return { [key]: value === null ? null : option(value) };
  if (key === "selected_options") return { [key]: value.map(option) };
  return { [key]: value };
}

// desk: {world, act(block, element, value) → Promise, put(block, element, value), entry(block, element)}
export function control(block, element, desk) {
  const makers = { button, overflow, checkboxes: choices, radio_buttons: choices };
  const hook = { hook: "control", action: element.action_id, block: block.block_id, kind: element.type };
  const node = (makers[element.type] || (element.type in KEYS ? picker : writer))(block, element, desk);
  Object.assign(node.dataset, hook);
  return node;
}

function first(block, element, desk) {
  const [key, initial] = KEYS[element.type] || ["value", "initial_value"];
  return desk.entry?.(block, element)?.[key] ?? element[initial] ?? null;
}

async function press(block, element, desk, value, node) {
  if (!(await confirmFirst(element.confirm))) return false;
  node.setAttribute("aria-busy", "true");
  node.classList.remove("failed");
  const done = await desk.act(block, element, value);
  node.removeAttribute("aria-busy");
  node.classList.toggle("failed", done === false);
  return true;
}

function button(block, element, desk) {
  const style = element.style ? ` ${element.style}` : "";
  const attributes = { class: `control${style}`, "aria-label": element.accessibility_label };
  if (element.url && /^https?:/.test(element.url)) {
    const away = { ...attributes, href: element.url, target: "_blank", rel: "noopener noreferrer" };
    const node = h("a", { ...away, class: `${away.class} button`, onclick: () => desk.act(block, element, null) }, element.text.text);
    return node;
  }
  const node = h("button", { type: "button", ...attributes, onclick: () => node.getAttribute("aria-busy") || press(block, element, desk, null, node) }, element.text.text);
  return node;
}

function overflow(block, element, desk) {
  const menu = h("div", { class: "menu", role: "menu", hidden: true });
  const opener = h("button", { type: "button", class: "control", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": "More actions", onclick: () => show(menu.hidden) }, "⋯");
  const node = h("span", { class: "overflow" }, opener, menu);
  function show(open) {
    menu.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
    if (open) menu.querySelector("button").focus();
  }
  for (const option of element.options) {
    const choose = () => {
      show(false);
      opener.focus();
      press(block, element, desk, option.value, opener);
    };
    menu.append(h("button", { type: "button", role: "menuitem", data: { value: option.value }, onclick: choose }, option.text.text));
  }
  node.addEventListener("keydown", (event) => {
    const items = [...menu.querySelectorAll("button")];
    const at = items.indexOf(document.activeElement);
    if (event.key === "Escape" && !menu.hidden) {
      event.stopPropagation();
      show(false);
      opener.focus();
    } else if (event.key === "ArrowDown") items[Math.min(at + 1, items.length - 1)].focus();
    else if (event.key === "ArrowUp") items[Math.max(at - 1, 0)].focus();
    else return;
    event.preventDefault();
  });
  node.addEventListener("focusout", (event) => node.contains(event.relatedTarget) || show(false));
  return node;
}

function choices(block, element, desk) {
  const many = element.type === "checkboxes";
  const chosen = [first(block, element, desk) ?? []].flat().map((option) => option.value);
  const name = `${block.block_id}.${element.action_id}.${Math.random()}`;
  const node = h("div", { class: "choices", role: many ? "group" : "radiogroup", "aria-label": block.label?.text });
  const value = () => {
    const picked = [...node.querySelectorAll("input:checked")].map((one) => one.value);
    return many ? picked : picked[0] ?? null;
  };
  for (const option of element.options) {
    const box = h("input", { type: many ? "checkbox" : "radio", name, value: option.value, checked: chosen.includes(option.value), onchange: () => changed(block, element, desk, value(), node) });
    node.append(h("label", {}, box, h("span", {}, option.text.text, option.description ? h("small", {}, option.description.text) : null)));
  }
  return node;
}

function changed(block, element, desk, value, node) {
  if (desk.put?.(block, element, value) !== "kept") press(block, element, desk, value, node);
}

// What the person may choose from, as [value, words], and what was chosen for them even if they cannot see it.
function offered(element, desk, chosen) {
  const found = seen(element, desk);
  const others = chosen.filter((one) => !found.some(([value]) => value === one));
  return [...found, ...others.map((one) => [one, `${one} (you cannot see it)`])];
}

function seen(element, desk) {
  const { world } = desk;
  const people = () => Object.values(world.users).filter((user) => user.id !== world.slackbot && !user.deleted).map((user) => [user.id, user.real_name]);
  const titled = (one) => ({ public: `# ${one.name}`, private: `# ${one.name} (private)` })[one.kind] || world.title(one);
  const withBots = (one) => one.kind !== "im" || !element.filter?.exclude_bot_users || !one.members.some((id) => world.users[id]?.is_bot);
  const rooms = (kinds) => [...world.channels.values()].filter((one) => kinds.includes(one.kind) && !one.archived && withBots(one)).map((one) => [one.id, titled(one)]);
  const makers = {
    users: people,
    channels: () => rooms(["public"]),
    conversations: () => rooms((element.filter?.include || ["public", "private", "im"]).map((one) => (one === "mpim" ? "im" : one))),
  };
  return makers[/(users|channels|conversations)/.exec(element.type)[1]]();
}

function picker(block, element, desk) {
  const [now, label] = [first(block, element, desk), block.label?.text || element.placeholder?.text || element.action_id];
  const kinds = { datepicker: "date", timepicker: "time", datetimepicker: "datetime-local" };
  if (kinds[element.type]) {
    const unix = element.type === "datetimepicker";
    const local = unix && now ? new Date(now * 1000 - new Date(now * 1000).getTimezoneOffset() * 60000).toISOString().slice(0, 16) : now;
    const input = h("input", { type: kinds[element.type], class: "control", "aria-label": label, value: local ?? "" });
    const value = () => (unix && input.value ? Math.floor(new Date(input.value).getTime() / 1000) : input.value || null);
    input.addEventListener("change", () => changed(block, element, desk, value(), input));
    return input;
  }
  const many = element.type.startsWith("multi_");
  const chosen = [now ?? []].flat().map((one) => one.value ?? one);
  const option = ([value, words]) => h("option", { value, selected: chosen.includes(value) }, words);
  const plain = (options) => options.map((one) => option([one.value, one.text.text]));
  const groups = (element.option_groups || []).map((group) => h("optgroup", { label: group.label.text }, plain(group.options)));
  const list = element.type.includes("static") ? [...plain(element.options || []), ...groups] : offered(element, desk, chosen).map(option);
  const hint = many ? null : h("option", { value: "", selected: !chosen.length, disabled: !block.optional && block.type !== "input" }, element.placeholder?.text || "Choose…");
  const select = h("select", { class: "control", multiple: many, size: many ? Math.min(6, Math.max(2, list.length)) : null, "aria-label": label }, hint, list);
  select.addEventListener("change", async () => {
    const picked = [...select.selectedOptions].map((one) => one.value).filter(Boolean);
    if (desk.put?.(block, element, many ? picked : picked[0] ?? null) === "kept") return;
    const sent = await press(block, element, desk, many ? picked : picked[0] ?? null, select);
    // a menu in a message goes back to its words, so that the same can be chosen again
    if (!many && (!sent || !desk.entry)) select.value = chosen[0] ?? "";
  });
  return select;
}

function writer(block, element, desk) {
  const types = { email_text_input: "email", url_text_input: "url", number_input: "text" };
  const attributes = {
    class: "control",
    placeholder: element.placeholder?.text,
    "aria-label": block.label?.text,
    maxlength: element.max_length,
    inputmode: element.type === "number_input" ? "decimal" : null,
    autocomplete: "off",
    value: first(block, element, desk) ?? "",
  };
  const input = element.multiline ? h("textarea", { rows: 4, ...attributes }) : h("input", { type: types[element.type] || "text", ...attributes });
  input.addEventListener("input", () => desk.put?.(block, element, input.value, "typing"));
  input.addEventListener("change", () => desk.put?.(block, element, input.value));
  if (element.focus_on_load) input.autofocus = true;
  return input;
}
