// The page's frame: the address says what is shown, the sandbox says what there is.

import { blocks } from "./blocks.js";
import { Composer } from "./composer.js";
import { ask, fill, h, toast } from "./dom.js";
import { Drawer } from "./drawer.js";
import { icon } from "./icons.js";
import { MessageList, avatar } from "./messages.js";
import { Modals } from "./modal.js";
import { Store } from "./store.js";

const store = new Store();
const place = (id) => document.getElementById(id);
const modals = new Modals(store);
const drawer = new Drawer(place("drawer"), (tab) => go({ drawer: tab }));
const list = new MessageList(store, { openThread: (ts) => go({ thread: ts }) });
const replies = new MessageList(store, { inThread: true, openThread: () => {} });
const composer = new Composer(store, {});
const threadComposer = new Composer(store, { thread: true });
let route = {};
let live = null;
let drawn = {};
let pause = 250;

// #/C_SECURITY/1700000000.000100?as=U_ALICE&drawer=traffic&theme=dark, or #/home?as=…
function read() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [channel = "", thread = ""] = path.split("/");
  const more = new URLSearchParams(query);
  return { channel, thread, as: more.get("as"), drawer: more.get("drawer"), theme: more.get("theme"), menu: false, wide: more.get("wide") };
}

function go(change) {
  const next = { ...route, ...change };
  if ("channel" in change && !("thread" in change)) next.thread = "";
  const query = new URLSearchParams();
  for (const key of ["as", "drawer", "theme", "wide"]) if (next[key]) query.set(key, next[key]);
  const before = location.hash;
  location.hash = `/${next.channel}${next.thread ? `/${next.thread}` : ""}${query.size ? `?${query}` : ""}`;
  if (location.hash === before && route.menu) {
    route.menu = false;
    draw();
  }
}

// Draws a part anew only when what it shows has changed, and keeps the focus where it was.
function redraw(node, sign, make) {
  if (node.dataset.sign === sign) return;
  node.dataset.sign = sign;
  const held = node.contains(document.activeElement) ? { ...document.activeElement.dataset } : null;
  fill(node, make());
  if (!held) return;
  const same = [...node.querySelectorAll("[data-hook]")].find((one) => one.dataset.hook === held.hook && one.dataset.channel === held.channel && one.dataset.user === held.user);
  same?.focus();
}

function listen() {
  const wanted = route.as || localStorage.getItem("as") || "U_ALICE";
  live?.close();
  const socket = new WebSocket(`ws://${location.host}/live?as=${encodeURIComponent(wanted)}`);
  live = socket;
  socket.onmessage = (event) => heard(JSON.parse(event.data));
  socket.onopen = () => {
    pause = 250;
    document.body.classList.remove("offline");
  };
  socket.onclose = () => {
    if (live !== socket) return;
    document.body.classList.add("offline");
    setTimeout(listen, pause);
    pause = Math.min(pause * 2, 5000);
  };
}

function heard(told) {
  if (told.kind === "everything") {
    store.everything(told);
    drawer.reset(told.traffic, told.broken);
    list.clear();
    replies.clear();
    drawn = {};
    draw();
    modals.show(store.views);
    return;
  }
  const { message, parent, channel } = told;
  if (told.kind === "message") {
    const fresh = !store.find(message.channel, message.ts);
    store.put(message);
    if (parent) store.put(parent);
    if (fresh) noticed(message);
  } else if (told.kind === "deleted") {
    store.remove(message);
    if (parent) store.put(parent);
  } else if (told.kind === "channel") store.channels.set(channel.id, channel);
  else if (told.kind === "views") {
    store.views = told.views;
    modals.show(store.views);
  } else if (told.kind === "home") {
    store.home = told.home;
    drawn.home = null;
  } else if (told.kind === "sockets") store.sockets = told.sockets;
  else if (told.kind === "traffic" || told.kind === "broken") {
    drawer.add(told.kind, told[told.kind]);
    if (told.kind === "broken") drawSidebarSoon();
    return;
  }
  drawSoon();
}

function noticed(message) {
  if (message.channel === route.channel || message.user === store.me) return;
  const [count, loud] = store.unread.get(message.channel) || [0, 0];
  store.unread.set(message.channel, [count + 1, loud + (message.notified?.includes(store.me) ? 1 : 0)]);
}

let waiting = false;
function drawSoon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
  });
}

function drawSidebarSoon() {
  requestAnimationFrame(drawSidebar);
}

function theme() {
  const chosen = route.theme || localStorage.getItem("theme") || "";
  document.documentElement.dataset.theme = chosen;
}

function draw() {
  if (!store.ready) return;
  theme();
  if (!route.channel) route.channel = [...store.channels.keys()][0];
  store.unread.delete(route.channel);
  drawSidebar();
  drawMain();
  drawThread();
  if (drawn.drawer !== route.drawer) {
    drawn.drawer = route.drawer;
    drawer.open(route.drawer);
  }
  place("shell").dataset.menu = route.menu ? "open" : "closed";
  place("shell").dataset.wide = route.wide || "";
}

function entry(channel) {
  const [count, loud] = store.unread.get(channel.id) || [0, 0];
  const other = channel.kind === "im" ? store.users[channel.members.find((one) => one !== store.me) || store.me] : null;
  const here = route.channel === channel.id || (route.channel === "home" && channel === store.appChannel());
  return h(
    "li",
    {},
    h(
      "a",
      { href: `#/${channel.id}`, class: count ? "unread" : "", "aria-current": here ? "page" : null, data: { hook: "channel", channel: channel.id }, onclick: (event) => (event.preventDefault(), go({ channel: channel.id })) },
      other ? avatar(other) : h("span", { class: "sign", "aria-hidden": "true" }, channel.kind === "private" ? icon("lock") : "#"),
      h("span", { class: "name" }, store.title(channel)),
      loud ? h("span", { class: "count", "aria-label": `${loud} mentions` }, loud) : null,
      channel.archived ? h("small", {}, "archived") : null,
    ),
  );
}

function drawSidebar() {
  const all = [...store.channels.values()];
  const app = store.appChannel();
  const group = (title, channels) => (channels.length ? h("section", {}, h("h2", {}, title), h("ul", {}, channels.map(entry))) : null);
  const dark = document.documentElement.dataset.theme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const bad = drawer.broken.length;
  const sign = JSON.stringify([store.me, route.channel, Boolean(route.drawer), dark, bad, store.sockets, all, [...store.unread]]);
  redraw(place("sidebar"), sign, () => [
    h("header", {}, h("b", {}, "Sandbox"), h("small", { class: store.sockets ? "up" : "down", data: { hook: "connection" } }, store.sockets ? "app connected" : "app not connected")),
    h(
      "div",
      { class: "channels" },
      group("Channels", all.filter((one) => one.kind !== "im")),
      group("Direct messages", all.filter((one) => one.kind === "im" && one !== app)),
      app ? group("Apps", [app]) : null,
    ),
    h(
      "footer",
      {},
      h("div", { class: "acting", role: "group", "aria-label": "Act as" }, store.people.map((id) =>
        h("button", { type: "button", "aria-pressed": String(id === store.me), title: `Act as ${store.users[id].real_name}, ${store.users[id].tz}`, data: { hook: "act-as", user: id }, onclick: () => actAs(id) }, store.users[id].real_name.split(" ")[0]),
      )),
      h(
        "div",
        { class: "tools" },
        h("button", { type: "button", data: { hook: "drawer-open" }, "aria-pressed": String(Boolean(route.drawer)), onclick: () => go({ drawer: route.drawer ? null : "traffic" }) }, "Traffic", bad ? h("span", { class: "count", data: { hook: "broken-count" } }, bad) : null),
        h("button", { type: "button", data: { hook: "theme" }, onclick: () => setTheme(dark ? "light" : "dark") }, dark ? "Light" : "Dark"),
        h("button", { type: "button", data: { hook: "about-open" }, onclick: () => go({ drawer: "about" }) }, "About"),
      ),
    ),
  ]);
}

function setTheme(name) {
  localStorage.setItem("theme", name);
  go({ theme: null });
  route.theme = null;
  draw();
}

function actAs(id) {
  localStorage.setItem("as", id);
  const channel = store.channels.get(route.channel);
  const lost = channel && (channel.kind !== "public") && !channel.members.includes(id);
  go({ as: id, ...(lost || route.channel === "home" ? { channel: "" } : {}) });
}

function drawMain() {
  const app = store.appChannel();
  const onHome = route.channel === "home";
  const channel = onHome ? app : store.channels.get(route.channel);
  const main = place("main");
  if (!channel) {
    fill(main, h("p", { class: "none" }, "There is no such conversation, or you are not in it."));
    return;
  }
  const key = `${store.me}/${route.channel}`;
  const isApp = channel === app;
  const head = h("header", { class: "top" });
  const heading = (node) => redraw(node, JSON.stringify([channel, onHome, store.me]), () => [
    h("button", { type: "button", class: "icon burger", "aria-label": "Channels", data: { hook: "menu" }, onclick: () => ((route.menu = !route.menu), draw()) }, "☰"),
    h("div", { class: "title" }, h("h1", {}, channel.kind === "im" ? "" : channel.kind === "private" ? icon("lock") : "# ", store.title(channel)), h("p", {}, channel.topic || "")),
    isApp
      ? h("div", { class: "tabs", role: "tablist" },
          h("button", { type: "button", role: "tab", "aria-selected": String(onHome), data: { hook: "home-tab" }, onclick: () => openHome() }, "Home"),
          h("button", { type: "button", role: "tab", "aria-selected": String(!onHome), data: { hook: "messages-tab" }, onclick: () => go({ channel: app.id }) }, "Messages"))
      : h("small", { class: "members" }, `${channel.members.length} members`),
  ]);
  if (onHome) {
    heading(head);
    drawHome(main, head);
    return;
  }
  drawn.home = null;
  if (drawn.main !== key) {
    drawn.main = key;
    heading(head);
    list.clear();
    fill(main, head, list.node, h("div", { class: "foot" }));
    composer.aim(channel);
    list.draw(store.parents(channel.id));
    list.toEnd();
  } else {
    heading(main.firstChild);
    list.draw(store.parents(channel.id));
  }
  drawFoot(main.querySelector(".foot"), channel);
}

function drawFoot(foot, channel) {
  if (channel.archived) fill(foot, h("p", { class: "notice" }, "This channel is archived: it can be read, not written in."));
  else if (!channel.members.includes(store.me)) {
    const join = () => ask("join", { as: store.me, channel: channel.id }).then((answer) => answer.ok || toast(answer.words));
    fill(foot, h("p", { class: "notice" }, `You are not in #${channel.name}. `, h("button", { type: "button", class: "primary", data: { hook: "join" }, onclick: join }, "Join channel")));
  } else if (!composer.node.isConnected || composer.node.parentNode !== foot) fill(foot, composer.node);
}

function openHome() {
  go({ channel: "home" });
  ask("home", { as: store.me });
}

function drawHome(main, head) {
  if (drawn.home && drawn.main === "home") return;
  drawn = { ...drawn, main: "home", home: true };
  const desk = {
    world: store,
    entry: (block, element) => store.home.state.values[block.block_id]?.[element.action_id],
    act: async (block, element, value) => {
      const answer = await ask("click", { as: store.me, view: store.home.id, action_id: element.action_id, block_id: block.block_id, value });
      if (!answer.ok || !answer.acked) toast(answer.words);
      return answer.ok && answer.acked;
    },
  };
  const inside = store.home ? blocks(store.home.blocks, desk) : h("p", { class: "none" }, "The app has not published a Home tab for you yet.");
  fill(main, head, h("div", { class: "home", tabindex: "0", data: { hook: "home" } }, inside));
}

function drawThread() {
  const aside = place("thread");
  const channel = store.channels.get(route.channel);
  aside.hidden = !(channel && route.thread);
  if (aside.hidden) {
    drawn.thread = null;
    return;
  }
  const found = store.thread(channel.id, route.thread);
  const key = `${store.me}/${channel.id}/${route.thread}`;
  const fresh = drawn.thread !== key;
  if (fresh) {
    drawn.thread = key;
    replies.clear();
    const close = h("button", { type: "button", class: "icon", "aria-label": "Close the thread", data: { hook: "thread-close" }, onclick: () => go({ thread: "", wide: null }) }, "✕");
    const wider = h("button", { type: "button", class: "icon wider", "aria-label": "Make the thread wide or narrow", data: { hook: "thread-wide" }, onclick: () => go({ wide: route.wide ? null : "yes" }) }, "⇔");
    const head = h("header", { class: "top" }, h("div", { class: "title" }, h("h2", {}, "Thread"), h("p", {}, channel.kind === "im" ? store.title(channel) : `#${channel.name}`)), wider, close);
    const foot = h("div", { class: "foot" }, channel.archived || !channel.members.includes(store.me) ? null : threadComposer.node);
    fill(aside, head, replies.node, foot);
    threadComposer.aim(channel, route.thread);
  }
  if (found.length) replies.draw(found, fresh);
  else fill(replies.node, h("p", { class: "none" }, "There is no such thread."));
}

addEventListener("hashchange", () => {
  const before = route;
  route = read();
  if (before.as !== route.as) listen();
  else draw();
});
place("main").addEventListener("click", (event) => {
  if (!route.menu || event.target.closest("[data-hook=menu]")) return;
  route.menu = false;
  draw();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && route.menu) {
    route.menu = false;
    draw();
  } else if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
    if (route.thread) go({ thread: "", wide: null });
    else if (route.drawer) go({ drawer: null });
  }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
route = read();
theme();
listen();
