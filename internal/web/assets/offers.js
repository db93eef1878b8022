// What the editor offers while one types: the variables of the page, which stand in the list that the field names, and
// the words of conditions.
import { pickedCompletion } from "@codemirror/autocomplete";
import { helpers, tag } from "./language.js";

// variables are those of the field's list in its order, with the value that each has in a real event.
function variables(field) {
  const options = document.getElementById(field.dataset.list)?.options ?? [];
  return [...options].map((option, index) => ({ name: option.value.replace(/^#|#$/g, ""), place: String(index).padStart(5, "0"), sample: option.label === option.value ? "" : option.label }));
}

// put writes an offer; back is how far before its end the cursor then stands. A # that closes the old name goes.
const put = (text, back = 0) => (view, offer, from, to) => {
  if (text.endsWith("#") && view.state.sliceDoc(to, to + 1) === "#") to++;
  view.dispatch({
    changes: { from, to, insert: text }, selection: { anchor: from + text.length - back },
    userEvent: "input.complete", annotations: pickedCompletion.of(offer), scrollIntoView: true,
  });
};

// around is the list that the #each# blocks before the cursor stand in, named from the outside: order.lines[0].
function around(before, all) {
  const open = [];
  for (const [found] of before.matchAll(tag)) {
    const each = /^#each +(.*)#$/.exec(found)?.[1];
    if (each) {
      const inner = open.findLast(Boolean);
      open.push((inner && all.some((v) => v.name === `${inner}.${each}`) ? `${inner}.${each}` : each) + "[0]");
    } else if (found.startsWith("#if ")) open.push("");
    else if (found === "#end#") open.pop();
  }
  return { list: open.findLast(Boolean), blocks: open.length };
}

// offerVariables offers what may follow a # that closes no placeholder.
export const offerVariables = (field) => (context) => {
  const before = context.state.sliceDoc(0, context.pos);
  const begun = /#(each +|if +)?([A-Za-z][\w.[\]-]*)?$/.exec(before.replace(tag, (found) => " ".repeat(found.length)));
  if (!begun) return null;
  const lead = "#" + (begun[1] ?? "");
  const all = variables(field);
  const { list, blocks } = around(before, all);
  const near = list ? all.filter((v) => v.name.startsWith(list + ".")).map((v) => ({ ...v, name: v.name.slice(list.length + 1), boost: 1 })) : [];
  const options = [...near, ...all].map((v) => ({ label: `${lead}${v.name}#`, detail: v.sample, boost: v.boost, sortText: v.place, apply: put(`${lead}${v.name}#`) }));
  if (!begun[1]) {
    const word = (text) => options.push({ label: text, boost: -1, apply: put(text) });
    word("#each ");
    word("#if ");
    if (blocks > 0) word("#else#"), word("#end#");
  }
  return { from: begun.index, options, validFor: /^#(?:each +|if +)?[\w.[\]-]*$/ };
};

// asPath is a variable's name as the condition language writes it (conditionPath in webhook_condition.go).
function asPath(name) {
  const [first, ...parts] = /^(data|event|source|headers|endpoint|attributes|response)\b/.test(name) ? name.split(".") : ["data", ...name.split(".")];
  return first + parts.map((part) => part.replace(/^[^[]+/, (word) => /^[A-Za-z_]\w*$/.test(word) ? "." + word : `["${word}"]`)).join("");
}

// offerNames offers the helpers and the variables of a condition, outside its texts.
export const offerNames = (field) => (context) => {
  const before = context.state.sliceDoc(0, context.pos);
  const begun = /[A-Za-z_][\w.[\]"-]*$/.exec(before)?.[0] ?? "";
  const inText = /["']/.test(before.slice(0, before.length - begun.length).replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, ""));
  if (inText || begun === "" && !context.explicit) return null;
  const options = helpers.map((name) => ({ label: `${name}()`, apply: put(`${name}()`, 1) }));
  for (const v of variables(field)) options.push({ label: asPath(v.name), detail: v.sample, sortText: v.place, apply: put(asPath(v.name)) });
  return { from: context.pos - begun.length, options, validFor: /^[\w.[\]"-]*$/ };
};
