// What the editor reads: templates in JSON, XML or text, and conditions. What counts is what internal/expr says; this
// only colours it, and finds the place where a document is no JSON.
import { jsonLanguage } from "@codemirror/lang-json";
import { defineLanguageFacet, Language, StreamLanguage } from "@codemirror/language";
import { xmlLanguage } from "@codemirror/lang-xml";
import { NodeType, Parser, Tree } from "@lezer/common";

// tag is a placeholder or the tag of a block, as expr.tokenise reads it; ## is the character #.
export const tag = /##|#(?:(?:each|if) +)?[A-Za-z][\w.[\]-]*#/g;
const block = /#(?:each|if) +[A-Za-z]/;

// masked is a template as the document around its tags: a value is a number of the same length, which fits inside quotes
// and outside them, and a block is nothing.
function masked(text) {
  let blocks = 0;
  return text.replace(tag, (found) => {
    if (found === "##") return found;
    if (block.test(found)) blocks++;
    else if (blocks === 0 || !/^#(else|end)#$/.test(found)) return "1".repeat(found.length);
    else if (found === "#end#") blocks--;
    return " ".repeat(found.length);
  });
}

const looksLikeJSON = (text) => /^\s*[[{]/.test(text);
const looksLikeXML = (text) => /^\s*</.test(text);

class TemplateParser extends Parser {
  // It reads all of it each time: what a tag is can change far behind a key.
  createParse(input, _, ranges) {
    const text = masked(input.read(0, input.length));
    if (looksLikeJSON(text)) return jsonLanguage.parser.startParse(text, [], ranges);
    if (looksLikeXML(text)) return xmlLanguage.parser.startParse(text, [], ranges);
    return { parsedPos: text.length, stoppedAt: null, stopAt() {}, advance: () => new Tree(NodeType.none, [], [], text.length) };
  }
}

export const template = new Language(defineLanguageFacet(), new TemplateParser(), [], "template");

// helpers are the first of helperNames in internal/expr.
export const helpers = ["num", "text", "lower", "date", "has"];

export const condition = StreamLanguage.define({
  token(stream) {
    if (stream.eatSpace()) return null;
    if (stream.match("//")) return stream.skipToEnd(), "comment";
    if (stream.match(/^(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)/)) return "string";
    if (stream.match(/^\d+(?:\.\d+)?/)) return "number";
    if (stream.match(/^(?:true|false|null|in)\b/)) return "keyword";
    if (stream.match(/^[A-Za-z_]\w*(?=\()/)) return "keyword";
    if (stream.match(/^[A-Za-z_]\w*/)) return "propertyName";
    if (stream.match(/^[=!<>&|+*/%?:-]+/)) return "operator";
    stream.next();
    return null;
  },
});

// placeOfFault is where a field's text ends to be JSON, -1 when it is, or is not meant to be. Where blocks repeat and
// choose, the hub sets the commas, and the preview says what is wrong.
export function placeOfFault(field, text) {
  const code = field.dataset.code;
  if (code === "condition" || text.trim() === "") return -1;
  if (code === "template") {
    const type = field.form.elements.content_type?.value ?? "";
    if (!looksLikeJSON(text) || !/^$|json/i.test(type) || block.test(text)) return -1;
    text = masked(text);
  }
  try {
    JSON.parse(text);
    return -1;
  } catch {
    // Browsers name the place each in its own words, or not at all.
  }
  let at = text.trimEnd().length;
  jsonLanguage.parser.parse(text).iterate({ enter(node) { if (node.type.isError) at = Math.min(at, node.from); } });
  return text.slice(at).trim() === "" ? text.trimEnd().length - 1 : at + text.slice(at).search(/\S/);
}
