// Builds ../static/dist/console.js: one file, nothing loaded from elsewhere.
import { build } from "esbuild";

await build({
  entryPoints: ["console.js"],
  outfile: "../static/dist/console.js",
  bundle: true,
  minify: true,
  legalComments: "eof",
  format: "iife",
  target: "es2020",
});
