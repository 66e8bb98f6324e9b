// Messages, as a list in a channel or in a thread.

import { blocks } from "./blocks.js";
import { ask, fill, h, toast } from "./dom.js";
import { icon } from "./icons.js";
import { mrkdwn } from "./mrkdwn.js";
import { csvPreview } from "./tables.js";

const TOGETHER_SECONDS = 300;
const NEAR = 80; // pixels from the end that still count as reading the newest
const HUES = [262, 201, 152, 24, 338, 45, 180];

export function avatar(user) {
  const letters = user ? user.real_name.replace(/[^\p{L} ]/gu, "").split(" ").filter(Boolean).map((word) => word[0]).slice(0, 2).join("") : "?";
  const hue = HUES[[...(user?.id || "?")].reduce((sum, one) => sum + one.charCodeAt(0), 0) % HUES.length];
  return h("span", { class: "avatar", "aria-hidden": "true", style: { background: `hsl(${hue} 45% 42%)` } }, letters);
}

export function clock(ts, zone) {
  return new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" }).format(Number(ts) * 1000);
}

function day(ts, zone) {
  return new Intl.DateTimeFormat("en-GB", { timeZone: zone, weekday: "long", day: "numeric", month: "long" }).format(Number(ts) * 1000);
}

// Draws only what changed, so that a table keeps its sorting while new messages come.
export class MessageList {
  constructor(store, { inThread = false, openThread }) {
    this.store = store;
    this.inThread = inThread;
    this.openThread = openThread;
    this.known = new Map();
    this.atEnd = true;
    this.node = h("div", { class: "messages", role: "log", "aria-live": "polite", "aria-label": inThread ? "Replies" : "Messages", tabindex: "0", data: { hook: inThread ? "thread-messages" : "messages" } });
    // a thread that opens beside it, a composer that grows: whoever read the newest goes on reading it
    this.box = "";
    const box = () => `${this.node.clientWidth} ${this.node.clientHeight}`;
    this.node.addEventListener("scroll", () => box() === this.box && (this.atEnd = this.isAtEnd()));
    new ResizeObserver(() => {
      this.box = box();
      if (this.atEnd && !inThread) this.toEnd();
    }).observe(this.node);
  }

  isAtEnd() {
    return this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < NEAR;
  }

  toEnd() {
    this.atEnd = true;
    this.node.scrollTop = this.node.scrollHeight;
  }

  clear() {
    this.known.clear();
    fill(this.node);
  }

  // A thread opens at its start, where the answer stands.
  draw(list, atStart = false) {
    const atEnd = !atStart && this.isAtEnd();
    const next = new Map();
    const nodes = [];
    let before = null;
    for (const one of list) {
      const date = day(one.ts, this.store.zone);
      if (!before || day(before.ts, this.store.zone) !== date) {
        const key = `day ${date}`;
        const line = this.known.get(key)?.node || h("div", { class: "day", role: "separator" }, h("span", {}, date));
        next.set(key, { node: line });
        nodes.push(line);
        before = null;
      }
      const joined = before && before.user === one.user && !one.subtype && !before.subtype && Number(one.ts) - Number(before.ts) < TOGETHER_SECONDS && !before.only_for === !one.only_for && !(this.inThread && before === list[0]);
      const sign = JSON.stringify([one, Boolean(joined)]);
      const old = this.known.get(one.ts);
      const node = old?.sign === sign ? old.node : this.message(one, joined);
      next.set(one.ts, { sign, node });
      nodes.push(node);
      if (this.inThread && one.ts === list[0].ts && list.length > 1) {
        const words = `${list.length - 1} ${list.length === 2 ? "reply" : "replies"}`;
        const line = h("div", { class: "day replies", role: "separator" }, h("span", {}, words));
        nodes.push(line);
      }
      before = one;
    }
    if (!nodes.length) nodes.push(h("p", { class: "none" }, "Nothing has been said here yet."));
    this.known = next;
    this.place(nodes);
    if (atStart) this.node.scrollTop = 0;
    else if (atEnd) this.toEnd();
  }

  // Moves nothing that already stands right: focus and scrolling within stay.
  place(nodes) {
    let at = this.node.firstChild;
    for (const node of nodes) {
      if (node === at) at = at.nextSibling;
      else this.node.insertBefore(node, at);
    }
    while (at) {
      const rest = at.nextSibling;
      at.remove();
      at = rest;
    }
  }

  message(one, joined) {
    const { store } = this;
    const user = store.users[one.user];
    const desk = this.desk(one);
    const isApp = user?.is_bot;
    const head = h(
      "header",
      {},
      h("b", { class: "author" }, user?.real_name || one.user),
      isApp ? h("span", { class: "badge" }, "APP") : null,
      h("time", { datetime: new Date(one.ts * 1000).toISOString() }, clock(one.ts, store.zone)),
    );
    const attached = (one.attachments || []).map((more) => h("div", { class: "attachment" }, more.text ? mrkdwn(more.text, store) : null, more.blocks ? blocks(more.blocks, desk) : null));
    const classes = ["message", joined ? "joined" : "", one.only_for ? "whisper" : "", one.subtype || "", one.notified?.includes(store.me) ? "pings-me" : ""];
    const body = one.blocks?.length ? blocks(one.blocks, desk) : null;
    const edited = one.edited ? h("small", { class: "edited", title: new Date(one.edited.ts * 1000).toUTCString() }, "(edited)") : null;
    const tail = body?.lastChild.querySelector(".rich > p:last-child"); // where the last line has room
    if (edited) tail?.append(edited);
    const replies = !this.inThread && one.reply_count ? this.replies(one) : null;
    return h(
      "article",
      { class: classes.filter(Boolean).join(" "), "aria-label": `${user?.real_name || one.user}, ${clock(one.ts, store.zone)}`, data: { hook: "message", ts: one.ts, user: one.user, ephemeral: one.only_for ? "yes" : "no" } },
      joined ? h("time", { class: "gutter", "aria-hidden": "true" }, clock(one.ts, store.zone)) : avatar(user),
      h(
        "div",
        { class: "said" },
        one.only_for ? h("p", { class: "only-you" }, icon("eye"), "Only visible to you") : null,
        joined ? null : head,
        one.broadcast && !this.inThread ? h("p", { class: "only-you" }, "replied to a thread") : null,
        body || (one.text ? mrkdwn(one.text, store) : null),
        attached,
        (one.files || []).map((file) => fileCard(file)),
        one.edited && !tail ? edited : null,
        replies,
      ),
      this.inThread || one.only_for ? null : h("button", { type: "button", class: "hover", data: { hook: "reply" }, "aria-label": "Reply in thread", onclick: () => this.openThread(one.ts) }, icon("reply"), "Reply"),
    );
  }

  replies(one) {
    const words = `${one.reply_count} ${one.reply_count === 1 ? "reply" : "replies"}`;
    return h(
      "button",
      { type: "button", class: "replies-link", data: { hook: "open-thread", ts: one.ts }, onclick: () => this.openThread(one.ts) },
      one.reply_users.slice(0, 3).map((id) => avatar(this.store.users[id])),
      h("b", {}, words),
      h("span", {}, `last at ${clock(one.latest_reply, this.store.zone)}`),
    );
  }

  desk(message) {
    const state = {};
    return {
      world: this.store,
      put: (block, element, value) => {
        if (block.type !== "input" || block.dispatch_action) return "send";
        state[block.block_id] = { ...state[block.block_id], [element.action_id]: value };
        return "kept";
      },
      act: async (block, element, value) => {
        const answer = await ask("click", { as: this.store.me, channel: message.channel, ts: message.ts, action_id: element.action_id, block_id: block.block_id, value });
        if (!answer.ok || !answer.acked) toast(answer.words);
        return answer.ok && answer.acked;
      },
    };
  }
}

function size(bytes) {
  return bytes < 1000 ? `${bytes} bytes` : bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function fileCard(file) {
  const path = new URL(file.url_private).pathname;
  const preview = h("div", { class: "preview" });
  const card = h(
    "div",
    { class: "file-card", data: { hook: "file", file: file.id, name: file.name } },
    h(
      "header",
      {},
      h("span", { class: "file-icon", "aria-hidden": "true" }, file.filetype.slice(0, 4).toUpperCase()),
      h("span", { class: "file-name" }, h("b", {}, file.title), h("small", {}, `${file.name === file.title ? "" : `${file.name} · `}${size(file.size)}`)),
      h("a", { class: "control button", href: path, download: file.name, data: { hook: "download" } }, "Download"),
    ),
    preview,
  );
  if (file.size) {
    fetch(`${path}?preview`).then(async (answer) => {
      if (!answer.ok) return;
      const text = await answer.text();
      fill(preview, file.filetype === "csv" ? csvPreview(text) : h("pre", {}, text.slice(0, 2000)));
    });
  }
  return card;
}
