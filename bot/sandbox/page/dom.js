// Building blocks of the page: elements are made and filled with text, never with markup.

export function h(name, props = {}, ...children) {
  return build(document.createElement(name), props, children);
}

export function svg(name, props = {}, ...children) {
  return build(document.createElementNS("http://www.w3.org/2000/svg", name), props, children);
}

function build(node, props, children) {
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(node.dataset, value);
    else if (key === "value" && "value" in node) node.value = value;
    else if (key === "style") Object.assign(node.style, value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const SAFE = new Set(["http:", "https:", "mailto:"]);

// A link out of the page; an address of another kind (javascript:, data:) stays plain text.
export function link(address, label) {
  let url = null;
  try {
    url = new URL(address);
  } catch {
    return document.createTextNode(label || address);
  }
  if (!SAFE.has(url.protocol)) return document.createTextNode(label || address);
  return h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, label || address);
}

export async function ask(act, body) {
  try {
    const answer = await fetch(`/do/${act}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return await answer.json();
  } catch {
    return { ok: false, words: "The sandbox does not answer. Is it still running?" };
  }
}

export function toast(words) {
  const place = document.getElementById("toasts");
  const note = h("div", { class: "toast", data: { hook: "toast" } }, words);
  place.append(note);
  setTimeout(() => note.remove(), 6000);
}

// Asks before something is done; the words are the app's own.
export function confirmFirst(words) {
  if (!words) return Promise.resolve(true);
  return new Promise((resolve) => {
    const answer = (said) => () => {
      dialog.close();
      dialog.remove();
      resolve(said);
    };
    const style = words.style === "danger" ? "danger" : "primary";
    const dialog = h(
      "dialog",
      { class: "modal confirm", data: { hook: "confirm" }, "aria-label": words.title.text },
      h("h2", {}, words.title.text),
      h("p", {}, words.text.text),
      h(
        "footer",
        {},
        h("button", { type: "button", data: { hook: "deny" }, onclick: answer(false) }, words.deny?.text || "Cancel"),
        h("button", { type: "button", class: style, data: { hook: "agree" }, onclick: answer(true) }, words.confirm?.text || "Yes"),
      ),
    );
    dialog.addEventListener("cancel", answer(false));
    document.body.append(dialog);
    dialog.showModal();
  });
}
