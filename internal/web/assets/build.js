// Builds ../static/dist: a file for every page, and one for pages with an editor. Nothing is loaded from elsewhere.
import { build } from "esbuild";

await build({
  entryPoints: ["console.js", "editor.js"],
  outdir: "../static/dist",
  bundle: true,
  minify: true,
  legalComments: "eof",
  format: "iife",
  target: "es2020",
});
