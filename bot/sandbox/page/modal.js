// Modals: what lies on top is shown; typed words survive an update from the app.

import { blocks } from "./blocks.js";
import { entryOf } from "./controls.js";
import { ask, fill, h, toast } from "./dom.js";

export class Modals {
  constructor(world) {
    this.world = world;
    this.typed = new Map();
    this.shown = null;
    this.errors = {};
    this.trouble = "";
    this.dialog = h("dialog", { class: "modal", data: { hook: "modal" } });
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.close();
    });
    document.body.append(this.dialog);
  }

  show(views) {
    const view = views.at(-1) || null;
    if (view?.id !== this.shown?.id || view?.hash !== this.shown?.hash) {
      this.errors = {};
      this.trouble = "";
    }
    if (view?.id !== this.shown?.id) this.typed.clear();
    this.shown = view;
    if (!view) {
      if (this.dialog.open) this.dialog.close();
      this.opener?.isConnected && this.opener.focus();
      return;
    }
    if (!this.dialog.open) this.opener = document.activeElement;
    this.draw(views.length > 1);
    if (this.dialog.open) return;
    this.dialog.showModal();
    this.dialog.querySelector(".modal-body :is(input, select, textarea)")?.focus();
  }

  key(block, element) {
    return `${block.block_id}\n${element.action_id}`;
  }

  desk() {
    const view = this.shown;
    return {
      world: this.world,
      errors: this.errors,
      entry: (block, element) => {
        const kept = this.typed.get(this.key(block, element));
        if (kept !== undefined) return entryOf(element, kept.value);
        return view.state.values[block.block_id]?.[element.action_id];
      },
      put: (block, element, value, typing) => {
        const words = typeof value === "string" && element.type.endsWith("_input");
        this.typed.set(this.key(block, element), { block, element, value });
        if (typing) return "kept";
        if (block.type === "input" && !block.dispatch_action) {
          ask("fill", { as: this.world.me, view: view.id, action_id: element.action_id, block_id: block.block_id, value });
          return "kept";
        }
        if (words) this.act(block, element, value);
        return words ? "kept" : "send";
      },
      act: (block, element, value) => this.act(block, element, value),
    };
  }

  async act(block, element, value) {
    await this.flush();
    const sent = { as: this.world.me, view: this.shown.id, action_id: element.action_id, block_id: block.block_id, value };
    const answer = await ask("click", sent);
    if (!answer.ok || !answer.acked) toast(answer.words);
    return answer.ok && answer.acked;
  }

  async flush() {
    for (const { block, element, value } of this.typed.values()) {
      await ask("fill", { as: this.world.me, view: this.shown.id, action_id: element.action_id, block_id: block.block_id, value });
    }
  }

  async submit() {
    const button = this.dialog.querySelector("[data-hook=submit]");
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    const view = this.shown;
    await this.flush();
    const answer = await ask("submit", { as: this.world.me, view: view.id });
    button.disabled = false;
    button.removeAttribute("aria-busy");
    if (this.shown?.id !== view.id) return;
    this.errors = answer.errors || {};
    this.trouble = Object.keys(this.errors).length || answer.acked ? "" : answer.words;
    this.draw(Boolean(this.shown.previous_view_id));
    this.dialog.querySelector("[aria-invalid]")?.focus();
  }

  close() {
    if (this.shown) ask("close", { as: this.world.me, view: this.shown.id });
  }

  draw(stacked) {
    const view = this.shown;
    const focused = document.activeElement?.id;
    const form = h(
      "form",
      { novalidate: true, onsubmit: (event) => (event.preventDefault(), view.submit && this.submit()) },
      h("header", {}, h("h2", { id: "modal-title" }, view.title.text), h("button", { type: "button", class: "icon", "aria-label": "Close", data: { hook: "close" }, onclick: () => this.close() }, "✕")),
      h(
        "div",
        { class: "modal-body" },
        this.trouble ? h("p", { class: "alert error", role: "alert", data: { hook: "trouble" } }, this.trouble) : null,
        blocks(view.blocks, this.desk()),
      ),
      h(
        "footer",
        {},
        h("button", { type: "button", data: { hook: "cancel" }, onclick: () => this.close() }, view.close?.text || (stacked ? "Back" : view.submit ? "Cancel" : "Close")),
        view.submit ? h("button", { type: "submit", class: "primary", data: { hook: "submit" } }, view.submit.text) : null,
      ),
    );
    this.dialog.setAttribute("aria-labelledby", "modal-title");
    this.dialog.dataset.view = view.id;
    this.dialog.dataset.callback = view.callback_id;
    fill(this.dialog, form);
    if (focused) document.getElementById(focused)?.focus();
  }
}
