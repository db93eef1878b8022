// An editor over each field with data-code. The field stays what the form sends and what htmx listens to; without this
// script it is what one types into. Tab goes on to the next field, as everywhere.
import { autocompletion } from "@codemirror/autocomplete";
import { history, historyKeymap, standardKeymap } from "@codemirror/commands";
import { jsonLanguage } from "@codemirror/lang-json";
import { syntaxHighlighting } from "@codemirror/language";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, highlightSpecialChars, keymap, MatchDecorator, ViewPlugin } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";
import { StyleModule } from "style-mod";
import { condition, placeOfFault, tag, template } from "./language.js";
import { offerNames, offerVariables } from "./offers.js";

// Our policy lets no <style> in. In a shadow root the library makes its sheet by script, which needs no leave; so it is
// shown the document as one.
const mount = StyleModule.mount;
const page = {
  ownerDocument: document,
  get adoptedStyleSheets() { return document.adoptedStyleSheets; },
  set adoptedStyleSheets(sheets) { document.adoptedStyleSheets = sheets; },
};
StyleModule.mount = (_, modules) => mount(page, modules);

const words = document.currentScript.dataset;
const pause = 700; // milliseconds without a key before a fault is looked for; the preview waits as long

// The kinds of data-code: what is coloured, what is offered, and what is judged.
const kinds = {
  json: { language: jsonLanguage },
  steps: { language: jsonLanguage, tags: true }, // JSON with templates in its texts
  template: { language: template, tags: true },
  condition: { language: condition, offers: offerNames },
};

// placeholders marks #order.code# and the words of blocks.
const marks = new MatchDecorator({
  regexp: tag,
  decoration: (match) => match[0] === "##" ? null : Decoration.mark({ class: /^#(each |if |else#|end#)/.test(match[0]) ? "cm-tag cm-block" : "cm-tag" }),
});
const placeholders = ViewPlugin.define((view) => ({
  marked: marks.createDeco(view),
  update(update) { this.marked = marks.updateDeco(update, this.marked); },
}), { decorations: (plugin) => plugin.marked });

// signs shows what nobody would see, or what turns the text around it, as the pages do (visible.go).
const signs = highlightSpecialChars({
  addSpecialChars: /[\u200c\u200d\u202a-\u202c\u2067\u2068]/,
  render: (code) => Object.assign(document.createElement("span"), { textContent: "\ufffd", title: "U+" + code.toString(16).toUpperCase().padStart(4, "0"), className: "cm-sign" }),
});

// fault is the place where the text ends to be JSON, -1 when it is or is none of that.
const setFault = StateEffect.define();
const fault = StateField.define({
  create: () => -1,
  update(at, change) {
    for (const effect of change.effects) if (effect.is(setFault)) return effect.value;
    return change.docChanged && at >= 0 ? Math.min(change.changes.mapPos(at), change.newDoc.length) : at;
  },
  provide: (field) => EditorView.decorations.compute([field, "doc"], (state) => {
    const at = Math.min(state.field(field), state.doc.length - 1); // one letter that is there
    return at < 0 ? Decoration.none : Decoration.set(Decoration.mark({ class: "cm-fault" }).range(at, at + 1));
  }),
});

// typedOver types over a selection. A browser would give the new text the looks of the old by a style attribute, which our
// policy forbids.
function typedOver(event, view) {
  if (event.inputType !== "insertText" || view.state.selection.main.empty || view.composing) return false;
  view.dispatch(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
  return true;
}

// dress puts an editor over a field.
function dress(field) {
  const kind = kinds[field.dataset.code];
  const label = field.labels[0];
  label.id ||= field.id + "-label";
  const said = Object.assign(document.createElement("p"), { className: "error", id: field.id + "-fault", role: "status" });
  const around = Object.assign(document.createElement("div"), { className: field.classList.contains("mono") ? "editor mono" : "editor" });

  const attributes = {
    "aria-labelledby": label.id,
    "aria-describedby": [field.getAttribute("aria-describedby"), said.id].filter(Boolean).join(" "),
    tabindex: "0", // as it has without, but a program that looks for it finds it
    spellcheck: String(!field.classList.contains("mono")),
  };
  if (field.required) attributes["aria-required"] = "true";
  field.required = false; // a browser cannot show its message at what is not seen; the hub says it

  const wrong = field.getAttribute("aria-invalid") === "true";
  let waiting, typed = false;
  const view = new EditorView({
    doc: field.value,
    extensions: [
      history(), keymap.of([...standardKeymap, ...historyKeymap]), EditorView.lineWrapping,
      signs, kind.language, syntaxHighlighting(classHighlighter), fault,
      kind.tags ? placeholders : [],
      autocompletion({ override: kind.offers || kind.tags ? [(kind.offers ?? offerVariables)(field)] : [], icons: false, activateOnCompletion: (offer) => offer.label.endsWith(" ") }),
      EditorState.phrases.of({ Completions: words.offers }),
      EditorView.contentAttributes.compute([fault], (state) => wrong || state.field(fault) >= 0 ? { ...attributes, "aria-invalid": "true" } : attributes),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) written(update.state.doc.toString());
      }),
      EditorView.domEventHandlers({
        beforeinput: typedOver,
        blur() {
          if (typed) field.dispatchEvent(new Event("change", { bubbles: true }));
          typed = false;
        },
      }),
    ],
  });

  function written(text) {
    clearTimeout(waiting);
    waiting = setTimeout(judge, pause, true);
    if (field.value === text) return;
    field.value = text;
    typed = true;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  function judge(aloud) {
    const { doc } = view.state;
    const at = placeOfFault(field, doc.toString());
    if (at !== view.state.field(fault)) view.dispatch({ effects: setFault.of(at) });
    if (aloud) said.textContent = at < 0 ? "" : words.noJson.replace("{line}", doc.lineAt(Math.min(at, doc.length)).number);
  }
  // read takes what a script or the browser has put into the field.
  function read() {
    const { doc } = view.state;
    if (field.value !== doc.toString()) view.dispatch({ changes: { from: 0, to: doc.length, insert: field.value } });
  }

  field.addEventListener("input", read);
  addEventListener("pageshow", read);
  field.addEventListener("insert", (event) => {
    event.preventDefault();
    view.dispatch(view.state.replaceSelection(event.detail), { userEvent: "input.paste", scrollIntoView: true });
    view.focus();
  });
  around.append(view.dom, said);
  field.after(around);
  if (document.activeElement === field) { // somebody was quicker than this script
    view.dispatch({ selection: { anchor: field.selectionStart, head: field.selectionEnd } });
    view.focus();
  }
  field.classList.add("covered");
  judge(false); // what the hub has said about it is on the page already
  return view;
}

const editors = new Map();
function start() {
  for (const field of document.querySelectorAll("textarea[data-code]")) editors.set(field.id, dress(field));
}
// Nothing waits for this script, and it may come before the page's end.
if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
else start();

// What leads to a field, its label and the links of a refusal, leads to its editor.
addEventListener("click", (event) => {
  const way = event.target.closest("label[for], a[href^='#']");
  const view = editors.get(way?.htmlFor ?? way?.hash.slice(1));
  if (!view) return;
  event.preventDefault();
  view.dom.scrollIntoView({ block: "nearest" });
  view.focus();
});
