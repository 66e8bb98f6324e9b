// The place to type in, with completion of commands, people and channels.

import { ask, fill, h, toast } from "./dom.js";

export class Composer {
  constructor(store, { thread = false }) {
    this.store = store;
    this.thread = thread;
    this.channel = "";
    this.ts = null;
    this.sent = [];
    this.chosen = 0;
    this.found = [];
    const name = thread ? "thread-composer" : "composer";
    this.menu = h("div", { class: "completion", role: "listbox", id: `${name}-list`, hidden: true, data: { hook: "completion" } });
    this.input = h("textarea", {
      id: name, rows: 1, class: "composer-input", role: "combobox", "aria-expanded": "false", "aria-controls": `${name}-list`, "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false",
      data: { hook: name },
      oninput: () => (this.complete(), this.grow()),
      onkeydown: (event) => this.key(event),
      onblur: () => setTimeout(() => this.hide(), 150),
    });
    this.button = h("button", { type: "button", class: "primary send", "aria-label": "Send", data: { hook: thread ? "thread-send" : "send" }, onclick: () => this.send() }, "➤");
    this.hint = h("p", { class: "composer-hint" });
    this.node = h("div", { class: "composer" }, this.menu, h("div", { class: "composer-box" }, this.input, this.button), this.hint);
  }

  aim(channel, ts = null) {
    this.channel = channel.id;
    this.ts = ts;
    const place = channel.kind === "im" ? this.store.title(channel) : `#${channel.name}`;
    this.input.placeholder = this.thread ? "Reply…" : `Message ${place}`;
    this.input.setAttribute("aria-label", this.input.placeholder);
    const mine = this.store.commands.filter((one) => one.mine);
    this.hint.textContent = this.thread || !mine.length ? "" : `Try ${mine.map((one) => `${one.name} ${one.hint}`.trim()).join("  or  ")}`;
  }

  grow() {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, 180)}px`;
  }

  complete() {
    const text = this.input.value.slice(0, this.input.selectionStart);
    const command = /^\/(\S*)$/.exec(text);
    const name = /(?:^|[\s=,])([@#])([\w.-]*)$/.exec(text);
    this.found = [];
    if (command) {
      this.found = this.store.commands.filter((one) => one.name.startsWith(text)).map((one) => ({ put: `${one.name} `, title: one.name, more: one.hint, about: one.about, from: 0 }));
    } else if (name) {
      const from = text.length - name[2].length - 1;
      const options = name[1] === "@" ? this.names() : [...this.store.channels.values()].filter((one) => one.kind !== "im").map((one) => [one.name, one.topic]);
      this.found = options.filter(([one]) => one.startsWith(name[2])).map(([one, more]) => ({ put: `${name[1]}${one} `, title: `${name[1]}${one}`, more, about: "", from }));
    }
    this.chosen = 0;
    this.drawMenu();
  }

  // Whom one can name: people, user groups, and whoever is in the channel.
  names() {
    const people = Object.values(this.store.users).filter((one) => one.id !== this.store.slackbot && !one.deleted).map((one) => [one.name, one.real_name]);
    const groups = Object.values(this.store.groups).map((one) => [one.handle, one.name]);
    return [...people, ...groups, ["here", "Whoever is in the channel and active"], ["channel", "Everybody in the channel"]];
  }

  drawMenu() {
    this.menu.hidden = !this.found.length;
    this.input.setAttribute("aria-expanded", String(!this.menu.hidden));
    fill(this.menu, this.found.map((one, index) => {
      const id = `${this.menu.id}-${index}`;
      if (index === this.chosen) this.input.setAttribute("aria-activedescendant", id);
      return h("div", { id, role: "option", class: "option", "aria-selected": String(index === this.chosen), data: { hook: "option" }, onmousedown: (event) => (event.preventDefault(), this.take(index)) }, h("b", {}, one.title), h("span", {}, one.more), one.about ? h("small", {}, one.about) : null);
    }));
  }

  hide() {
    this.found = [];
    this.drawMenu();
    this.input.removeAttribute("aria-activedescendant");
  }

  take(index) {
    const one = this.found[index];
    const rest = this.input.value.slice(this.input.selectionStart);
    this.input.value = this.input.value.slice(0, one.from) + one.put + rest;
    const at = one.from + one.put.length;
    this.input.setSelectionRange(at, at);
    this.hide();
    this.input.focus();
  }

  key(event) {
    const open = this.found.length > 0;
    const wanted = this.found[this.chosen];
    const whole = open && this.input.value.slice(wanted.from, this.input.selectionStart) === wanted.title;
    if (event.isComposing) return;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.chosen = (this.chosen + step + this.found.length) % this.found.length;
      this.drawMenu();
    } else if (open && (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey && !whole))) this.take(this.chosen);
    else if (open && event.key === "Escape") this.hide();
    else if (event.key === "Enter" && !event.shiftKey) this.send();
    else if (event.key === "ArrowUp" && !this.input.value && this.sent.length) {
      this.input.value = this.sent.at(-1);
      this.grow();
    } else return;
    event.preventDefault();
  }

  async send() {
    const text = this.input.value.trim();
    if (!text) return;
    this.hide();
    this.sent.push(text);
    this.input.value = "";
    this.grow();
    const common = { as: this.store.me, channel: this.channel, thread: this.ts };
    const command = /^(\/\S+)\s*([\s\S]*)$/.exec(text);
    const answer = await (command ? ask("command", { ...common, name: command[1], text: command[2] }) : ask("say", { ...common, text }));
    if (!answer.ok) toast(answer.words);
  }
}
